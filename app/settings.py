"""How a deployment is configured: one declaration a setting, read and checked once at the start."""

import json
import os
import re
from collections.abc import Callable, Mapping
from email.errors import MessageError
from email.policy import SMTP
from pathlib import Path
from typing import Any, ClassVar

import idna
from limits import parse_many
from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema
from redis.connection import parse_url
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "REFERRAL_"
EXAMPLE = "change-me"
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
# The primary `name` that the sentinels at these addresses watch; Flask-Limiter reads this form too.
SENTINEL_URL = re.compile(
    r"redis\+sentinel://(?::(?P<password>[^@:/?#]*)@)?"
    r"(?P<at>[\w.-]+:\d{1,5}(?:,[\w.-]+:\d{1,5})*)/(?P<name>[\w.-]+)(?:\?db=(?P<db>\d{1,5}))?",
    re.ASCII,
)

# Of each, by network address or account; as Flask-Limiter writes them. A round trip to Redis each.
LIMITS = {
    "RATELIMIT_REGISTER": "30 per minute",
    "RATELIMIT_REGISTER_PER_ACCOUNT": "10 per minute",
    "RATELIMIT_LOGIN": "60 per minute",
    "RATELIMIT_REFRESH": "120 per minute",
    "RATELIMIT_REFRESH_PER_ACCOUNT": "30 per minute",
    "RATELIMIT_CHANGE_PASSWORD": "30 per minute",
    "RATELIMIT_CHANGE_PASSWORD_PER_ACCOUNT": "10 per minute",
    "RATELIMIT_RESET_PASSWORD": "30 per minute",
    "RATELIMIT_RESET_PASSWORD_PER_ACCOUNT": "5 per hour",
    "RATELIMIT_MAILED_TOKEN": "30 per minute",
    "RATELIMIT_RESEND_VERIFICATION": "30 per minute",
    "RATELIMIT_RESEND_VERIFICATION_PER_ACCOUNT": "5 per hour",
    "RATELIMIT_MAIL_CODE": "30 per minute",
    "RATELIMIT_MAIL_CODE_PER_ACCOUNT": "10 per hour",
    "RATELIMIT_LOOK_UP": "120 per minute",
}

# What a header can carry.
ONE_WORD = validate.Regexp(r"[!-~]*\Z", error="Must be one word in ASCII.")


