"""Who brought whom."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt

ONE_REFERRER = "pk_referrals"
REFERRER_JOINED_FIRST = "ck_referrals_referrer_joined_first"


class JoinedBy(StrEnum):
    """How a person came to have a referrer."""

    REGISTRATION = "registration"
    ACTIVATION = "activation"


class Referral(Base):
    """One attribution: this referee was brought by this referrer, with this code.

    The referee is the key, so nobody has two referrers. A referrer always has the smaller id, so
    nobody refers themselves or somebody who was there before them, and no chain of referrals can
    close into a cycle.
    """

    __tablename__ = "referrals"
    __table_args__ = (
        PrimaryKeyConstraint("referee_id", name=ONE_REFERRER),
        CheckConstraint("referrer_id < referee_id", name="referrer_joined_first"),
        CheckConstraint("joined_by IN ('registration', 'activation')", name="joined_by_known"),
        Index(
            "ix_referrals_referrer_id_created_at_referee_id",
            "referrer_id",
            "created_at",
            "referee_id",
        ),
    )

    referee_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", name="fk_referrals_referee_id"), autoincrement=False
    )
    referrer_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", name="fk_referrals_referrer_id")
    )
    code_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("codes.id", name="fk_referrals_code_id")
    )
    joined_by: Mapped[JoinedBy] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
