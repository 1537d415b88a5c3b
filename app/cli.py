"""The commands beside Flask's own."""

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from app.errors import NotFound
from app.schemas.base import canonical_email
from app.services import accounts

users = AppGroup("users", help="Manage the people who registered.")


@users.command("promote")
@click.argument("email")
def promote(email: str) -> None:
    """Make an admin of the person with this EMAIL."""
    try:
        accounts.promote(canonical_email(email))
    except (NotFound, ValidationError):
        raise click.ClickException(f"There is no account for {email}.") from None
    click.echo(f"{email} is an admin now.")
