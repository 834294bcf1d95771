"""A profile source that gives the test's answers, when the test lets it."""

from __future__ import annotations

import asyncio

from shared.model.profile_extras import NOTHING, ProfileExtras


class ScriptedSource:
    """Records the users it is asked about. While `gate` is cleared it does not answer."""

    def __init__(self, answer: ProfileExtras | Exception = NOTHING) -> None:
        self.answer = answer
        self.asked: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, user_id: int) -> ProfileExtras:
        self.asked.append(user_id)
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer
