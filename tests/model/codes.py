"""Rules of codes: published, given another life, switched on and off, deleted."""

import re
from datetime import datetime
from typing import Any

import httpx
from hypothesis.stateful import rule

from tests.model import choices
from tests.model.base import somebody_is_in
from tests.model.choices import Life, Spelling
from tests.model.sessions import Sessions
from tests.model.state import Code, Session, now
from tests.model.views import assert_code, done, moment, ok
from tests.problems import assert_problem

GENERATED = r"[A-Z0-9]{8}"


class Codes(Sessions):
    @somebody_is_in
    @rule(session=choices.sessions, life=choices.lives)
    def publish(self, session: Session, life: Life) -> None:
        earliest = now()
        answer = ok(self._publish(session, life), 201)
        assert re.fullmatch(GENERATED, answer["code"])
        self._learn_of_new(session, answer, life, earliest)

    @somebody_is_in
    @rule(
        session=choices.sessions,
        wording=choices.wordings,
        spelling=choices.spellings,
        life=choices.lives,
    )
    def publish_a_wording(
        self, session: Session, wording: str, spelling: Spelling, life: Life
    ) -> None:
        earliest = now()
        answer = self._publish(session, life, code=spelling(wording))
        owner = self.state.owner_of(wording)
        if owner not in (None, session.account):
            assert_problem(answer, 409, "code_taken")
        elif owner:
            self._learn_of_return(session, wording, ok(answer, 201), life, earliest)
        else:
            assert ok(answer, 201)["code"] == wording
            self._learn_of_new(session, answer.json(), life, earliest)

    @somebody_is_in
    @rule(session=choices.sessions, life=choices.lives)
    def change_the_life(self, session: Session, life: Life) -> None:
        earliest = now()
        answer = self.act(session, "PATCH", "/referral/code", life.terms())
        code = session.account.active_code
        if code is None:
            assert_problem(answer, 404, "no_active_code")
        else:
            code.expires_at = expiry_of(ok(answer), life, earliest)
            assert_code(answer.json(), code)

    @somebody_is_in
    @rule(session=choices.sessions)
    def withdraw(self, session: Session) -> None:
        code = session.account.active_code
        answer = self.act(session, "DELETE", "/referral/code")
        if code is None:
            assert_problem(answer, 404, "no_active_code")
        else:
            done(answer)
            code.is_activated = False

    @somebody_is_in
    @rule(choice=choices.own_and_others)
    def activate(self, choice: tuple[Session, Code]) -> None:
        session, code = choice
        answer = self._act_on(session, code.id, "activate")
        if not is_ones_own(session, code):
            assert_problem(answer, 404, "not_found")
        elif code.has_expired:
            assert_problem(answer, 409, "code_expired")
        else:
            session.account.activate(code, code.expires_at)
            assert_code(ok(answer), code)

    @somebody_is_in
    @rule(choice=choices.own_and_others, life=choices.lives)
    def activate_for_another_life(self, choice: tuple[Session, Code], life: Life) -> None:
        (session, code), earliest = choice, now()
        answer = self._act_on(session, code.id, "activate", life.terms())
        if not is_ones_own(session, code):
            assert_problem(answer, 404, "not_found")
        else:
            session.account.activate(code, expiry_of(ok(answer), life, earliest))
            assert_code(answer.json(), code)

    @somebody_is_in
    @rule(choice=choices.own_and_others)
    def deactivate(self, choice: tuple[Session, Code]) -> None:
        session, code = choice
        answer = self._act_on(session, code.id, "deactivate")
        if not is_ones_own(session, code):
            assert_problem(answer, 404, "not_found")
        else:
            code.is_activated = False
            assert_code(ok(answer), code)

    @somebody_is_in
    @rule(choice=choices.own_and_others)
    def delete(self, choice: tuple[Session, Code]) -> None:
        session, code = choice
        answer = self.act(session, "DELETE", f"/referral/codes/{code.id}")
        if not is_ones_own(session, code):
            assert_problem(answer, 404, "not_found")
        else:
            done(answer)
            code.is_activated, code.is_deleted = False, True

    @somebody_is_in
    @rule(session=choices.sessions, life=choices.impossible_lives, unknown=choices.unknown_ids)
    def try_what_cannot_be(self, session: Session, life: dict[str, Any], unknown: int) -> None:
        for method, path in (("POST", "/referral/code"), ("PATCH", "/referral/code")):
            assert_problem(self.act(session, method, path, life), 422, "validation_error")
        for verb in ("activate", "deactivate"):
            assert_problem(self._act_on(session, unknown, verb), 404, "not_found")
        for method, noun in (("DELETE", "codes"), ("GET", "referrals")):
            answer = self.act(session, method, f"/referral/{noun}/{unknown}")
            assert_problem(answer, 404, "not_found")

    def _publish(self, session: Session, life: Life, **terms: str) -> httpx.Response:
        return self.act(session, "POST", "/referral/code", life.terms() | terms)

    def _act_on(self, session: Session, id_: int, verb: str, body: Any = None) -> httpx.Response:
        return self.act(session, "POST", f"/referral/codes/{id_}/{verb}", body)

    def _learn_of_new(
        self, session: Session, answer: dict[str, Any], life: Life, earliest: datetime
    ) -> None:
        """This code is there from now on."""
        assert answer["is_active"]
        assert earliest <= moment(answer["created_at"]) <= now()
        assert self.state.owner_of(answer["code"]) is None
        owner, expires_at = session.account, expiry_of(answer, life, earliest)
        created_at = moment(answer["created_at"])
        code = Code(answer["id"], answer["code"], owner, expires_at, created_at)
        owner.codes.append(code)
        owner.activate(code, expires_at)

    def _learn_of_return(
        self,
        session: Session,
        wording: str,
        answer: dict[str, Any],
        life: Life,
        earliest: datetime,
    ) -> None:
        """A code that was there is back: the same one, with another life."""
        (code,) = [each for each in session.account.codes if each.wording == wording]
        code.is_deleted = False
        session.account.activate(code, expiry_of(answer, life, earliest))
        assert_code(answer, code)


def is_ones_own(session: Session, code: Code) -> bool:
    """Whether the code is there for whoever is in this session."""
    return code.owner is session.account and not code.is_deleted


def expiry_of(answer: dict[str, Any], life: Life, earliest: datetime) -> datetime:
    """When the code ends by the answer to a request sent not before this moment."""
    expires_at = moment(answer["expires_at"])
    assert life.end(earliest) <= expires_at <= life.end(now())
    return expires_at
