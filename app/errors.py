"""What can go wrong, in words a client can act on, and how it is rendered (RFC 9457).

Services raise these; only this file knows their HTTP status.
"""

import logging
import re
from http import HTTPStatus
from typing import Any, ClassVar

import psycopg2
from flask import Flask, Response
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import InternalError as DatabaseRefusal
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.json import written
from app.logs import request_id

PROBLEM_JSON = "application/problem+json"
RETRY_SECONDS = 2

log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer other than the one that was asked for."""

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]
    detail: ClassVar[str]

    def __init__(self, *, retry_after: int | None = None, **members: Any) -> None:
        super().__init__(self.code)
        self.retry_after = retry_after
        self.members = members


class MalformedJson(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "malformed_json"
    detail = "The body is not the JSON this service reads (RFC 8259 in UTF-8, each key once)."


class Invalid(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "validation_error"
    detail = "Some fields cannot be accepted; `errors` says which and why."


class Unauthorized(Problem):
    status = HTTPStatus.UNAUTHORIZED


class TokenMissing(Unauthorized):
    code = "token_missing"
    detail = "Send a token: `Authorization: Bearer <token>`."


class TokenInvalid(Unauthorized):
    code = "token_invalid"
    detail = "The token is not one that is accepted here."


class TokenExpired(Unauthorized):
    code = "token_expired"
    detail = "The token has expired."


class TokenRevoked(Unauthorized):
    code = "token_revoked"
    detail = "The session of this token has ended; log in again."


class TokenReused(Unauthorized):
    code = "token_reused"
    detail = "The refresh token was used before; each works once."


class InvalidCredentials(Unauthorized):
    code = "invalid_credentials"
    detail = "The e-mail address or the password is wrong."


class WrongPassword(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "wrong_password"
    detail = "The current password is wrong."


class TooManyAttempts(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_attempts"
    detail = "Too many wrong passwords; wait as long as `Retry-After` says."


class TooManyRequests(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"
    detail = "Too many requests; wait as long as `Retry-After` says."


class EmailTaken(Problem):
    status = HTTPStatus.CONFLICT
    code = "email_taken"
    detail = "There is an account with this e-mail address already."


class EmailRejected(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "email_rejected"
    detail = "The e-mail address is disposable or does not exist; use another one."


class EmailNotVerified(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "email_not_verified"
    detail = "Verify your e-mail address first; the mail with the link can be sent again."


class MailedTokenInvalid(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "token_invalid"
    detail = "The link was used before, has run out, or is not one of ours; ask for a new one."


class NotFound(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    detail = "There is nothing here."


class NoActiveCode(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "no_active_code"
    detail = "You have no active referral code."


class ReferralCodeNotFound(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "referral_code_not_found"
    detail = "No active referral code is known for this e-mail address."


class CodeTaken(Problem):
    status = HTTPStatus.CONFLICT
    code = "code_taken"
    detail = "The wording belongs to somebody else; choose another."


class CodeExpired(Problem):
    status = HTTPStatus.CONFLICT
    code = "code_expired"
    detail = "The code has expired; give it a new lifetime."


class ReferralCodeInvalid(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "referral_code_invalid"
    detail = "The referral code cannot be used."


class AlreadyReferred(Problem):
    status = HTTPStatus.CONFLICT
    code = "already_referred"
    detail = "You have a referrer already."


class SelfReferral(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "self_referral"
    detail = "The referral code is your own."


class ReferrerJoinedLater(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "referrer_joined_later"
    detail = "The owner of the referral code joined after you."


class BodyTooLarge(Problem):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"
    detail = "The body is larger than 64 KiB."


class UnsupportedMediaType(Problem):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"
    detail = "The Content-Type is not the one this route reads."


class Unavailable(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    detail = "A part this needs does not answer; try again soon."


class InternalError(Problem):
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"
    detail = "Something went wrong here; the request id helps to find out what."


DATABASE_LOST = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    # As they come without SQLAlchemy.
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
)
# What PostgreSQL says where it may only read, and to whom it has waited for too long (its manual,
# appendix A).
PASSING = ("25006", "25P03")
CODES_OF_HTTP = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BodyTooLarge,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: UnsupportedMediaType,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests,
}


def init_errors(app: Flask) -> None:
    """Render whatever a view raises."""
    app.register_error_handler(Problem, _render_problem)
    app.register_error_handler(HTTPException, _render_http_exception)
    for lost in DATABASE_LOST:
        app.register_error_handler(lost, _render_database_lost)
    app.register_error_handler(DatabaseRefusal, _render_refusal)
    app.register_error_handler(Exception, _render_crash)


def problem_body(status: int, code: str, detail: str, request: str | None) -> dict[str, Any]:
    """The members every error has (RFC 9457, section 3.1, and two of our own)."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": request,
    }


def _respond(status: int, code: str, detail: str, **members: Any) -> Response:
    body = problem_body(status, code, detail, request_id()) | members
    return Response(written(body), status, content_type=PROBLEM_JSON)


def _render_problem(problem: Problem) -> Response:
    response = _respond(problem.status, problem.code, problem.detail, **problem.members)
    if isinstance(problem, Unauthorized):
        response.headers["WWW-Authenticate"] = _challenge(problem)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _challenge(problem: Unauthorized) -> str:
    """RFC 6750, section 3: no error is named where no token was sent."""
    if isinstance(problem, TokenMissing | InvalidCredentials):
        return "Bearer"
    return f'Bearer error="invalid_token", error_description="{problem.detail}"'


def _render_http_exception(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    if known := CODES_OF_HTTP.get(status):
        return _render_problem(known())
    code = re.sub(r"\W+", "_", status.phrase.lower())
    response = _respond(status, code, error.description or status.phrase)
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _render_database_lost(error: Exception) -> Response:
    log.error("PostgreSQL: %s", type(getattr(error, "orig", error)).__name__)
    return _render_problem(Unavailable(retry_after=RETRY_SECONDS))


def _render_refusal(error: Exception) -> Response:
    passes = getattr(getattr(error, "orig", None), "pgcode", None) in PASSING
    return (_render_database_lost if passes else _render_crash)(error)


def _render_crash(error: Exception) -> Response:
    log.error("A request crashed", exc_info=error)
    return _render_problem(InternalError())
