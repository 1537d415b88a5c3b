"""A mailed token is good for one purpose, for a while, and for nobody who reads the database."""

import contextlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import redis
from flask import Flask

from app.services.mailed_tokens import Purpose
from tests.api.tokens import ANOTHER_KEY
from tests.conftest import redis_address
from tests.endings import Sql
from tests.inbox import Inbox
from tests.mailed_links import (
    NEW_PASSWORD,
    RESET_PAGE,
    VERIFY_PAGE,
    ask_for_reset,
    minted,
    reset,
    verify,
)
from tests.people import PASSWORD, People, Person, bearer
from tests.problems import assert_problem
from tests.stored import stored

MINUTE = timedelta(minutes=1)
LIVES = {Purpose.RESET_PASSWORD: 60 * MINUTE, Purpose.VERIFY_EMAIL: 24 * 60 * MINUTE}

Use = Callable[[httpx.Client, Any], httpx.Response]
Kept = Callable[[], str]


def tampered(token: str, at: int) -> str:
    other = "A" if token[at] != "A" else "B"
    return token[:at] + other + token[at + 1 :]


def for_somebody_else(app: Flask, purpose: Purpose, ada: Person, grace: Person) -> str:
    """What Grace's token says, signed as Ada's is."""
    payload, _, _ = minted(app, purpose, grace).partition(".")
    return payload + "." + minted(app, purpose, ada).partition(".")[2]


def signed_elsewhere(app: Flask, purpose: Purpose, person: Person) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(app.config, "SECRET_KEY", ANOTHER_KEY)
        return minted(app, purpose, person)


FORGERIES: dict[str, Callable[[Flask, Purpose, Person, Person], str]] = {
    "nothing": lambda *_: "",
    "a word": lambda *_: "token",
    "Unicode": lambda *_: "токен.ключ",
    "very long": lambda *_: "a" * 60_000,
    "another payload": lambda app, purpose, ada, _: tampered(minted(app, purpose, ada), at=1),
    "another signature": lambda app, purpose, ada, _: tampered(minted(app, purpose, ada), at=-9),
    "cut short": lambda app, purpose, ada, _: minted(app, purpose, ada)[:-2],
    "no signature": lambda app, purpose, ada, _: minted(app, purpose, ada).partition(".")[0] + ".",
    "another's signature": for_somebody_else,
    "another key": lambda app, purpose, ada, _: signed_elsewhere(app, purpose, ada),
    "another purpose": lambda app, purpose, ada, _: minted(app, *(set(Purpose) - {purpose}), ada),
    "an access token": lambda _, __, ada, ___: ada.access_token,
    "a refresh token": lambda _, __, ada, ___: ada.refresh_token,
    "a referral code": lambda _, __, ada, ___: ada.publish()["code"],
}
USES: dict[Purpose, Use] = {Purpose.RESET_PASSWORD: reset, Purpose.VERIFY_EMAIL: verify}

either_purpose = pytest.mark.parametrize(("purpose", "use"), USES.items(), ids=["reset", "verify"])


@pytest.fixture
def ada(register: People, sql: Sql) -> Person:
    """Somebody who has had her password for a week."""
    ada = register(email="ada@example.com")
    sql("UPDATE users SET password_changed_at = now() - interval '1 week'")
    return ada


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
@either_purpose
def test_what_is_not_such_a_token_is_refused(
    app: Flask,
    http: httpx.Client,
    ada: Person,
    register: People,
    purpose: Purpose,
    use: Use,
    forge: Callable[..., str],
) -> None:
    token = forge(app, purpose, ada, register())
    assert_problem(use(http, token), 422, "token_invalid")
    assert ada.log_in().get("/auth/me").json()["email_verified"] is False


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_is_signed_with_256_bits(app: Flask, ada: Person, purpose: Purpose) -> None:
    signature = minted(app, purpose, ada).rpartition(".")[2]
    assert len(urlsafe_b64decode(signature + "=")) == 32


@pytest.mark.parametrize("token", [None, 5, True, ["token"], {}], ids=repr)
@either_purpose
def test_a_token_that_is_no_string_is_named(
    http: httpx.Client, purpose: Purpose, use: Use, token: Any
) -> None:
    problem = assert_problem(use(http, token), 422, "validation_error")
    assert problem["errors"].keys() == {"token"}


@either_purpose
def test_a_token_works_until_its_time_is_up(
    app: Flask, http: httpx.Client, ada: Person, purpose: Purpose, use: Use
) -> None:
    late = minted(app, purpose, ada, age=LIVES[purpose] + MINUTE)
    assert_problem(use(http, late), 422, "token_invalid")
    in_time = minted(app, purpose, ada, age=LIVES[purpose] - MINUTE)
    assert use(http, in_time).status_code == 204


def test_a_reset_works_once_though_the_clock_was_set_back_before_it(
    app: Flask, http: httpx.Client, ada: Person
) -> None:
    token = minted(app, Purpose.RESET_PASSWORD, ada, age=-MINUTE)
    assert reset(http, token).status_code == 204
    assert_problem(reset(http, token), 422, "token_invalid")


