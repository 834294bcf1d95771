"""People who change what is shown of them: they hide, pause, vanish and come back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from chaos.history import History
from chaos.privacy_check import Choice
from shared.model.user_settings import HIDEABLE_FIELDS, HISTORY_LEVELS, UserSettings
from shared.redis.durable import DurableUnavailable
from shared.redis.user_settings import UserSettingsStore

_EVERY_S: Final = 0.15  # on average, between two changes
_RETRY_S: Final = 0.1  # while the durable Redis is away
_PAUSES_S: Final = (1.5, 3.0)


class Choosers:
    """Changes settings past every link, as a page of another machine would. One at a time, so that
    what was stored last is known."""

    def __init__(
        self, store: UserSettingsStore, history: History, user_ids: Sequence[str], seed: int
    ) -> None:
        self.changes = 0
        self._store = store
        self._history = history
        self._ids = user_ids
        self._rng = random.Random(seed + 3)
        self._open = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._paused: dict[str, int] = {}  # until when, in ms

    async def begin(self) -> None:
        """Half of them hide something before anything runs."""
        for user_id in self._ids[::2]:
            await self._store_choice(user_id, self._some_choice(), 0)

    def go(self) -> None:
        """From now on they change their minds."""
        self._open.set()

    async def rest(self) -> None:
        """Return when the last change is stored, and no pause is left."""
        self._open.clear()
        await self._idle.wait()
        while self._paused:  # noqa: ASYNC110
            await asyncio.sleep(_RETRY_S)

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._change())
            tasks.create_task(self._end_pauses())

    async def _change(self) -> None:
        while True:
            await asyncio.sleep(self._rng.random() * 2 * _EVERY_S)
            await self._open.wait()
            user_id = self._rng.choice(self._ids)
            if user_id in self._paused:
                continue
            self._idle.clear()
            choice, paused_until = self._some_choice(), 0
            if not choice.visible and self._rng.random() < 0.5:
                paused_until = _now_ms() + int(self._rng.uniform(*_PAUSES_S) * 1000)
            await self._store_choice(user_id, choice, paused_until)
            self._idle.set()

    def _some_choice(self) -> Choice:
        chance, history = self._rng.random(), self._rng.choice(HISTORY_LEVELS)
        if chance < 0.3:
            return Choice(history=history)
        if chance < 0.5:
            return Choice(visible=False, history=history)
        hidden = self._rng.sample(HIDEABLE_FIELDS, self._rng.randint(1, 5))
        return Choice(frozenset(hidden), history=history)

    async def _store_choice(self, user_id: str, choice: Choice, paused_until: int) -> None:
        hidden = tuple(name for name in HIDEABLE_FIELDS if name in choice.hidden)
        settings = UserSettings(
            visible=choice.visible or bool(paused_until),
            paused_until=paused_until,
            hide=hidden,
            history=choice.history,
        )
        privacy = self._history.privacy
        privacy.may_show(user_id, choice)
        self._history.may_show(user_id, choice)
        while True:
            try:
                await self._store.change(int(user_id), lambda _: settings)
                break
            except DurableUnavailable:  # whether it is stored is not known
                await asyncio.sleep(_RETRY_S)
        if paused_until > _now_ms():
            self._paused[user_id] = paused_until
        elif paused_until:
            choice = replace(choice, visible=True)
        privacy.hides(user_id, choice, time.monotonic())
        self._history.choose(user_id)
        self.changes += 1

    async def _end_pauses(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_S / 2)
            for user_id, until in list(self._paused.items()):
                if until - _now_ms() < 2 * _RETRY_S * 1000:
                    choice = replace(self._history.privacy.choices[user_id], visible=True)
                    self._history.privacy.may_show(user_id, choice)
                if until <= _now_ms():
                    del self._paused[user_id]
                    choice = replace(self._history.privacy.choices[user_id], visible=True)
                    self._history.privacy.hides(user_id, choice, time.monotonic())
                    self._history.choose(user_id)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