class SettingsError(Exception):
    """The settings cannot be used. The message names every faulty key and never a value."""


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
    """Limits as Flask-Limiter reads them."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        figures: str = super()._deserialize(value, *args, **kwargs)
        try:
            limits = parse_many(figures)
        except ValueError:
            limits = []
        if not limits or any(limit.amount < 1 for limit in limits):
            raise ValidationError("Must be like `10 per minute` or `10 per minute; 100 per day`.")
        return figures


def _seconds(default: int, description: str) -> fields.Integer:
    return fields.Integer(
        load_default=default,
        validate=validate.Range(min=1, max=10 * 365 * 86_400),
        metadata={"description": description},
    )


class Settings(Schema):
    """Every setting there is. A key that belongs to an extension keeps the extension's name."""

    class Meta:
        unknown = RAISE
        include: ClassVar = {key: Figures(load_default=value) for key, value in LIMITS.items()}

    SECRET_KEY = fields.String(
        required=True,
        validate=strong_secret,
        metadata={"description": "Signs the tokens; 32 random bytes or more"},
    )
    SQLALCHEMY_DATABASE_URI = PostgresUrl(
        required=True, metadata={"description": "`postgresql://…` (14 or newer)"}
    )
    SQLALCHEMY_REPLICA_URI = PostgresUrl(
        load_default=None,
        metadata={"description": "A replica of it, read where a moment's lag does no harm"},
    )
    REDIS_URL_CACHE = RedisUrl(
        required=True, metadata={"description": "Redis for cached answers; may be lost"}
    )
    REDIS_URL_BROKER = RedisUrl(
        required=True, metadata={"description": "Redis for Celery; another database of it"}
    )
    PUBLIC_URL = PageUrl(
        required=True,
        metadata={"description": "Where people reach the service; links in mails start with it"},
    )
    PASSWORD_RESET_URL = PageUrl(
        load_default=None,
        metadata={"description": "A page of your own instead of `/reset-password`"},
    )
    EMAIL_VERIFY_URL = PageUrl(
        load_default=None,
        metadata={"description": "A page of your own instead of `/verify-email`"},
    )
    REQUIRE_VERIFIED_EMAIL = fields.Boolean(
        load_default=False,
        metadata={"description": "Only the verified publish a code and are found by e-mail"},
    )
    JWT_ACCESS_TOKEN_EXPIRES = _seconds(900, "Life of an access token, in seconds")
    JWT_REFRESH_TOKEN_EXPIRES = _seconds(2_592_000, "Life of a refresh token, in seconds")
    JWT_KEYS = KeyRing(
        load_default={},
        metadata={"description": "Keys that tokens may be signed with, by their names"},
    )
    JWT_SIGNING_KEY = fields.String(
        load_default="",
        metadata={"description": "The name in `JWT_KEYS` that signs, or `SECRET_KEY`"},
    )
    MAIL_SERVER = fields.String(load_default="", metadata={"description": "SMTP host"})
    MAIL_PORT = fields.Integer(
        load_default=587,
        validate=validate.Range(min=1, max=65_535),
        metadata={"description": "SMTP port"},
    )
    MAIL_USE_TLS = fields.Boolean(load_default=True, metadata={"description": "STARTTLS"})
    MAIL_USE_SSL = fields.Boolean(
        load_default=False, metadata={"description": "TLS from the first byte instead"}
    )
    MAIL_USERNAME = fields.String(load_default="", metadata={"description": "SMTP user"})
    MAIL_PASSWORD = fields.String(load_default="", metadata={"description": "SMTP password"})
    MAIL_DEFAULT_SENDER = Sender(
        load_default="Referrals <referrals@localhost>",
        metadata={"description": "From whom mails come"},
    )
    MAILBOX = fields.String(
        load_default="",
        metadata={"description": "Folder that takes the mails instead; in development only"},
    )
    EMAIL_HUNTER_API_KEY = fields.String(
        load_default="",
        validate=ONE_WORD,
        metadata={"description": "Checks addresses at registration; off without"},
    )
    EMAIL_HUNTER_URL = PageUrl(
        load_default="https://api.hunter.io/v2/email-verifier",
        metadata={"description": "Hunter's e-mail verifier"},
    )
    CLEARBIT_API_KEY = fields.String(
        load_default="",
        validate=ONE_WORD,
        metadata={"description": "Looks up a profile after it; off without"},
    )
    CLEARBIT_URL = PageUrl(
        load_default="https://person.clearbit.com/v2/combined/find",
        metadata={"description": "Clearbit's combined find call"},
    )
    CORS_ORIGINS = Origins(
        load_default=[],
        metadata={"description": "Origins whose programs may call the API from a browser"},
    )
    TRUSTED_PROXIES = fields.Integer(
        load_default=0,
        validate=validate.Range(min=0, max=10),
        metadata={"description": "How many proxies in front say truly whom they pass on"},
    )
    RATELIMIT_ENABLED = fields.Boolean(
        load_default=True,
        metadata={"description": "`false`, in development only, turns every limit and delay off"},
    )
    DEBUG = fields.Boolean(
        load_default=False, metadata={"description": "Flask's debugger; in development only"}
    )
    DEVELOPMENT = fields.Boolean(
        load_default=False, metadata={"description": "Set by `make run`: this is no deployment"}
    )

    @validates_schema(skip_on_field_errors=False)
    def refuse_examples(self, data: Mapping[str, Any], **_: Any) -> None:
        faults = {
            key: ["Still holds the example's value."]
            for key, value in data.items()
            if EXAMPLE in str(value).lower()
        }
        if faults:
            raise ValidationError(faults)

    @validates_schema(skip_on_field_errors=False)
    def have_one_key_sign(self, data: Mapping[str, Any], **_: Any) -> None:
        ring, name = data.get("JWT_KEYS"), data.get("JWT_SIGNING_KEY")
        if ring is None or name is None:
            return
        if name not in ring and name != BESIDE_THE_RING and (ring or name):
            raise ValidationError("Must be a name in JWT_KEYS, or SECRET_KEY.", "JWT_SIGNING_KEY")

    @validates_schema(skip_on_field_errors=False)
    def refuse_development_in_deployment(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("DEVELOPMENT"):
            return
        if data.get("DEBUG"):
            raise ValidationError("Is for development only.", "DEBUG")
        if not data.get("RATELIMIT_ENABLED", True):
            raise ValidationError("May be false in development only.", "RATELIMIT_ENABLED")
        if data.get("MAILBOX"):
            raise ValidationError("Is for development only.", "MAILBOX")


def load_settings(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The settings of this process: the file, overridden by `REFERRAL_<KEY>` in the environment.

    The file is `settings.json` in the working directory, or the one `REFERRAL_SETTINGS` names.

    :raises SettingsError: naming every key that is missing, unknown or faulty.
    """
    given = _from_file(environ.get(PREFIX + "SETTINGS")) | _from_environment(environ)
    try:
        settings: dict[str, Any] = Settings().load(given)
    except ValidationError as error:
        raise SettingsError(_explain(error.messages_dict)) from None
    return settings


def _from_file(named: str | None) -> dict[str, Any]:
    path = Path(named or "settings.json")
    if not named and not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"{path} is not valid JSON") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path} must hold a JSON object")
    return content


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    # Others may use the prefix too (Kubernetes sets REFERRAL_SERVICE_HOST for a service of that
    # name), so an unknown variable is no fault, as an unknown key in the file is.
    return {key: environ[PREFIX + key] for key in Settings().fields if PREFIX + key in environ}


def _explain(faults: Mapping[str, Any]) -> str:
    lines = [f"  {key}: {' '.join(messages)}" for key, messages in sorted(faults.items())]
    return "The settings cannot be used:\n" + "\n".join(lines)
