"""The processes that send mails die, and the mail server misbehaves."""

import time
from collections.abc import Iterator

from dev.processes import kill
from dev.waiting import wait_until
from tests.chaos.fault import Fault, Round
from tests.chaos.world import World
from tests.mail_server import Ending

EVERY_SECONDS = 3
DEATHS = 3
SENDERS = 4
PHASE_SECONDS = 3


class SenderDies(Fault):
    name = "the sender dies"
    how = (
        f"SIGKILL to a process of the worker's pool, then to all of it, {DEATHS} times, "
        f"{EVERY_SECONDS} s apart"
    )
    is_felt = False
    recovers_within = 0

    def strike(self, world: World) -> None:
        for _ in range(DEATHS):
            wait_until(lambda: has_pool(world), "pool of the worker", 60)
            kill(world.processes("worker")[1:2])
            time.sleep(EVERY_SECONDS)
            kill(world.processes("worker"))
            time.sleep(EVERY_SECONDS)

    def may_double(self, round_: Round) -> set[str]:
        doubles = round_.sent.doubles
        return doubles if len(doubles) <= DEATHS * (1 + SENDERS) else set()


class MailServerMisbehaves(Fault):
    name = "the mail server misbehaves"
    how = f"refuses, answers 451, hangs, and drops the line after a mail, {PHASE_SECONDS} s each"
    is_felt = False
    recovers_within = 0

    def strike(self, world: World) -> None:
        server = world.mails
        for command, answer in (("RCPT", "550 No"), ("DATA", "451 Later")):
            server.refuse(command, answer)
            time.sleep(PHASE_SECONDS)
        server.recover()
        server.ending = Ending.HANGS
        time.sleep(PHASE_SECONDS)
        before = len(server.mails)
        server.ending = Ending.TAKES_AND_DROPS_THE_LINE_UNANSWERED
        wait_until(lambda: len(server.mails) > before, "mail", 30)
        time.sleep(PHASE_SECONDS)
        server.recover()
        self._unanswered = {mail.message_id for mail in server.mails[before:]}

    def may_double(self, round_: Round) -> set[str]:
        return self._unanswered

    def check(self, round_: Round) -> Iterator[str]:
        if not self._unanswered & round_.sent.doubles:
            yield "no mail came again whose 250 was lost"


def has_pool(world: World) -> bool:
    return world.has_part("worker") and len(world.processes("worker")) > SENDERS
