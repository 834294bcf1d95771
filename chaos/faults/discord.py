"""Discord, which drops sessions, refuses them, limits, goes away, and talks nonsense."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from chaos.plan import Fault
from chaos.stack import Stack
from simulator.faults import RestFault
from simulator.gateway_session import DropHow
from simulator.protocol import ENDS_SESSION

# What a client may come back after. The others (4004, 4010 to 4014) end the gateway on purpose.
_CLOSE_CODES = (1000, 1001, 4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009)
_NONSENSE = ("{", "[]x", '{"op": 99, "d": null}', '{"op":0,"s":null,"t":"PRESENCE_UPDATE","d":7}')


def drop(how: DropHow) -> Callable[[Stack, Fault], Awaitable[None]]:
    async def do(stack: Stack, fault: Fault) -> None:
        stack.simulator.drop(how)

    return do


async def close_code(stack: Stack, fault: Fault) -> None:
    stack.simulator.drop("close", code=_code(fault))


def ends_session(fault: Fault) -> bool:
    """Whether the fault closes the connection with a code after which no resume is possible."""
    return fault.kind == "discord_close_code" and _code(fault) in ENDS_SESSION


def _code(fault: Fault) -> int:
    return random.Random(fault.seed).choice(_CLOSE_CODES)


async def acks_missing(stack: Stack, fault: Fault) -> None:
    stack.simulator.faults.acks_stalled = True
    await asyncio.sleep(fault.seconds)
    stack.simulator.faults.acks_stalled = False


async def refuses(stack: Stack, fault: Fault) -> None:
    """The session drops, and Discord refuses connections for a while."""
    how = random.Random(fault.seed).choice(("http", "reset"))
    stack.simulator.refuse(fault.seconds, "http" if how == "http" else "reset")
    stack.simulator.drop("rst")
    await asyncio.sleep(fault.seconds)


async def refuses_long(stack: Stack, fault: Fault) -> None:
    """For minutes. Another fault may clear or shorten it meanwhile: then it starts again."""
    loop = asyncio.get_running_loop()
    until = loop.time() + fault.seconds
    stack.simulator.drop("rst")
    while (left := until - loop.time()) > 0:
        stack.simulator.refuse(left)
        stack.rollbacks.held_up()  # a gateway that took over needs Discord to write users again
        await asyncio.sleep(min(left, 0.5))


async def resume_refused(stack: Stack, fault: Fault) -> None:
    stack.simulator.faults.refuse_resumes(1)
    stack.simulator.drop("rst")
    await asyncio.sleep(fault.seconds)
    stack.simulator.faults.refuse_resumes(0)


async def op7_for_hello(stack: Stack, fault: Fault) -> None:
    stack.simulator.faults.reconnect_at_hello(2)
    stack.simulator.drop("reconnect")
    await asyncio.sleep(fault.seconds)
    stack.simulator.faults.reconnect_at_hello(0)


async def replays_twice(stack: Stack, fault: Fault) -> None:
    """A resume replays also what the client had already."""
    stack.replays.again = random.Random(fault.seed).randint(1, 200)
    stack.simulator.drop("rst")
    await asyncio.sleep(fault.seconds)
    stack.replays.again = 0


async def roster_limited(stack: Stack, fault: Fault) -> None:
    """A fresh session, whose op 8 is answered with RATE_LIMITED."""
    options = stack.simulator.options
    kept, options.chunk_seconds = options.chunk_seconds, fault.seconds
    stack.simulator.drop("invalid")
    await asyncio.sleep(fault.seconds / 2)
    stack.simulator.drop("invalid")
    await asyncio.sleep(fault.seconds / 2)
    options.chunk_seconds = kept


async def rest_fails(stack: Stack, fault: Fault) -> None:
    rng = random.Random(fault.seed)
    delay = rng.choice((0.0, 0.0, 3.0))
    status = rng.choice((429, 500, 503, None if delay else 500))
    stack.simulator.faults.add_rest(RestFault(prefix="/", status=status, delay=delay))
    await asyncio.sleep(fault.seconds)
    stack.simulator.faults.clear()  # nothing else is in force: Discord has one fault at a time


async def outage(stack: Stack, fault: Fault) -> None:
    """A guild is unavailable for a while; what its people do meanwhile is not told."""
    world = stack.simulator.world
    guild_id = random.Random(fault.seed).choice(sorted(world.guilds))
    stack.history.outages.begin(guild_id)
    world.set_available(guild_id, False)
    await asyncio.sleep(fault.seconds)
    world.set_available(guild_id, True)
    stack.history.outages.end(guild_id)


async def nonsense(stack: Stack, fault: Fault) -> None:
    rng = random.Random(fault.seed)
    for _ in range(5):
        stack.simulator.gateway.send_text(rng.choice(_NONSENSE))
        stack.simulator.gateway.ask_heartbeat()
        await asyncio.sleep(fault.seconds / 5)


async def burst(stack: Stack, fault: Fault) -> None:
    await stack.life.burst(stack.burst)


WAYS = {
    "discord_reset": drop("rst"),
    "discord_hung_up": drop("eof"),
    "discord_reconnect": drop("reconnect"),
    "discord_invalid": drop("invalid"),
    "discord_invalid_resumable": drop("invalid_resumable"),
    "discord_close_code": close_code,
    "discord_acks_missing": acks_missing,
    "discord_refuses": refuses,
    "discord_refuses_long": refuses_long,
    "discord_resume_refused": resume_refused,
    "discord_op7_for_hello": op7_for_hello,
    "discord_replays_twice": replays_twice,
    "discord_roster_limited": roster_limited,
    "discord_rest_fails": rest_fails,
    "discord_outage": outage,
    "discord_nonsense": nonsense,
    "burst": burst,
}