@either_purpose
def test_a_token_of_an_account_that_is_gone_is_refused(
    app: Flask, http: httpx.Client, ada: Person, sql: Sql, purpose: Purpose, use: Use
) -> None:
    token = minted(app, purpose, ada)
    sql("DELETE FROM sessions")
    sql("DELETE FROM users")
    assert_problem(use(http, token), 422, "token_invalid")


@pytest.mark.parametrize(("minutes_ago", "sent"), [(59, 1), (61, 0)])
def test_a_link_to_reset_is_sent_only_while_it_works(
    http: httpx.Client, inbox: Inbox, ada: Person, sql: Sql, minutes_ago: int, sent: int
) -> None:
    ask_for_reset(http, ada.email)
    let_it_lie(sql, minutes_ago)
    assert len(inbox.tokens(ada.email, RESET_PAGE)) == sent
    assert sql("SELECT * FROM outbox") == []


@pytest.mark.parametrize(("minutes_ago", "sent"), [(24 * 60 - 1, 1), (24 * 60 + 1, 0)])
def test_a_link_to_verify_is_sent_only_while_it_works(
    inbox: Inbox, ada: Person, sql: Sql, minutes_ago: int, sent: int
) -> None:
    let_it_lie(sql, minutes_ago)
    assert len(inbox.tokens(ada.email, VERIFY_PAGE)) == sent
    assert sql("SELECT * FROM outbox") == []


def test_the_time_runs_from_when_a_link_was_asked_for(
    http: httpx.Client, inbox: Inbox, ada: Person, sql: Sql
) -> None:
    ask_for_reset(http, ada.email)
    let_it_lie(sql, minutes=59)
    token = inbox.token(ada.email, RESET_PAGE)
    assert reset(http, token).status_code == 204
    assert_problem(reset(http, token), 422, "token_invalid")


@either_purpose
def test_a_mailed_token_signs_nobody_in(
    app: Flask, http: httpx.Client, ada: Person, purpose: Purpose, use: Use
) -> None:
    headers = bearer(minted(app, purpose, ada))
    assert_problem(http.get("/auth/me", headers=headers), 401, "token_invalid")
    assert_problem(http.post("/auth/refresh", headers=headers), 401, "token_invalid")


def test_no_table_and_no_redis_ever_holds_a_token(
    http: httpx.Client, inbox: Inbox, ada: Person, sql: Sql, kept: Kept
) -> None:
    ask_for_reset(http, ada.email)
    seen = [kept()]
    inbox.fail_to_deliver()
    seen.append(kept())
    sql("UPDATE outbox SET due_at = now()")
    tokens = [inbox.token(ada.email, page) for page in (RESET_PAGE, VERIFY_PAGE)]
    seen.append(kept())
    use_up(http, *tokens)
    seen.append(kept())
    for text in seen:
        assert ada.email in text
        assert not any(part in text for part in parts_of(*tokens))


def test_no_line_of_the_log_holds_a_token_an_address_or_a_password(
    http: httpx.Client, inbox: Inbox, ada: Person, sql: Sql, logged: Callable[[], str]
) -> None:
    ask_for_reset(http, ada.email)
    inbox.fail_to_deliver()
    sql("UPDATE outbox SET due_at = now()")
    tokens = [inbox.token(ada.email, page) for page in (RESET_PAGE, VERIFY_PAGE)]
    use_up(http, *tokens)
    assert "reset_password" in logged()
    for part in (*parts_of(*tokens), ada.email, PASSWORD, NEW_PASSWORD):
        assert part not in logged()


def let_it_lie(sql: Sql, minutes: int) -> None:
    """Let mails be owed for so long already."""
    sql("UPDATE outbox SET created_at = created_at - %s * interval '1 minute'", minutes)


def use_up(http: httpx.Client, to_reset: str, to_verify: str) -> None:
    assert reset(http, to_reset, "password1").status_code == 422
    assert reset(http, to_reset).status_code == 204
    assert verify(http, to_verify).status_code == 204


def parts_of(*tokens: str) -> list[str]:
    """Everything that a token could be known by."""
    return [part for token in tokens for part in (token, *token.split("."))]


@pytest.fixture
def kept(sql: Sql, worker: int) -> Iterator[Kept]:
    """Gives all that PostgreSQL and both databases of Redis hold, as text."""
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(redis.Redis.from_url(redis_address(2 * worker + number)))
            for number in (0, 1)
        ]
        yield lambda: " ".join(
            [*stored(sql), *(repr(value) for c in clients for value in values(c))]
        )


READ = {
    b"string": lambda client, key: client.get(key),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"hash": lambda client, key: client.hgetall(key),
    b"set": lambda client, key: client.smembers(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1),
}


def values(client: redis.Redis) -> list[Any]:
    """Every key with what it holds."""
    return [(key, READ[client.type(key)](client, key)) for key in client.scan_iter()]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Gives what the service has logged since the test began."""
    return lambda: caplog.text
