"""Who brought whom."""

from enum import StrEnum

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Text,
    event,
)
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


class ReferralCount(Base):
    """How many people a referrer has brought; none have no row.

    The database keeps it with every change of a referral, in the same transaction: to count those
    of somebody who brought hundreds of thousands would take a request tens of milliseconds.
    """

    __tablename__ = "referral_counts"
    __table_args__ = (PrimaryKeyConstraint("referrer_id", name="pk_referral_counts"),)

    referrer_id: Mapped[int] = mapped_column(
        BigInteger,
        ForeignKey("users.id", name="fk_referral_counts_referrer_id", ondelete="CASCADE"),
        autoincrement=False,
    )
    total: Mapped[int] = mapped_column(BigInteger)


COUNT_REFERRALS = """
CREATE FUNCTION count_referrals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO referral_counts (referrer_id, total)
        SELECT referrer_id, count(*) FROM added GROUP BY referrer_id ORDER BY referrer_id
        ON CONFLICT (referrer_id) DO UPDATE SET total = referral_counts.total + excluded.total;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM referral_counts;
    END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        UPDATE referral_counts SET total = total - lost.number
        FROM (SELECT referrer_id, count(*) AS number FROM removed GROUP BY referrer_id) AS lost
        WHERE referral_counts.referrer_id = lost.referrer_id;
    END IF;
    RETURN NULL;
END $$
"""
COUNTED = {
    "INSERT": "REFERENCING NEW TABLE AS added",
    "DELETE": "REFERENCING OLD TABLE AS removed",
    "UPDATE": "REFERENCING OLD TABLE AS removed NEW TABLE AS added",
    "TRUNCATE": "",
}

event.listen(ReferralCount.__table__, "after_create", DDL(COUNT_REFERRALS))  # type: ignore[no-untyped-call]
for change, tables in COUNTED.items():
    trigger = (
        f"CREATE TRIGGER count_{change.lower()} AFTER {change} ON referrals {tables} "
        "FOR EACH STATEMENT EXECUTE FUNCTION count_referrals()"
    )
    event.listen(Base.metadata, "after_create", DDL(trigger))  # type: ignore[no-untyped-call]
