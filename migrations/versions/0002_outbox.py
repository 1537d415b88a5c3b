"""The outbox, and what mails need to know of people."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        _moment("created_at"),
        _moment("due_at"),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_failure", sa.Text()),
        sa.Column("dead_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_due_at", "outbox", ["due_at"], postgresql_where=sa.text("dead_at IS NULL")
    )
    op.add_column("users", _moment("password_changed_at"))
    op.add_column("users", sa.Column("language", sa.Text(), server_default="en", nullable=False))
    op.add_column("users", sa.Column("profile", sa.JSON()))


def downgrade() -> None:
    for column in ("profile", "language", "password_changed_at"):
        op.drop_column("users", column)
    op.drop_table("outbox")


def _moment(name: str) -> sa.Column:
    now = sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=now, nullable=False)
