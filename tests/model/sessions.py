"""Rules of sessions: opened, refreshed, ended; and what has ended stays so."""

from datetime import timedelta
from typing import Any

import httpx
from hypothesis.stateful import precondition, rule

from tests.model import choices
from tests.model.accounts import Accounts
from tests.model.base import a_session_has_ended, somebody_is_in
from tests.model.choices import Address
from tests.model.state import Session, Used, now
from tests.model.views import done, ok
from tests.problems import assert_problem

# For so long after its use a refresh token is only refused.
RACE = timedelta(seconds=10)
# Nobody can say of one that is nearly as old what the service will find.
UNSURE = timedelta(seconds=3)


class Sessions(Accounts):
    @rule(address=choices.known_addresses, by_oauth=choices.either)
    def log_in(self, address: Address, by_oauth: bool) -> None:
        account = self.state.accounts[address.meant]
        answer = ok(self._log_in(address.written, account.password, by_oauth))
        self.state.failures.pop(account.email, None)
        self.open_session(account, answer)

    @rule(address=choices.addresses, password=choices.passwords, by_oauth=choices.either)
    def guess_a_password(self, address: Address, password: str, by_oauth: bool) -> None:
        account = self.state.accounts.get(address.meant)
        if (account is None or password != account.password) and self.may_fail(address.meant):
            answer = self._log_in(address.written, password, by_oauth)
            assert_refused(answer, "invalid_credentials", by_oauth)

    @somebody_is_in
    @rule(session=choices.sessions, by_oauth=choices.either)
    def refresh(self, session: Session, by_oauth: bool) -> None:
        answer = ok(self._refresh(session.refresh_token, by_oauth))
        self.concerned.append(session.account)
        session.renew(answer["access_token"], answer["refresh_token"])

    @precondition(lambda self: any(session.used for session in self.state.live))
    @rule(choice=choices.used_tokens, by_oauth=choices.either)
    def send_a_used_refresh_token(self, choice: tuple[Session, Used], by_oauth: bool) -> None:
        session, used = choice
        age = now() - used.at
        if abs(age - RACE) < UNSURE:
            return
        assert_refused(self._refresh(used.token, by_oauth), "token_reused", by_oauth)
        self.concerned.append(session.account)
        if age > RACE:
            self.end([session])

    @somebody_is_in
    @rule(session=choices.sessions)
    def log_out(self, session: Session) -> None:
        done(self.act(session, "POST", "/auth/logout"))
        self.end([session])

    @somebody_is_in
    @rule(session=choices.sessions, by_access_token=choices.either)
    def revoke(self, session: Session, by_access_token: bool) -> None:
        token = session.access_tokens[0] if by_access_token else session.refresh_token
        assert self._revoke(token).status_code == 200
        self.concerned.append(session.account)
        self.end([session])

    @a_session_has_ended
    @rule(session=choices.ended_sessions)
    def try_a_session_that_has_ended(self, session: Session) -> None:
        assert self._revoke(session.refresh_token).status_code == 200
        self.assert_over(session)

    def _log_in(self, written: str, password: str, by_oauth: bool) -> httpx.Response:
        if by_oauth:
            return self._grant("password", username=written, password=password)
        body = {"email": written, "password": password}
        return self.world.ask("POST", "/auth/login", json=body)

    def _refresh(self, token: str, by_oauth: bool) -> httpx.Response:
        if by_oauth:
            return self._grant("refresh_token", refresh_token=token)
        return self.world.ask("POST", "/auth/refresh", token)

    def _grant(self, grant_type: str, **form: Any) -> httpx.Response:
        return self.world.ask("POST", "/auth/token", data={"grant_type": grant_type} | form)

    def _revoke(self, token: str) -> httpx.Response:
        return self.world.ask("POST", "/auth/revoke", data={"token": token})


def assert_refused(response: httpx.Response, code: str, by_oauth: bool) -> None:
    """Refused in the words of whichever way it was asked."""
    if by_oauth:
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    else:
        assert_problem(response, 401, code)
