"""The tables, one family a file. Importing this package declares them all."""

from app.models.base import Base
from app.models.codes import Code
from app.models.failed_attempts import FailedAttempts
from app.models.outbox import Delivery
from app.models.referrals import JoinedBy, Referral, ReferralCount
from app.models.sessions import RefreshToken, Session
from app.models.users import User

__all__ = [
    "Base",
    "Code",
    "Delivery",
    "FailedAttempts",
    "JoinedBy",
    "Referral",
    "ReferralCount",
    "RefreshToken",
    "Session",
    "User",
]
