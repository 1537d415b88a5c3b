"""Asking Redis: what several requests ask at the same time takes one round trip together.

Under load a round trip to Redis costs a process as much as everything else about a look-up. So all
of a process share one connection: whoever is to ask lets all others come that are there already,
and while their questions are under way more gather. Each question is still put after the request
that it is about came in, so its answer is as true as if it had been asked alone.
"""

import logging
from collections import deque
from hashlib import sha1
from threading import Event, Lock
from time import monotonic, sleep
from typing import Any

from hiredis import pack_command
from redis import Redis, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from app import redis

TIMEOUT_SECONDS = 0.2
PAUSE_SECONDS = 1.0

Command = tuple[Any, ...]

log = logging.getLogger(__name__)


class Script:
    """What Redis is to do in one step, in Lua."""

    def __init__(self, text: str) -> None:
        self.text = text
        # By which Redis knows it; no secret.
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


class Question:
    """What is asked of Redis, and what it answered: the one item of a list, or what is wrong."""

    __slots__ = ("answer", "command", "woken")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.answer: Any = None
        # Of whoever waits for the answer: set when it is there, or is theirs to ask for.
        self.woken: Event | None = None


INTERRUPTED = RedisError("whoever asked was interrupted")


class Exchange:
    """The one connection of this process to the Redis of what may be lost."""

    timeout = TIMEOUT_SECONDS

    def init_app(self, url: str) -> None:
        """Use the Redis at this URL; nothing is connected yet."""
        client: Redis = redis.client(
            url, socket_timeout=self.timeout, socket_connect_timeout=self.timeout
        )
        # It connects when it is used, and again when it was lost.
        self._connection = client.connection_pool.make_connection()
        self._waiting: deque[Question] = deque()
        self._turn = Lock()
        self._asleep_until = 0.0

    def ask(self, *command: Any) -> Any:
        """What Redis answers to this command, asked also when it was lost a moment ago.

        :raises RedisError: it does not answer, or not in time.
        """
        question = Question(command)
        self._waiting.append(question)
        return self._answer(question)

    def run(self, script: Script, keys: list[str], *args: Any) -> Any:
        """What this script gives.

        :raises RedisError: it does not answer, or not in time.
        """
        return self.result(script, self.start(script, keys, *args))

    def start(self, script: Script, keys: list[str], *args: Any) -> Question:
        """Have the script run with whatever is asked next; `result` waits for it."""
        return self._put("EVALSHA", script.digest, len(keys), *keys, *args)

    def result(self, script: Script, question: Question) -> Any:
        """What the script gave that `start` has asked for; asks for it if nobody has yet."""
        try:
            return self._answer(question)
        except NoScriptError:
            return self.ask("EVAL", script.text, *question.command[2:])

    def tell(self, script: Script, keys: list[str], *args: Any) -> None:
        """Have the script run for its effect, which may fail to come.

        Nobody waits for it, unless nobody else is asking at this moment.
        """
        # By its text, for nobody would hear that Redis does not know it.
        self._put("EVAL", script.text, len(keys), *keys, *args)
        self._take_turn()

    def _put(self, *command: Any) -> Question:
        question = Question(command)
        if not self._asleep_until or self._may_ask():
            self._waiting.append(question)
        else:
            question.answer = RedisError("lost a moment ago and left alone")
        return question

    def _answer(self, question: Question) -> Any:
        if question.answer is None:
            question.woken = Event()
        while question.answer is None:
            if not self._take_turn() and question.woken:
                question.woken.wait()
                question.woken.clear()
        if isinstance(question.answer, RedisError):
            raise question.answer.with_traceback(None)
        return question.answer[0]

    def _take_turn(self) -> bool:
        """Ask all that is waiting to be asked, unless somebody is asking."""
        taken = False
        # To be refused it makes a greenlet wait for all others, so nobody asks who would be.
        while not self._turn.locked() and self._turn.acquire(blocking=False):
            taken = True
            try:
                # Whoever came at the same moment puts theirs, too.
                sleep(0)
                self._ask_all()
            finally:
                self._turn.release()
                is_passed_on = self._pass_the_turn_on()
            # Of what was told meanwhile nobody waits to ask it.
            if is_passed_on or not self._waiting:
                break
        return taken

    def _pass_the_turn_on(self) -> bool:
        """Wake somebody whose question came too late for this round trip, if there is one."""
        for question in list(self._waiting):
            if question.woken:
                question.woken.set()
                return True
        return False

    def _ask_all(self) -> None:
        questions = self._take_waiting()
        answers: list[Any] = []
        try:
            answers = self._talk([question.command for question in questions])
        except RedisError as error:
            self._lose()
            questions += self._take_waiting()
            answers = [error] * len(questions)
        else:
            self._find()
        finally:
            answers += [INTERRUPTED] * (len(questions) - len(answers))
            for question, answer in zip(questions, answers, strict=True):
                question.answer = answer
                if question.woken:
                    question.woken.set()

    def _take_waiting(self) -> list[Question]:
        taken = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        return taken

    def _talk(self, commands: list[Command]) -> list[Any]:
        """Of each command its answer, as the one item of a list, or what is wrong with it."""
        try:
            return self._talk_once(commands)
        # A kept connection that has died is replaced; a Redis that is slow is not asked twice.
        except RedisConnectionError:
            return self._talk_once(commands)

    def _talk_once(self, commands: list[Command]) -> list[Any]:
        connection = self._connection
        try:
            # redis-py's own packing takes ten times as long.
            connection.send_packed_command([b"".join(map(pack_command, commands))])
            return [_read_answer(connection) for _ in commands]
        except BaseException:
            # What was not read would be taken for the answers to the next questions.
            connection.disconnect()
            raise

    def _may_ask(self) -> bool:
        """Whether to ask the lost Redis; a single request a pause finds out how it is."""
        now = monotonic()
        if now < self._asleep_until:
            return False
        self._asleep_until = now + PAUSE_SECONDS
        return True

    def _lose(self) -> None:
        if not self._asleep_until:
            log.warning("Redis does not answer; it is done without, and asked again each second")
        self._asleep_until = monotonic() + PAUSE_SECONDS

    def _find(self) -> None:
        if self._asleep_until:
            log.info("Redis answers again")
            self._asleep_until = 0.0


def _read_answer(connection: Any) -> Any:
    try:
        return [connection.read_response()]
    except ResponseError as error:
        return error
