"""What the service shows, compared with the model."""

from datetime import datetime
from itertools import count
from typing import Any

import httpx

from tests.model.state import Account, Code, Joining, Session, State
from tests.model.world import World
from tests.problems import assert_problem


class Views:
    """Each looks at one thing over HTTP, and fails when it is not as the model says."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state

    def me(self, session: Session) -> None:
        """Who somebody is told they are."""
        me = self._get(session, "/auth/me")
        account = session.account
        assert (me["id"], me["email"]) == (account.id, account.email)
        assert not me["email_verified"]
        assert moment(me["created_at"]) == account.created_at
        assert me["referrer"] == (person(account.joining.referrer) if account.joining else None)
        assert_code(me["referral_code"], account.active_code)
        assert_people(me["referrals"], account.brought[:50])
        assert me["referrals_count"] == len(account.brought)

    def active_code(self, session: Session) -> None:
        response = self._world.ask("GET", "/referral/code", session.access_token)
        if session.account.active_code is None:
            assert_problem(response, 404, "no_active_code")
        else:
            assert_code(ok(response), session.account.active_code)

    def codes(self, session: Session, limit: int) -> None:
        """All that somebody has, page by page."""
        listed = self._pages(session, "/referral/codes", "codes", limit)
        for shown, code in zip(listed, reversed(session.account.kept_codes), strict=True):
            assert_code(shown, code)

    def referrals(self, session: Session, limit: int, of: Account | None = None) -> None:
        """All whom somebody brought, page by page."""
        path = "/referral/referrals" + (f"/{of.id}" if of else "")
        assert_people(
            self._pages(session, path, "referrals", limit), (of or session.account).brought
        )

    def published(self, account: Account | None, written: str, quietly: bool = False) -> None:
        """What anybody finds under an address; one answer for all who find nothing."""
        response = self._look_up(written, quietly)
        code = account.active_code if account else None
        if code is None:
            assert_nothing_found(response)
        else:
            found = ok(response)
            assert found.keys() == {"code", "expires_at"}
            assert (found["code"], moment(found["expires_at"])) == (code.wording, code.expires_at)

    def _look_up(self, written: str, quietly: bool) -> httpx.Response:
        path, email = "/referral/code/by-email", {"email": written}
        if quietly:
            return self._world.ask("POST", path, json=email)
        return self._world.ask("GET", path, params=email)

    def _get(self, session: Session, path: str, **params: Any) -> Any:
        return ok(self._world.ask("GET", path, session.access_token, params=params))

    def _pages(self, session: Session, path: str, noun: str, limit: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        total, params = None, {"limit": str(limit)}
        for number in count():
            page = self._get(session, path, **params)
            assert ("total" in page) == (noun == "referrals" and number == 0)
            total = page.get("total", total)
            rows += page[noun]
            if page["next_cursor"] is None:
                break
            assert len(page[noun]) == limit
            params["cursor"] = page["next_cursor"]
        assert total in (None, len(rows))
        return rows


def ok(response: httpx.Response, status: int = 200) -> Any:
    """The JSON of a success."""
    assert response.status_code == status, response.text
    return response.json()


def done(response: httpx.Response) -> None:
    """A success that says nothing."""
    assert (response.status_code, response.content) == (204, b""), response.text


def moment(written: str) -> datetime:
    assert written.endswith("Z")
    return datetime.fromisoformat(written)


def person(account: Account) -> dict[str, Any]:
    return {"id": account.id, "email": account.email}


def assert_code(shown: dict[str, Any] | None, code: Code | None) -> None:
    """What is shown is this code; nothing, if there is none."""
    if shown is None or code is None:
        assert (shown, code) == (None, None)
        return
    assert (shown["id"], shown["code"], shown["is_active"]) == (
        code.id,
        code.wording,
        code.is_active,
    )
    assert moment(shown["expires_at"]) == code.expires_at
    assert moment(shown["created_at"]) == code.created_at


def assert_people(shown: list[dict[str, Any]], accounts: list[Account]) -> None:
    """These people are shown, in this order, and when each joined."""
    assert [{"id": row["id"], "email": row["email"]} for row in shown] == [
        person(account) for account in accounts
    ]
    for row, account in zip(shown, accounts, strict=True):
        joining = account.joining
        assert isinstance(joining, Joining)
        assert joining.earliest <= moment(row["created_at"]) <= joining.latest


def assert_nothing_found(response: httpx.Response) -> None:
    """The one answer for everything that a look-up does not find."""
    problem = assert_problem(response, 404, "referral_code_not_found")
    assert problem | {"request_id": ""} == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "referral_code_not_found",
        "detail": "No active referral code is known for this e-mail address.",
        "request_id": "",
    }
