"""The kinds of values this API reads and writes."""

import re
import unicodedata
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate
from orjson import Fragment

CREATED = {"example": "2026-11-21T12:00:00Z"}

LONGEST_EMAIL = 254
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128
COMMON_PASSWORDS = frozenset(
    Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").splitlines()
)

# Most addresses are of this kind, which the library takes long to say. Of the longer ones it knows
# how long each part may be, and of letters that look like these what they stand for.
PLAIN_EMAIL = re.compile(
    r"(?=.{6,64}\Z)[A-Za-z0-9]+([._+-][A-Za-z0-9]+)*@([A-Za-z0-9]+(-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,}"
)
SPECIAL_USE = tuple(SPECIAL_USE_DOMAIN_NAMES)
# What nobody sees, so that an address with it reads as another's: what Unicode has ignored by
# default, and a blank sign. The library refuses only those of them that are format characters.
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)

RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Reworded(fields.Field[Any]):
    """What goes out otherwise than it is."""

    def reword(self, value: Any) -> Any:
        """What goes out for this value."""
        raise NotImplementedError

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return self.reword(value)


class Written(Reworded):
    """What is JSON already when it comes to be dumped, and goes out in those words."""

    def reword(self, value: str | None) -> Fragment | None:
        return None if value is None else Fragment(value)


class WrittenObject(Written, fields.Dict):
    pass


class WrittenShape(Written, fields.Nested):  # type: ignore[misc]
    """Of the shape that is named."""


class Plain(Schema):
    """A shape of values that mostly go out as they are, each from the attribute of its name.

    So a list of them is dumped several times as fast. What is not required is left out if None.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._values = attrgetter(*self.dump_fields)
        named = self.dump_fields.items()
        self._reworded = [(name, field) for name, field in named if isinstance(field, Reworded)]
        self._optional = [name for name, field in named if not field.required]

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        if self.many if many is None else many:
            return [self._dumped(each) for each in obj]
        return self._dumped(obj)

    def _dumped(self, obj: Any) -> dict[str, Any]:
        dumped = dict(zip(self.dump_fields, self._values(obj), strict=True))
        for name, field in self._reworded:
            dumped[name] = field.reword(dumped[name])
        for name in self._optional:
            if dumped[name] is None:
                del dumped[name]
        return dumped


class Input(Schema):
    """A JSON body, in which nothing may stand that nobody asked for."""

    # What the example of a whole body leaves out, so that it can be sent as it stands.
    not_in_example: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        unknown = RAISE


class Lenient(Input):
    """A query or an OAuth form: what it does not know it ignores (RFC 6749, section 3.2)."""

    class Meta:
        unknown = EXCLUDE


class Text(fields.String):
    """A string that PostgreSQL can hold, too."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, *args, **kwargs)
        if "\0" in text:
            raise ValidationError("Must not contain NUL characters.")
        return text


# Most requests name an address that was named before.
@lru_cache(maxsize=4096)
def canonical_email(address: str) -> str:
    """The one form of an address that every spelling of it has: NFC, small letters, IDN decoded.

    :raises ValidationError: it is not an address that mail can be sent to (RFC 5321, 6531).
    """
    if len(address) > LONGEST_EMAIL:
        raise ValidationError("The e-mail address is too long.")
    small = address.lower()
    if PLAIN_EMAIL.fullmatch(address) and not small.endswith(SPECIAL_USE):
        return small
    return checked_email(address)


def checked_email(address: str) -> str:
    """The canonical form, by the library.

    :raises ValidationError: it is not an address that mail can be sent to.
    """
    try:
        checked = validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise ValidationError(str(error)) from None
    # Of a domain the library makes the one form there is.
    local, at, domain = checked.normalized.rpartition("@")
    if UNSEEN.search(local):
        raise ValidationError("The e-mail address has characters that cannot be seen.")
    small = re.sub(r"\w+", _one_small_sigma, local.lower())
    return unicodedata.normalize("NFC", small) + at + domain


def _one_small_sigma(word: re.Match[str]) -> str:
    # Sigma has two small forms; which one stands where, Python knows for a capital only.
    return re.sub("[σς]", "Σ", word[0]).lower()


class Email(Text):
    """An e-mail address, in its canonical form once read."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return canonical_email(super()._deserialize(value, *args, **kwargs))


class NewPassword(Text):
    """A password somebody chooses: long enough, and not one of the commonest (NIST 800-63B)."""

    def __init__(self, **kwargs: Any) -> None:
        length = validate.Length(min=SHORTEST_PASSWORD, max=LONGEST_PASSWORD)
        super().__init__(validate=[length, _not_common], **kwargs)


def _not_common(password: str) -> None:
    if password.lower() in COMMON_PASSWORDS:
        raise ValidationError("This password is among the commonest; choose another.")


class Timestamp(fields.AwareDateTime):
    """RFC 3339. Read with any offset, or as a bare date: 00:00 UTC that day. Written in UTC."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        text = value if isinstance(value, str) else ""
        try:
            if BARE_DATE.fullmatch(text):
                return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            if RFC3339.fullmatch(text):
                # In UTC, for PostgreSQL does not know every offset that the RFC allows.
                return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise ValidationError(
            "Must be an RFC 3339 timestamp with an offset, such as 2030-01-31T12:00:00Z, "
            "or a date such as 2030-01-31."
        )

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        # As it is; the JSON is written in RFC 3339.
        return value
