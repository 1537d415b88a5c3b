"""Accounts, sessions, codes and referrals."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("email_verified_at", sa.DateTime(timezone=True)),
        sa.Column("is_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        _created_at(),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "refresh_tokens",
        sa.Column("jti", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("jti", name="pk_refresh_tokens"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name="fk_refresh_tokens_session_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])
    op.create_table(
        "failed_attempts",
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_failed_attempts"),
    )
    op.create_index("ix_failed_attempts_last_at", "failed_attempts", ["last_at"])
    op.create_table(
        "codes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("is_activated", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _created_at(),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_codes"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_codes_user_id"),
        sa.UniqueConstraint("code", name="uq_codes_code"),
        sa.CheckConstraint(
            "NOT (is_activated AND deleted_at IS NOT NULL)",
            name=op.f("ck_codes_deleted_is_off"),
        ),
        sa.CheckConstraint("code ~ '^[A-Z0-9-]{4,32}$'", name=op.f("ck_codes_code_form")),
    )
    op.create_index(
        "uq_codes_one_activated_per_user",
        "codes",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("is_activated"),
    )
    op.create_index("ix_codes_user_id_created_at_id", "codes", ["user_id", "created_at", "id"])
    op.create_table(
        "referrals",
        sa.Column("referee_id", sa.BigInteger(), nullable=False),
        sa.Column("referrer_id", sa.BigInteger(), nullable=False),
        sa.Column("code_id", sa.BigInteger(), nullable=False),
        sa.Column("joined_by", sa.Text(), nullable=False),
        _created_at(),
        sa.PrimaryKeyConstraint("referee_id", name="pk_referrals"),
        sa.ForeignKeyConstraint(["referee_id"], ["users.id"], name="fk_referrals_referee_id"),
        sa.ForeignKeyConstraint(["referrer_id"], ["users.id"], name="fk_referrals_referrer_id"),
        sa.ForeignKeyConstraint(["code_id"], ["codes.id"], name="fk_referrals_code_id"),
        sa.CheckConstraint(
            "referrer_id < referee_id", name=op.f("ck_referrals_referrer_joined_first")
        ),
        sa.CheckConstraint(
            "joined_by IN ('registration', 'activation')",
            name=op.f("ck_referrals_joined_by_known"),
        ),
    )
    op.create_index(
        "ix_referrals_referrer_id_created_at_referee_id",
        "referrals",
        ["referrer_id", "created_at", "referee_id"],
    )


def downgrade() -> None:
    for table in ("referrals", "codes", "failed_attempts", "refresh_tokens", "sessions", "users"):
        op.drop_table(table)


def _created_at() -> sa.Column:
    now = sa.text("now()")
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False)
