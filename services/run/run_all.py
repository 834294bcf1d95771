"""Everything on this machine, in one command.

Redis unless REDIS_URL names one, the simulator unless DISCORD_TOKEN is set, and the four
services. Ends with status 0 when it is told to (Ctrl-C), 1 when a part fails, 2 when it cannot
begin.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from services.run import banner, plan
from services.run.console import Screen
from services.run.ports import PortUnusable
from services.run.ready import NotReady, bring_up
from services.run.stack import Stack
from shared import config

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(what: plan.Plan, screen: Screen) -> int:
    """Start it, say so, and wait for the end. Returns the exit status."""
    told = asyncio.Event()
    async with Stack(screen) as stack:

        def stop() -> None:
            if told.is_set():  # a second Ctrl-C
                stack.kill()
            told.set()

        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, stop)
        ends = [
            asyncio.create_task(_told_to_stop(told)),
            asyncio.create_task(_fall(stack)),
            asyncio.create_task(_come_up(what, stack, screen)),
        ]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        first = next(end for end in ends if end.done())
        for end in ends:
            end.cancel()
        await asyncio.wait(ends)  # from here on nothing is started any more
        failure = first.result()
        if failure is None:
            screen.say("\nStopping.")
        else:
            print(f"\n{failure}", file=sys.stderr, flush=True)
    return 0 if failure is None else 1


async def _told_to_stop(told: asyncio.Event) -> str | None:
    await told.wait()
    return None


async def _fall(stack: Stack) -> str | None:
    return str(await stack.first_death())


async def _come_up(what: plan.Plan, stack: Stack, screen: Screen) -> str | None:
    """Returns only when it does not come up."""
    try:
        person = await bring_up(what, stack)
    except NotReady as error:
        return str(error)
    screen.say(banner.text(what, person))
    forever: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await forever
    return None


def main() -> int:
    """Returns the exit status."""
    try:
        what = plan.make(config.environment())
    except (config.ConfigError, PortUnusable, plan.NoRedisServer) as error:
        print(error, file=sys.stderr)
        return 2
    Path(plan.REDIS_FOLDER).mkdir(exist_ok=True)
    return asyncio.run(run(what, Screen()))
