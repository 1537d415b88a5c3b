"""In which language to address whoever is asking."""

from flask import request

from app.emails import LANGUAGES


def preferred_language() -> str:
    """The language of ours that is liked best, of whatever region (RFC 9110, section 12.5.4)."""
    # The best liked come first. Werkzeug's own match would prefer `ru;q=0.5` to `en-GB`.
    liked = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality)
    return next((language for language in liked if language in LANGUAGES), LANGUAGES[0])
