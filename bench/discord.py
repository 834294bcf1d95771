"""`python -m bench.discord MEMBERS GUILDS HEARTBEAT_MS`: the simulator, with the bench's own crowd.

Members have the ids people.FIRST, people.FIRST + 1 … and events are bytes that are ready, so that
sending them is not what is measured. It says what a gateway needs as one JSON line; then a
line on stdin is answered by a JSON line:

  events COUNT RATE USERS KIND  PRESENCE_UPDATEs for the first USERS in turn, RATE a second (0: as
                                fast as they are read). KIND `new`: each differs from the one
                                before; `same`: each repeats round 1 of the `new` ones
  stats                         the simulator's counters, and when a gateway identified
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from typing import Any, Final

import msgspec

from bench import people
from simulator.behaviour import some_presence
from simulator.model import Member, Person
from simulator.options import Options
from simulator.people import some_user
from simulator.server import Simulator

TURNS: Final = 300  # a second, at most: how often it is looked at the clock
BATCH: Final = 16  # events between two looks at how far the gateway is, when there is no rate

_EVENT: Final = (
    b'{"user":{"id":"%d"},"guild_id":"%d","status":"online","client_status":{"desktop":"online"},'
    b'"activities":['
    b'{"id":"spotify:1","name":"Spotify","type":2,"flags":48,"state":"JBEE; Sillage",'
    b'"details":"90mph","sync_id":"6uT2TsDrCrXue7ROEfNeGN","session_id":"0a1b2c3d4e5f",'
    b'"created_at":1750873861499,"timestamps":{"start":1750873861045,"end":1750874008612},'
    b'"party":{"id":"spotify:%d"},"assets":{"large_text":"90mph",'
    b'"large_image":"spotify:ab67616d0000b2737aee7c56bd63016a79ddc9d1"}},'
    b'{"id":"a1b2c3d4e5f60718","name":"Visual Studio Code","type":0,"flags":1,'
    b'"state":"@%d","details":"round %d","application_id":"383226320970055681",'
    b'"created_at":1750873791410,"timestamps":{"start":1750865485922},'
    b'"assets":{"large_image":"1359299128655347824","large_text":"Editing a MARKDOWN file",'
    b'"small_image":"1359299466493956258","small_text":"Visual Studio Code"}}]}'
)


class EventSource:
    """A simulator with a crowd."""

    def __init__(self, members: int, guilds: int, heartbeat: int) -> None:
        options = Options(
            port=0,
            members=1,
            guilds=guilds,
            rate=0,
            identify_seconds=0,
            heartbeat_interval_ms=heartbeat,
            sends_per_minute=100_000,
            rest_global_limit=1_000,
        )
        self.sim = Simulator(options)
        self.guilds = list(self.sim.world.guilds)
        self._round = 0
        self._ready: int | None = None  # monotonic ns
        rng = random.Random(1)
        for number in range(members):
            self._admit(rng, number)

    def _admit(self, rng: random.Random, number: int) -> None:
        user = some_user(rng, number + 1)
        user.id = str(people.FIRST + number)
        guild_id = self.guilds[number % len(self.guilds)]
        presence = some_presence(rng, user.id, int(time.time() * 1000))
        self.sim.world.people[user.id] = Person(user, presence, [guild_id])
        self.sim.world.guilds[guild_id].members[user.id] = Member()

    def see_identify(self) -> None:
        """Note when the first gateway gets its READY. From a thread: the loop is busy then."""
        while not self.sim.stats.identifies:
            time.sleep(0.001)
        self._ready = time.monotonic_ns()

    async def events(self, count: int, rate: int, users: int, kind: str) -> dict[str, Any]:
        began, first_round = time.monotonic(), self._round
        batch = max(1, rate // TURNS) if rate else BATCH
        for sent in range(count):
            if sent % batch == 0:
                await self._pace(began, sent, rate)
            if kind == "new":
                stamp, self._round = time.monotonic_ns(), first_round + 1 + sent // users
            else:
                stamp, self._round = 0, 0
            user = sent % users
            guild = int(self.guilds[user % len(self.guilds)])
            user_id = people.FIRST + user
            body = _EVENT % (user_id, guild, user_id, stamp, self._round)
            self.sim.sessions.raw("PRESENCE_UPDATE", body)
        return {"round": self._round, "seconds": time.monotonic() - began}

    async def _pace(self, began: float, sent: int, rate: int) -> None:
        await self.sim.sessions.room()
        if rate:
            await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))

    def stats(self) -> dict[str, Any]:
        return {**msgspec.to_builtins(self.sim.stats, str_keys=True), "ready_ns": self._ready}


async def main(members: int, guilds: int, heartbeat: int) -> None:
    discord = EventSource(members, guilds, heartbeat)
    threading.Thread(target=discord.see_identify, daemon=True).start()
    async with discord.sim as sim:
        _say(
            {
                "DISCORD_TOKEN": sim.token,
                "DISCORD_API_URL": sim.api_url,
                "DISCORD_CDN_URL": sim.cdn_url,
            }
        )
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            verb, *arguments = line.split()
            if verb == "events":
                count, rate, users = map(int, arguments[:3])
                _say(await discord.events(count, rate, users, arguments[3]))
            else:
                _say(discord.stats())


def _say(what: dict[str, Any]) -> None:
    print(msgspec.json.encode(what).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
