"""Rules of accounts: registering, passwords, and looking at oneself."""

import httpx
from hypothesis.stateful import precondition, rule

from tests.model import choices
from tests.model.base import Base, somebody_is_in
from tests.model.choices import ADDRESSES, PASSWORDS, Address, Spelling
from tests.model.state import Account, Code, Session, now
from tests.model.views import done
from tests.problems import assert_problem

# Wrong passwords that are answered without a delay, for an address or for an account.
FREE = 4


class Accounts(Base):
    @rule(address=choices.addresses, password=choices.passwords)
    def register(self, address: Address, password: str) -> None:
        answer = self.sign_up(address.written, password)
        if address.meant in self.state.accounts:
            assert_problem(answer, 409, "email_taken")
        else:
            self.welcome(answer, address.meant, password)

    @precondition(lambda self: len(self.state.accounts) < len(ADDRESSES))
    @rule(code=choices.codes, spelling=choices.spellings)
    def register_with_a_code(self, code: Code, spelling: Spelling) -> None:
        email = next(email for email in ADDRESSES if email not in self.state.accounts)
        earliest = now()
        answer = self.sign_up(email, PASSWORDS[0], referral_code=spelling(code.wording))
        if code.is_active:
            account = self.welcome(answer, email, PASSWORDS[0])
            self.learn_of_joining(account, code, "registration", earliest)
        else:
            assert_problem(answer, 422, "referral_code_invalid")

    @precondition(lambda self: not any(each.is_admin for each in self.state.accounts.values()))
    @rule(account=choices.accounts)
    def promote(self, account: Account) -> None:
        self.world.change("UPDATE users SET is_admin = true WHERE id = %s", account.id)
        account.is_admin = True

    @somebody_is_in
    @rule(session=choices.sessions, password=choices.passwords)
    def change_the_password(self, session: Session, password: str) -> None:
        account = session.account
        done(self._change_password(session, account.password, password))
        account.password = password
        self.state.failures.pop(account.id, None)
        others = [each for each in self.state.sessions_of(account) if each is not session]
        self.end(other for other in others if not other.has_ended)

    @somebody_is_in
    @rule(session=choices.sessions, current=choices.passwords, new=choices.passwords)
    def change_the_password_not_knowing_it(self, session: Session, current: str, new: str) -> None:
        account = session.account
        if current != account.password and self.may_fail(account.id):
            answer = self._change_password(session, current, new)
            assert_problem(answer, 403, "wrong_password")

    def _change_password(self, session: Session, current: str, new: str) -> httpx.Response:
        body = {"current_password": current, "new_password": new}
        return self.act(session, "POST", "/auth/change_password", body)

    def may_fail(self, whose: int | str) -> bool:
        """Count a wrong password, unless one more would have the next wait."""
        failures = self.state.failures
        if failures.get(whose, 0) == FREE:
            return False
        failures[whose] = failures.get(whose, 0) + 1
        return True
