"""The clock of the service's processes jumps; PostgreSQL's does not."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import jwt

from app.queue import SWEEP_SECONDS
from dev.waiting import wait_until
from tests.chaos.clock import DAY_SECONDS, Clock
from tests.chaos.fault import Fault, Round
from tests.chaos.story import Allowed
from tests.chaos.world import World, by_way_of
from tests.deployed.service import connections_to
from tests.people import People, Person

PARTS = ("WEB", "WORKER", "BEAT")
# Between what two clocks say who are asked one after the other.
MOMENT = timedelta(seconds=5)
# For which nobody is woken.
OWE_A_MAIL = """
INSERT INTO outbox (kind, payload)
SELECT 'verify_email', json_build_object('user_id', id, 'message_id', %s)
FROM users WHERE email = %s
"""
EXPIRE = "UPDATE codes SET expires_at = now() - interval '1 second' WHERE code = %s"


class Jump(Fault):
    """Codes expire by PostgreSQL's clock, tokens by the service's."""

    is_felt = False
    recovers_within = 0
    allowed = Allowed(tokens_expire=True)
    days: int

    def lacks(self) -> str:
        return "" if shutil.which("cc") else "a C compiler, for a clock that may be set"

    @contextmanager
    def world(self, folder: Path) -> Iterator[World]:
        self._clock = Clock(folder)
        words = " ".join(f"{name}={value}" for name, value in self._clock.environment.items())
        with World(folder, by_way_of(dict.fromkeys(PARTS, f"env {words}"))) as world:
            self._wait_for_beat(world)
            yield world

    def strike(self, world: World) -> None:
        self._clock.set(self.days * DAY_SECONDS)
        with connections_to(world.url) as http:
            self._wrong = list(self._codes_and_tokens(world, People(http)))

    def check(self, round_: Round) -> Iterator[str]:
        yield from self._wrong
        # Only now does nobody else call those who send.
        yield from self._nobody_is_called(round_.world)
        self._clock.set(0)
        yield from self._nobody_is_called(round_.world)

    def _wait_for_beat(self, world: World) -> None:
        """Have it make a plan by the right clock."""
        with connections_to(world.url) as http:
            self._email = People(http)().email
        # Whoever registers has a sender called, which would send the next mail as well.
        wait_until(lambda: len(world.mails.mails) > 0, "mail")
        for nobody in self._nobody_is_called(world):
            raise ChildProcessError(nobody)

    def _nobody_is_called(self, world: World) -> Iterator[str]:
        message_id = f"<{uuid4()}@localhost>"
        world.sql(OWE_A_MAIL, message_id, self._email)
        try:
            wait_until(lambda: has_come(world, message_id), "", 3 * SWEEP_SECONDS)
        except TimeoutError:
            yield f"beat has called nobody for {3 * SWEEP_SECONDS} s"

    def _codes_and_tokens(self, world: World, register: People) -> Iterator[str]:
        somebody = register()
        yield from self._token(somebody)
        code = somebody.publish(lifetime_minutes=60)
        ((now,),) = world.sql("SELECT now()")
        life = datetime.fromisoformat(code["expires_at"]) - now
        if not timedelta(hours=1) - MOMENT < life <= timedelta(hours=1):
            yield f"a code for an hour lives for {life}"
        register(referral_code=code["code"])
        world.sql(EXPIRE, code["code"])
        late = register().post("/referral/activate", {"code": code["code"]})
        if late.json().get("code") != "referral_code_invalid":
            yield f"a code that had expired gave {late.status_code}"

    def _token(self, somebody: Person) -> Iterator[str]:
        claims = jwt.decode(somebody.access_token, options={"verify_signature": False})
        off = claims["iat"] - time.time()
        if abs(off - self.days * DAY_SECONDS) > MOMENT.total_seconds():
            yield f"the service's clock is {off:.0f} s ahead"


def has_come(world: World, message_id: str) -> bool:
    return any(mail.message_id == message_id for mail in world.mails.mails)


class Ahead(Jump):
    name = "clocks: a day ahead"
    how = "of gunicorn, worker and beat, while they run, until all is checked"
    days = 1


class Behind(Jump):
    name = "clocks: a day behind"
    how = "the same"
    days = -1
