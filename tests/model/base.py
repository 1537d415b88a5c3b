"""What all rules share: the world, the model of it, and what is held to be true after each."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import httpx
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition
from hypothesis.strategies import just
from hypothesis.strategies._internal.featureflags import FeatureFlags

from tests.model import records
from tests.model.state import SESSION, Account, Code, Joining, Session, State, now
from tests.model.views import Views, moment, ok
from tests.model.world import World
from tests.problems import assert_problem


class Base(RuleBasedStateMachine):
    """A life of the service from its first user on."""

    def __init__(self, world: World) -> None:
        super().__init__()
        # By itself Hypothesis leaves out many of the rules in each life. To make up for that takes
        # many more lives than a small budget has.
        self._rules_strategy.enabled_rules_strategy = just(FeatureFlags())
        world.empty()
        self.world = world
        self.state = State()
        self.views = Views(world, self.state)
        # Whose views the step before may have changed.
        self.concerned: list[Account] = []

    @invariant()
    def only_what_should_be_is_on_record(self) -> None:
        records.assert_as_known(self.world, self.state)

    @invariant()
    def those_concerned_see_what_has_changed(self) -> None:
        for account in {account.id: account for account in self.concerned}.values():
            self.views.published(account, account.email)
            for session in [each for each in self.state.sessions_of(account) if each.goes_on][-1:]:
                self.views.me(session)
                self.views.codes(session, limit=2)
        self.concerned.clear()

    def act(self, session: Session, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request in this session."""
        self.concerned.append(session.account)
        content = {} if body is None else {"json": body}
        return self.world.ask(method, path, session.access_token, **content)

    def open_session(self, account: Account, tokens: dict[str, Any]) -> None:
        """Learn that somebody has logged in; what they left to run out is cleared away."""
        assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
        sessions = self.state.sessions_of(account)
        self.end(session for session in sessions if session.has_run_out)
        self.concerned.append(account)
        self.state.sessions.append(
            Session(account, [tokens["access_token"]], tokens["refresh_token"], now() + SESSION)
        )

    def sign_up(self, email: str, password: str, **terms: str) -> httpx.Response:
        body = {"email": email, "password": password} | terms
        return self.world.ask("POST", "/auth/register", json=body)

    def welcome(self, answer: httpx.Response, email: str, password: str) -> Account:
        """Learn that somebody has registered."""
        signed_in = ok(answer, 201)
        user = signed_in["user"]
        assert (user["email"], user["email_verified"]) == (email, False)
        assert all(user["id"] > each.id for each in self.state.accounts.values())
        account = Account(user["id"], email, password, moment(user["created_at"]))
        self.state.accounts[email] = account
        self.open_session(account, signed_in)
        return account

    def learn_of_joining(self, referee: Account, code: Code, way: str, earliest: datetime) -> None:
        self.state.join(referee, Joining(code, way, earliest, now()))
        self.concerned.append(code.owner)

    def end(self, sessions: Iterable[Session]) -> None:
        """Learn that these have ended, and see that they have."""
        for session in sessions:
            session.has_ended = True
            self.assert_over(session)

    def assert_over(self, session: Session) -> None:
        """None of its tokens works."""
        for token in session.access_tokens:
            assert_problem(self.world.ask("GET", "/auth/me", token), 401, "token_revoked")
        for token in (session.refresh_token, *(used.token for used in session.used)):
            assert_problem(self.world.ask("POST", "/auth/refresh", token), 401, "token_revoked")


Needs = Callable[[Callable[..., None]], Callable[..., None]]

somebody_is_in: Needs = precondition(lambda machine: bool(machine.state.live))
a_session_has_ended: Needs = precondition(lambda machine: bool(machine.state.ended))
