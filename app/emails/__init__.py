"""The mails of the service: what they say in each language, and how they are addressed."""

from app.emails.envelopes import envelope
from app.emails.letters import LANGUAGES, Kind, Letter, write

__all__ = ["LANGUAGES", "Kind", "Letter", "envelope", "write"]
