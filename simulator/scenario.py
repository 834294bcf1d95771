"""What happens next: one loop in which people come, go, play, listen and fall silent."""

import asyncio
import heapq
import itertools
import random
import time
from typing import Final

from simulator import BOT_ID, activities, catalogue
from simulator.behaviour import OFFLINE_SHARE, listening, online_presence
from simulator.model import Json, Person, Presence, offline
from simulator.options import Options
from simulator.people import FIRST_PERSON, some_member, some_user
from simulator.world import World

# The loop wakes so often; what falls in between happens in one go.
_TICK_SECONDS: Final = 0.02
# A second's changes may be late, at low rates this many.
_MOST_OWED: Final = 2.0
# At full speed, so many changes between two looks at how far the clients are.
_SLICE: Final = 256

_LEAVE: Final = 0.01
_JOIN: Final = 0.01
_RENAME: Final = 0.01
_NEXT_SONG: Final = 0.8
# As many users come online as go offline, so that the share of online users stays constant.
_GO: Final = 0.3
_COME: Final = _GO * (1 - OFFLINE_SHARE) / OFFLINE_SHARE
# Most users who are drawn are offline and stay so: draw another one, but not for ever.
_LOOKS: Final = 100


class Scenario:
    """Decides which user changes and how; the same seed and clock give the same decisions.

    The clock is the number of changes divided by their rate, so that a slow machine does not
    alter what happens. At full speed it is the wall clock.
    """

    def __init__(self, world: World, options: Options, now_ms: int) -> None:
        self._world = world
        self._options = options
        self._rng = random.Random(options.seed + 1)
        self._now_ms = float(now_ms)
        self._ids = [user_id for user_id in world.people if user_id != BOT_ID]
        self._numbers = itertools.count(len(self._ids))
        self._songs: list[tuple[int, str]] = []
        self._demo_due_ms = now_ms
        self._demo_turn = 0
        for user_id in self._ids:
            self._expect_song_end(user_id)

    async def run(self) -> None:
        """Change users at ``options.rate`` until cancelled; the rate may change meanwhile."""
        owed = 0.0
        earlier = self._options.rate
        last = time.monotonic()
        while True:
            rate = self._options.rate
            if rate is None:
                await self._hurry()
                last = time.monotonic()
                continue
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            owed += (now - last) * rate
            last = now
            most = max(rate, _MOST_OWED)
            if rate != earlier or owed > most:
                # A new rate, or a loop that was held up: no burst, but the time it is now.
                owed, earlier = min(owed, most), rate
                self._now_ms = (time.time() - (owed / rate if rate else 0.0)) * 1000
            for _ in range(int(owed)):
                owed -= 1
                self._now_ms += 1000 / rate
                self.step(int(self._now_ms))
            await self._world.room()

    async def _hurry(self) -> None:
        """A slice of changes at full speed."""
        self._now_ms = time.time() * 1000
        for _ in range(_SLICE):
            self.step(int(self._now_ms))
        if not await self._world.room():
            # Nothing observes the rate: no reason to spend CPU.
            await asyncio.sleep(_TICK_SECONDS)

    def step(self, now_ms: int) -> None:
        """One change, at ``now_ms``."""
        if now_ms >= self._demo_due_ms:
            self._demo_due_ms = now_ms + int(self._options.demo_seconds * 1000)
            self._show_demo(now_ms)
        elif self._songs and self._songs[0][0] <= now_ms:
            self._end_song(heapq.heappop(self._songs)[1], now_ms)
        else:
            self._someone_does_something(now_ms)

    # --- the first person, which the demo shows -------------------------------------------

    def _show_demo(self, now_ms: int) -> None:
        """Spotify, a game with art, a custom status, an editor, another song…"""
        turn = self._demo_turn
        self._demo_turn += 1
        rng = self._rng
        song = catalogue.SONGS[turn // 4 % len(catalogue.SONGS)]
        status = ("online", "dnd", "idle", "online")[turn % 4]
        heard = activities.spotify(FIRST_PERSON, song, now_ms)
        said = activities.custom_status(rng, now_ms)
        shown: list[Json]
        match turn % 4:
            case 0:
                shown = [heard]
            case 1:
                shown = [activities.playing(rng, catalogue.ARENA, now_ms)]
            case 2:
                shown = [said]
            case _:
                shown = [said, heard, activities.playing(rng, catalogue.EDITOR, now_ms)]
        devices = {"mobile": status} if status == "idle" else {"desktop": status}
        self._world.set_presence(FIRST_PERSON, status, shown, devices)

    # --- all others ------------------------------------------------------------------

    def _someone_does_something(self, now_ms: int) -> None:
        chance = self._rng.random()
        if chance < _LEAVE:
            self._leave()
        elif chance < _LEAVE + _JOIN:
            self._join()
        elif chance < _LEAVE + _JOIN + _RENAME:
            self._rename()
        else:
            self._change_presence(now_ms)

    def _someone(self) -> Person:
        return self._world.people[self._ids[self._rng.randrange(len(self._ids))]]

    def _change_presence(self, now_ms: int) -> None:
        for _ in range(_LOOKS):
            person = self._someone()
            user_id = person.user.id
            if not person.guilds or user_id == FIRST_PERSON:
                continue
            chance = self._rng.random()
            if person.presence.status != "offline":
                goes = chance < _GO
                self._set(
                    user_id, offline() if goes else online_presence(self._rng, user_id, now_ms)
                )
                return
            if chance < _COME:
                self._set(user_id, online_presence(self._rng, user_id, now_ms))
                return

    def _set(self, user_id: str, presence: Presence) -> None:
        self._world.set_presence(
            user_id, presence.status, presence.activities, presence.client_status
        )
        self._expect_song_end(user_id)

    def _expect_song_end(self, user_id: str) -> None:
        end = activities.song_end(self._world.people[user_id].presence.activities)
        if end is not None:
            heapq.heappush(self._songs, (end, user_id))

    def _end_song(self, user_id: str, now_ms: int) -> None:
        """The next song, or silence; nothing if the person did something else meanwhile."""
        presence = self._world.people[user_id].presence
        end = activities.song_end(presence.activities)
        if user_id == FIRST_PERSON or end is None or end > now_ms:
            self._someone_does_something(now_ms)
            return
        goes_on = self._rng.random() < _NEXT_SONG
        shown = [
            listening(self._rng, user_id, now_ms) if activities.is_song(activity) else activity
            for activity in presence.activities
            if goes_on or not activities.is_song(activity)
        ]
        self._set(user_id, Presence(presence.status, shown, presence.client_status))

    def _leave(self) -> None:
        person = self._someone()
        if person.guilds and person.user.id != FIRST_PERSON:
            self._world.remove_member(self._rng.choice(person.guilds), person.user.id)

    def _join(self) -> None:
        """A former member returns, or a new one joins."""
        if not self._world.guilds:
            return
        guild_id = self._rng.choice(list(self._world.guilds))
        person = self._someone()
        if person.guilds:
            user = some_user(self._rng, next(self._numbers))
            self._ids.append(user.id)
            self._world.add_member(guild_id, user, some_member(self._rng, user, guild_id))
        else:
            seen = some_member(self._rng, person.user, guild_id)
            self._world.add_member(guild_id, person.user.id, seen)

    def _rename(self) -> None:
        person = self._someone()
        if person.user.id != FIRST_PERSON:
            first = self._rng.choice(catalogue.FIRST_NAMES)
            noun = self._rng.choice(catalogue.NOUNS)
            self._world.update_user(person.user.id, global_name=f"{first} {noun.title()}")
