"""What kinds of values settings have, and what each kind refuses."""

import json
import re
from collections.abc import Callable
from email.errors import MessageError
from email.policy import SMTP
from typing import Any

import idna
from limits import parse_many
from marshmallow import ValidationError, fields, validate
from redis.connection import parse_url
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

SHORTEST_SECRET_BYTES = 32
FEWEST_DISTINCT_CHARACTERS = 12
# As JWT_SIGNING_KEY: the key beside the ring signs, while the others learn to verify.
BESIDE_THE_RING = "SECRET_KEY"
KEY_NAME = validate.Regexp(rf"(?!{BESIDE_THE_RING}\Z)[A-Za-z0-9_-]{{1,32}}\Z")
ORIGIN = re.compile(
    r"(?!http:.*:80\Z|https:.*:443\Z)"
    r"[a-z][a-z0-9+.-]*://"
    r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?\Z"
)
# The primary `name` that the sentinels at these addresses watch, in the form that is usual for it.
SENTINEL_URL = re.compile(
    r"redis\+sentinel://(?::(?P<password>[^@:/?#]*)@)?"
    r"(?P<at>[\w.-]+:\d{1,5}(?:,[\w.-]+:\d{1,5})*)/(?P<name>[\w.-]+)(?:\?db=(?P<db>\d{1,5}))?",
    re.ASCII,
)
# What a header can carry.
ONE_WORD = validate.Regexp(r"[!-~]*\Z", error="Must be one word in ASCII.")


def strong_secret(value: str) -> None:
    # HMAC-SHA-256 wants a key as long as its output (RFC 7518, section 3.2).
    if len(value.encode()) < SHORTEST_SECRET_BYTES:
        raise ValidationError(f"Needs at least {SHORTEST_SECRET_BYTES} bytes.")
    if len(set(value)) < FEWEST_DISTINCT_CHARACTERS:
        raise ValidationError("Is too simple; generate a random one.")


class PostgresUrl(fields.String):
    """A libpq-style URL, given to SQLAlchemy with the driver this service runs on."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        try:
            url = make_url(super()._deserialize(value, *args, **kwargs))
        except (ArgumentError, ValueError):
            raise ValidationError("Not a valid URL.") from None
        if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg2"):
            raise ValidationError("Must be a postgresql:// URL.")
        driver = url.set(drivername="postgresql+psycopg2")
        return driver.render_as_string(hide_password=False)


class RedisUrl(fields.String):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        url: str = super()._deserialize(value, *args, **kwargs)
        if SENTINEL_URL.fullmatch(url):
            return url
        try:
            parse_url(url)
        except ValueError:
            raise ValidationError(
                "Must be a redis://, rediss:// or unix:// URL, or "
                "redis+sentinel://:password@host:port,host:port/name?db=0."
            ) from None
        return url


class KeyRing(fields.Dict):
    """Keys by their names, which stand in the `kid` of tokens (RFC 7515, section 4.1.4).

    As text, the JSON of it.
    """

    def __init__(self, **kwargs: Any) -> None:
        names, keys = fields.String(validate=KEY_NAME), fields.String(validate=strong_secret)
        super().__init__(keys=names, values=keys, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
        load: Callable[..., dict[str, str]] = super()._deserialize
        try:
            given = json.loads(value or "{}") if isinstance(value, str) else value
            return load(given, *args, **kwargs)
        # A name is not told either: somebody may have taken it for the place of the key.
        except (ValueError, ValidationError):
            raise ValidationError(
                "Must be an object of names (up to 32 letters, digits, - and _) and keys, "
                f"each random and of {SHORTEST_SECRET_BYTES} bytes or more."
            ) from None


class Origins(fields.Field[list[str]]):
    """Origins as browsers send them (RFC 6454, section 6.2); as text, with spaces or commas."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[str]:
        origins = value.replace(",", " ").split() if isinstance(value, str) else value
        if isinstance(origins, list) and all(ORIGIN.match(str(origin)) for origin in origins):
            return origins
        raise ValidationError(
            "Must be a list of origins like `https://app.example.com`: "
            "in small letters, without a path, `*` or the usual port."
        )


class PageUrl(fields.Url):
    """A page that a mail can lead to: the token is put behind it as the fragment."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(require_tld=False, schemes={"http", "https"}, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        url: str = super()._deserialize(value, *args, **kwargs)
        if "#" in url:
            raise ValidationError("Must not have a fragment.")
        return url


class Sender(fields.String):
    """One mailbox with or without a name, as in the From of a mail (RFC 5322, section 3.4)."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        sender: str = super()._deserialize(value, *args, **kwargs)
        if not _is_mailbox(sender):
            raise ValidationError("Must be like `Referrals <referrals@example.com>`.")
        return sender


def _is_mailbox(text: str) -> bool:
    try:
        _, header = SMTP.header_store_parse("From", text)
    # The standard library's parser is lost beyond some half an address.
    except (ValueError, LookupError, MessageError):
        return False
    if header.defects or len(header.addresses) != 1 or header.groups[0].display_name is not None:
        return False
    return _is_domain(header.addresses[0].domain)


def _is_domain(text: str) -> bool:
    """Whether a mail server can be told of it; its name may be of the inside, or an IP address."""
    try:
        ascii_ = text if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    except idna.IDNAError:
        return False
    return all(0 < len(label) < 64 for label in ascii_.split("."))


class Figures(fields.String):
    """Limits as the library `limits` reads them."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        figures: str = super()._deserialize(value, *args, **kwargs)
        try:
            limits = parse_many(figures)
        except ValueError:
            limits = []
        if not limits or any(limit.amount < 1 for limit in limits):
            raise ValidationError("Must be like `10 per minute` or `10 per minute; 100 per day`.")
        return figures


def seconds(default: int, description: str) -> fields.Integer:
    return fields.Integer(
        load_default=default,
        validate=validate.Range(min=1, max=10 * 365 * 86_400),
        metadata={"description": description},
    )
