"""How a deployment is configured: one declaration a setting, read and checked once at the start."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from app.setting_kinds import (
    BESIDE_THE_RING,
    ONE_WORD,
    Figures,
    KeyRing,
    Origins,
    PageUrl,
    PostgresUrl,
    RedisUrl,
    Sender,
    seconds,
    strong_secret,
)

PREFIX = "REFERRAL_"
EXAMPLE = "change-me"

# Of each, by network address or account; as the library `limits` writes them.
LIMITS = {
    "RATELIMIT_REGISTER": "30 per minute",
    # More than one network address may, so that none can keep somebody from registering.
    "RATELIMIT_REGISTER_PER_ACCOUNT": "60 per minute",
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


class SettingsError(Exception):
    """The settings cannot be used. The message names every faulty key and never a value."""


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
    JWT_ACCESS_TOKEN_EXPIRES = seconds(900, "Life of an access token, in seconds")
    JWT_REFRESH_TOKEN_EXPIRES = seconds(2_592_000, "Life of a refresh token, in seconds")
    SESSION_LIFETIME = seconds(
        31_536_000, "Life of a session, however often it is refreshed, in seconds"
    )
    JWT_KEYS = KeyRing(
        load_default={},
        metadata={"description": "Keys that tokens may be signed with, by their names"},
    )
    JWT_SIGNING_KEY = fields.String(
        load_default="",
        metadata={"description": "The name in `JWT_KEYS` that signs, or `SECRET_KEY`"},
    )
    OAUTH_PASSWORD_GRANT = fields.Boolean(
        load_default=True,
        metadata={"description": "`POST /auth/token` gives tokens for a password"},
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
