"""The commands beside Flask's own."""

import os

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from marshmallow import ValidationError

from app.errors import NotFound
from app.extensions import db
from app.schemas.base import canonical_email
from app.services import accounts
from app.services import demo as demonstration
from app.services import outbox as deliveries

users = AppGroup("users", help="Manage the people who registered.")
outbox = AppGroup("outbox", help="See what is owed to the outside, such as mails.")


def init_cli(app: Flask) -> None:
    """Add the commands, `flask db …` among them."""
    for command in (users, outbox, demo):
        app.cli.add_command(command)
    # Alembic takes 10 MiB, of each process that it is loaded into.
    if os.environ.get("FLASK_RUN_FROM_CLI"):
        from flask_migrate import Migrate

        Migrate(app, db)


@users.command("promote")
@click.argument("email")
def promote(email: str) -> None:
    """Make an admin of the person with this EMAIL."""
    try:
        accounts.promote(canonical_email(email))
    except (NotFound, ValidationError):
        raise click.ClickException(f"There is no account for {email}.") from None
    click.echo(f"{email} is an admin now.")


@users.command("log-out")
@click.argument("email")
def log_out(email: str) -> None:
    """End every session of the person with this EMAIL."""
    try:
        accounts.end_sessions(canonical_email(email))
    except (NotFound, ValidationError):
        raise click.ClickException(f"There is no account for {email}.") from None
    click.echo(f"{email} is logged out everywhere.")


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


@click.command("demo")
@click.option("--users", type=click.IntRange(min=1), required=True, help="How many people.")
@click.option(
    "--referrals", type=click.IntRange(min=0), required=True, help="How many of them were brought."
)
@with_appcontext
def demo(users: int, referrals: int) -> None:
    """Fill an empty database with people who do not exist.

    They are user1@example.com and so on, each with the password "demonstration" and five codes, of
    which one works for nine in ten of them. The first of them brought half of those who were
    brought, at most 200,000.
    """
    if referrals >= users:
        most = users - 1
        raise click.UsageError(f"Of {users} users {most} can have been brought by others at most.")
    length = demonstration.rows(users, referrals)
    try:
        with click.progressbar(length=length, label="Writing rows") as bar:
            demonstration.fill(users, referrals, bar.update)
    except demonstration.SomebodyIsThere:
        raise click.ClickException("There are people in this database already.") from None
    click.echo(f"The password of user1@example.com and all others: {demonstration.PASSWORD}")
