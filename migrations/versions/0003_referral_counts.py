"""How many people each referrer has brought, counted as they join."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Kept here as it was when this was released, whatever becomes of it in the models.
COUNT = """
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
TRIGGERS = {
    "INSERT": "REFERENCING NEW TABLE AS added",
    "DELETE": "REFERENCING OLD TABLE AS removed",
    "UPDATE": "REFERENCING OLD TABLE AS removed NEW TABLE AS added",
    "TRUNCATE": "",
}


def upgrade() -> None:
    op.create_table(
        "referral_counts",
        sa.Column("referrer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("referrer_id", name="pk_referral_counts"),
        sa.ForeignKeyConstraint(
            ["referrer_id"],
            ["users.id"],
            name="fk_referral_counts_referrer_id",
            ondelete="CASCADE",
        ),
    )
    op.execute(COUNT)
    # The first of them holds off joins until this transaction is committed; reading goes on.
    for event, tables in TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER count_{event.lower()} AFTER {event} ON referrals {tables} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_referrals()"
        )
    op.execute("INSERT INTO referral_counts SELECT referrer_id, count(*) FROM referrals GROUP BY 1")


def downgrade() -> None:
    # In the order in which requests lock them, lest each waits for the other.
    op.execute("LOCK TABLE users, referrals IN ACCESS EXCLUSIVE MODE")
    for event in TRIGGERS:
        op.execute(f"DROP TRIGGER count_{event.lower()} ON referrals")
    op.execute("DROP FUNCTION count_referrals")
    op.drop_table("referral_counts")
