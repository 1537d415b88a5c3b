"""What a view takes, gives and refuses, said in decorators that both enforce and document it.

Order, outermost first: the route, `@limited` by network address, `@signed_in`, `@accepts`,
`@limited` by account, `@returns`, `@refuses`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from http import HTTPStatus
from typing import Any

from flask import Response, request
from marshmallow import Schema, ValidationError

from app import i_json
from app.errors import Invalid, MalformedJson, Problem, UnsupportedMediaType
from app.json import MEDIA_TYPE, JsonResponse, written
from app.schemas.base import Input

View = Callable[..., Any]

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Contract:
    """What is known of a view; `app.api.openapi` makes its documentation from it."""

    accepts: Input | None = None
    location: str = "json"
    optional_body: bool = False
    returns: Schema | None = None
    status: HTTPStatus = HTTPStatus.OK
    refuses: tuple[type[Problem], ...] = ()
    limited: bool = False
    bearer: str | None = None
    oauth: bool = False


def contract_of(view: View) -> Contract:
    """The contract that the decorators of this view add up to."""
    contract: Contract = getattr(view, "contract", Contract())
    return contract


def extend(view: View, wrapper: View, **terms: Any) -> View:
    """Put the terms into the contract of the wrapped view."""
    wrapper.contract = replace(contract_of(view), **terms)  # type: ignore[attr-defined]
    return wrapper


def accepts(
    schema: Input, location: str = "json", optional_body: bool = False
) -> Callable[[View], View]:
    """Validate what was sent and pass it as `data`.

    :param location: `json`, `form` or `query`.
    :param optional_body: no body at all stands for an empty object.
    """
    read = READERS[location]

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            sent = {} if optional_body and not _has_body() else read()
            try:
                data = schema.load(sent)
            except ValidationError as error:
                raise Invalid(errors=error.messages_dict) from None
            return view(*args, data=data, **kwargs)

        terms = {"accepts": schema, "location": location, "optional_body": optional_body}
        return extend(view, wrapper, **terms)

    return decorate


def returns(schema: Schema | None, status: HTTPStatus = HTTPStatus.OK) -> Callable[[View], View]:
    """Answer with this status and what the view gives, in the shape of the schema.

    Bytes are JSON in that shape already, as copies of answers are.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            result = view(*args, **kwargs)
            if schema is None:
                return _empty(status)
            json = result if isinstance(result, bytes) else written(schema.dump(result))
            return JsonResponse(json, status, content_type=MEDIA_TYPE)

        return extend(view, wrapper, returns=schema, status=status)

    return decorate


def refuses(*problems: type[Problem]) -> Callable[[View], View]:
    """Document what the view may answer instead, besides what every view may."""

    def decorate(view: View) -> View:
        return extend(view, view, refuses=contract_of(view).refuses + problems)

    return decorate


def _empty(status: HTTPStatus) -> Response:
    response = Response(status=status)
    # Flask would call the nothing HTML.
    del response.headers["Content-Type"]
    return response


def _has_body() -> bool:
    return bool(request.content_length)


def _read_form() -> dict[str, str]:
    """An OAuth form: each parameter once, an empty one as if left out (RFC 6749, section 3.2)."""
    if request.mimetype != FORM:
        raise UnsupportedMediaType
    repeated = [name for name, values in request.form.lists() if len(values) > 1]
    if repeated:
        raise Invalid(errors={name: ["Given more than once."] for name in repeated})
    return {name: value for name, value in request.form.items() if value}


def _read_json() -> Any:
    """The body as I-JSON (RFC 7493): UTF-8, each key once, no NaN, no lone surrogates."""
    if request.mimetype != MEDIA_TYPE:
        raise UnsupportedMediaType
    try:
        return i_json.loads(request.get_data())
    except ValueError:
        raise MalformedJson from None


READERS: dict[str, Callable[[], Any]] = {
    "json": _read_json,
    "form": _read_form,
    "query": lambda: request.args.to_dict(),
}
