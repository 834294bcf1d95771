"""Takes interactions from the shards, and answers each of them once.

Discord itself decides which process answers: it takes the first answer to an interaction and
refuses every other one, whether that comes from a second process, after a resume, or late. So a
process changes something only after its first answer was taken, and needs no lock in Redis, which
may be away (docs/decisions/0019-discord-chooses-who-answers.md).

Nothing of this is in the path of presences: `offer` is synchronous, and what it queues is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from services.gateway import metrics
from services.gateway.commands import profile_form
from services.gateway.commands.callbacks import AnswerLost, AnswerRefused, Callbacks
from services.gateway.commands.commands import UserCommands
from services.gateway.commands.interaction import InvalidInteraction, UserInteraction, read
from services.gateway.commands.replies import Modal, Reply, button, row
from shared.commands.texts import texts_for
from shared.net.fixed_window import FixedWindowCounter
from shared.redis.store import StoreUnavailable

log = logging.getLogger(__name__)

Outcome = Literal["answered", "elsewhere", "dropped", "ignored", "failed"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("answered", "elsewhere", "dropped", "ignored", "failed")
_COUNTED: Final = {outcome: metrics.INTERACTIONS.labels(outcome) for outcome in OUTCOMES}


class CommandLimits(Struct, frozen=True, kw_only=True):
    """Limits and timings of the commands."""

    workers: int = 16
    max_queued: int = 256
    first_answer_s: float = 2.6  # after the event has come; Discord waits for 3 s
    busy_after_s: float = 1.5  # in the queue: then the answer is that Grux is busy
    modal_read_s: float = 1.2  # for reading what the form is filled with
    perform_s: float = 20.0  # for reading and changing, after the first answer
    per_minute: int = 30  # of one person; more are told so
    ignored_per_minute: int = 45  # more than these are not answered


class _Queued(Struct, frozen=True):
    asked: UserInteraction
    came_at: float  # time of the loop


class CommandService:
    """The commands of one process, while `run` runs."""

    def __init__(self, commands: UserCommands, callbacks: Callbacks, limits: CommandLimits) -> None:
        self._commands = commands
        self._callbacks = callbacks
        self._limits = limits
        self._queue: asyncio.Queue[_Queued] = asyncio.Queue(limits.max_queued)
        self._counter = FixedWindowCounter()
        self._unfinished = 0
        self._failing: set[str] = set()  # that was warned of
        self._last: dict[int, asyncio.Event] = {}  # by user: set when their last command is done

    def offer(self, payload: Mapping[str, Any]) -> None:
        """An INTERACTION_CREATE has come."""
        try:
            asked = read(payload)
        except InvalidInteraction:
            _COUNTED["ignored"].inc()
            return
        if not self._commands.is_for_us(asked):
            _COUNTED["ignored"].inc()
            return
        try:
            self._queue.put_nowait(_Queued(asked, asyncio.get_running_loop().time()))
            self._unfinished += 1
        except asyncio.QueueFull:
            _COUNTED["dropped"].inc()

    @property
    def idle(self) -> bool:
        """Whether everything that was offered has been dealt with."""
        return self._unfinished == 0

    async def run(self) -> None:
        """Answer until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._limits.workers):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            queued = await self._queue.get()
            try:
                outcome = await self._answer(queued)
                self._failing.discard("discord")
            except AnswerRefused as refused:
                outcome = "elsewhere" if refused.is_expected else "failed"
                if not refused.is_expected:
                    self._warn("discord", "Discord refused the answer to a command (%s)", refused)
            except AnswerLost as lost:
                outcome = "failed"
                self._warn("discord", "the answer to a command did not reach Discord (%s)", lost)
            except Exception:
                outcome = "failed"
                log.exception("a command could not be answered")
            _COUNTED[outcome].inc()
            self._unfinished -= 1

    async def _answer(self, queued: _Queued) -> Outcome:
        """Raises AnswerRefused and AnswerLost."""
        asked, limits = queued.asked, self._limits
        used = self._counter.count(str(asked.user_id))
        waited_s = asyncio.get_running_loop().time() - queued.came_at
        left_s = limits.first_answer_s - waited_s
        if left_s <= 0 or used > limits.ignored_per_minute:
            return "dropped"
        answer: Reply | Modal | None = self._refusal(
            asked, used, waited_s
        ) or self._commands.immediate(asked)
        if answer is None and self._commands.opens_modal(asked):
            began = asyncio.get_running_loop().time()
            answer = await self._modal(asked)
            left_s -= asyncio.get_running_loop().time() - began
        if answer is not None:
            await self._callbacks.send(asked, answer, left_s)
            return "answered"
        await self._callbacks.edit(asked, await self._defer_and_perform(asked, left_s))
        return "answered"

    async def _defer_and_perform(self, asked: UserInteraction, timeout_s: float) -> Reply:
        """Commands of one person are carried out as they came, however long Discord takes for the
        first answer to each: the last choice counts."""
        before, done = self._last.get(asked.user_id), asyncio.Event()
        self._last[asked.user_id] = done
        try:
            try:
                await self._defer(asked, timeout_s)
            finally:
                if before is not None:
                    await before.wait()
            return await self._perform(asked)
        finally:
            done.set()
            if self._last.get(asked.user_id) is done:
                del self._last[asked.user_id]

    def _refusal(self, asked: UserInteraction, used: int, waited_s: float) -> Reply | None:
        problems = texts_for(asked.locale).problems
        if used > self._limits.per_minute:
            return Reply(content=problems.too_many)
        return Reply(content=problems.busy) if waited_s > self._limits.busy_after_s else None

    async def _modal(self, asked: UserInteraction) -> Reply | Modal:
        """A form has to be the first answer, so what it is filled with is read before."""
        try:
            async with asyncio.timeout(self._limits.modal_read_s):
                return await self._commands.modal(asked)
        except (StoreUnavailable, TimeoutError):
            problems = texts_for(asked.locale).problems
            again = button(profile_form.OPEN, problems.try_again, "primary")
            return Reply(content=problems.slow, rows=(row(again),))

    async def _defer(self, asked: UserInteraction, timeout_s: float) -> None:
        """From here on this process answers. Where Discord does not say so, nothing is changed."""
        try:
            await self._callbacks.defer(asked, timeout_s)
        except AnswerLost:
            # It may have been taken: then the person is told, and not left waiting.
            problems = texts_for(asked.locale).problems
            await self._callbacks.edit(asked, Reply(content=problems.busy))
            raise

    async def _perform(self, asked: UserInteraction) -> Reply:
        problems = texts_for(asked.locale).problems
        try:
            async with asyncio.timeout(self._limits.perform_s):
                reply = await self._commands.perform(asked)
        except (StoreUnavailable, TimeoutError) as error:
            reason = type(error).__name__
            self._warn(
                "redis", "commands cannot be carried out, because Redis is away (%s)", reason
            )
            return Reply(content=problems.unavailable)
        except Exception:
            log.exception("a command failed")
            return Reply(content=problems.failed)
        self._failing.discard("redis")
        return reply

    def _warn(self, cause: Literal["discord", "redis"], message: str, reason: object) -> None:
        """Once until it works again: people can cause many of these lines."""
        log.log(logging.DEBUG if cause in self._failing else logging.WARNING, message, reason)
        self._failing.add(cause)
