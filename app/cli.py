"""The commands beside Flask's own."""

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from app.errors import NotFound
from app.schemas.base import canonical_email
from app.services import accounts
from app.services import outbox as deliveries

users = AppGroup("users", help="Manage the people who registered.")
outbox = AppGroup("outbox", help="See what is owed to the outside, such as mails.")


@users.command("promote")
@click.argument("email")
def promote(email: str) -> None:
    """Make an admin of the person with this EMAIL."""
    try:
        accounts.promote(canonical_email(email))
    except (NotFound, ValidationError):
        raise click.ClickException(f"There is no account for {email}.") from None
    click.echo(f"{email} is an admin now.")


@outbox.command("list")
def list_outbox() -> None:
    """List what waits to be delivered, and what was given up as dead."""
    for delivery in deliveries.list_all():
        state = "dead since" if delivery.dead_at else "due"
        click.echo(
            f"{delivery.id}\t{delivery.kind}\t{state} {delivery.dead_at or delivery.due_at}\t"
            f"attempts: {delivery.attempts}\t{delivery.last_failure or ''}".rstrip()
        )


@outbox.command("retry")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "every", is_flag=True, help="All dead deliveries, not only these.")
def retry(ids: tuple[int, ...], every: bool) -> None:
    """Have dead deliveries with these IDS tried again."""
    if bool(ids) == every:
        raise click.UsageError("Name the ids of dead deliveries, or --all.")
    click.echo(f"{deliveries.retry(None if every else ids)} to be tried again.")
