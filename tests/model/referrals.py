"""Rules of referrals: joining, and who may see whom somebody brought."""

from hypothesis.stateful import rule

from tests.model import choices
from tests.model.base import somebody_is_in
from tests.model.choices import PASSWORDS, Spelling
from tests.model.codes import Codes
from tests.model.state import Account, Code, Session, now
from tests.model.views import ok, person
from tests.problems import assert_problem

STATUS = {"already_referred": 409}


class Referrals(Codes):
    @somebody_is_in
    @rule(choice=choices.joins, spelling=choices.spellings)
    def join(self, choice: tuple[Session, Code], spelling: Spelling) -> None:
        (session, code), earliest = choice, now()
        refusals = reasons_against(session.account, code)
        body = {"code": spelling(code.wording)}
        answer = self.act(session, "POST", "/referral/activate", body)
        if refusals:
            refusal = answer.json().get("code")
            assert refusal in refusals, answer.text
            assert_problem(answer, STATUS.get(refusal, 422), refusal)
        else:
            assert ok(answer) == {"referrer": person(code.owner)}
            self.learn_of_joining(session.account, code, "activation", earliest)

    @somebody_is_in
    @rule(session=choices.sessions, wording=choices.nonsense)
    def present_what_is_nobodys_code(self, session: Session, wording: str) -> None:
        answers = (
            self.act(session, "POST", "/referral/activate", {"code": wording}),
            self.sign_up("nobody@example.com", PASSWORDS[0], referral_code=wording),
        )
        for answer in answers:
            assert_problem(answer, 422, "referral_code_invalid")

    @somebody_is_in
    @rule(reader=choices.readers, whose=choices.accounts, limit=choices.limits)
    def see_whom_somebody_brought(self, reader: Session, whose: Account, limit: int) -> None:
        if reader.account is whose or reader.account.is_admin:
            self.views.referrals(reader, limit, of=whose)
        else:
            answer = self.act(reader, "GET", f"/referral/referrals/{whose.id}")
            assert_problem(answer, 404, "not_found")

    @somebody_is_in
    @rule(session=choices.sessions, limit=choices.limits)
    def see_everything_of_ones_own(self, session: Session, limit: int) -> None:
        self.views.me(session)
        self.views.active_code(session)
        self.views.codes(session, limit)
        self.views.referrals(session, limit)


def reasons_against(account: Account, code: Code) -> set[str]:
    """Why this person cannot join by this code; which of them is told is left open."""
    reasons = {
        "referral_code_invalid": not code.is_active,
        "already_referred": account.joining is not None,
        "self_referral": code.owner is account,
        "referrer_joined_later": code.owner.id > account.id,
    }
    return {reason for reason, holds in reasons.items() if holds}
