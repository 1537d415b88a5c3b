"""A person shows that their e-mail address is theirs, with a link that is mailed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import httpx
import pytest

from tests.endings import Sql
from tests.inbox import Inbox
from tests.mailed_links import VERIFY_PAGE, verify
from tests.people import PASSWORD, People, Person
from tests.problems import assert_problem

Statements = Callable[[], AbstractContextManager[list[str]]]


def is_verified(person: Person) -> bool:
    verified: bool = person.get("/auth/me").json()["email_verified"]
    return verified


def resend(person: Person) -> None:
    response = person.post("/auth/verify_email/resend")
    assert (response.status_code, response.content) == (202, b"")


def test_whoever_registers_is_mailed_a_link(inbox: Inbox, ada: Person) -> None:
    assert inbox.subjects(ada.email) == ["Verify your e-mail address"]
    assert inbox.token(ada.email, VERIFY_PAGE)


def test_the_link_verifies_the_address(http: httpx.Client, inbox: Inbox, ada: Person) -> None:
    assert not is_verified(ada)
    response = verify(http, inbox.token(ada.email, VERIFY_PAGE))
    assert (response.status_code, response.content) == (204, b"")
    assert is_verified(ada)


def test_a_log_in_says_that_the_address_is_verified(
    http: httpx.Client, inbox: Inbox, ada: Person
) -> None:
    verify(http, inbox.token(ada.email, VERIFY_PAGE))
    response = http.post("/auth/login", json={"email": ada.email, "password": PASSWORD})
    assert response.json()["user"]["email_verified"] is True


def test_the_link_works_once(http: httpx.Client, inbox: Inbox, ada: Person) -> None:
    token = inbox.token(ada.email, VERIFY_PAGE)
    verify(http, token)
    assert_problem(verify(http, token), 422, "token_invalid")
    assert is_verified(ada)


def test_of_twenty_uses_at_once_one_works(http: httpx.Client, inbox: Inbox, ada: Person) -> None:
    token = inbox.token(ada.email, VERIFY_PAGE)
    with ThreadPoolExecutor(20) as crowd:
        answers = [
            answer.status_code for answer in crowd.map(lambda _: verify(http, token), "x" * 20)
        ]
    assert sorted(answers) == [204] + [422] * 19


def test_nobody_else_is_verified_by_it(
    http: httpx.Client, inbox: Inbox, ada: Person, register: People
) -> None:
    grace = register()
    verify(http, inbox.token(ada.email, VERIFY_PAGE))
    assert not is_verified(grace)


def test_the_sessions_go_on(http: httpx.Client, inbox: Inbox, ada: Person) -> None:
    other = ada.log_in()
    verify(http, inbox.token(ada.email, VERIFY_PAGE))
    assert (is_verified(ada), is_verified(other)) == (True, True)


@pytest.mark.parametrize("used", ["the first", "the second"])
def test_of_two_links_either_works_and_the_other_then_does_not(
    http: httpx.Client, inbox: Inbox, ada: Person, used: str
) -> None:
    first = inbox.token(ada.email, VERIFY_PAGE)
    resend(ada)
    (second,) = set(inbox.tokens(ada.email, VERIFY_PAGE)) - {first}
    one, other = (first, second) if used == "the first" else (second, first)
    assert verify(http, one).status_code == 204
    assert_problem(verify(http, other), 422, "token_invalid")
    assert is_verified(ada)


def test_whoever_is_verified_is_mailed_no_further_link(
    http: httpx.Client, inbox: Inbox, ada: Person, sql: Sql
) -> None:
    verify(http, inbox.token(ada.email, VERIFY_PAGE))
    resend(ada)
    assert sql("SELECT * FROM outbox") == []
    assert len(inbox.mails(ada.email)) == 1


def test_a_link_still_to_be_sent_is_not_sent_once_the_address_is_verified(
    http: httpx.Client, inbox: Inbox, ada: Person
) -> None:
    token = inbox.token(ada.email, VERIFY_PAGE)
    resend(ada)
    verify(http, token)
    assert inbox.tokens(ada.email, VERIFY_PAGE) == [token]


def test_to_have_it_sent_again_one_must_be_signed_in(http: httpx.Client, ada: Person) -> None:
    assert_problem(http.post("/auth/verify_email/resend"), 401, "token_missing")


def test_a_token_must_be_given(http: httpx.Client) -> None:
    response = http.post("/auth/verify_email", json={})
    assert assert_problem(response, 422, "validation_error")["errors"].keys() == {"token"}
