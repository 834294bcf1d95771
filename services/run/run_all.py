"""All of Grux on this machine, in one command.

Starts Redis unless REDIS_URL is set, the simulator unless DISCORD_TOKEN is set, and the services.
Exit status 0: stopped by a signal, such as Ctrl-C. 1: a process failed. 2: nothing was started,
because a setting, a port or redis-server is unusable.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

from services.run import banner, durable_server
from services.run.plan import NoRedisServer, Plan, make_plan
from services.run.ports import PortUnusable
from services.run.process_stack import Console, ProcessStack
from services.run.ready import NotReady, start_all
from shared import config, unknown_settings

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(plan: Plan, console: Console) -> int:
    """Start the processes, print the banner, wait for the end. Returns the exit status."""
    stop = asyncio.Event()
    async with ProcessStack(console) as stack:

        def on_signal() -> None:
            if stop.is_set():  # the second Ctrl-C
                stack.kill()
            stop.set()

        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, on_signal)
        ends = [
            asyncio.create_task(_stop_requested(stop)),
            asyncio.create_task(_process_exit(stack)),
            asyncio.create_task(_start_failure(plan, stack, console)),
        ]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        first = next(end for end in ends if end.done())
        for end in ends:
            end.cancel()
        await asyncio.wait(ends)  # so that nothing more is started
        failure = first.result()
        if failure is None:
            console.print("\nStopping.")
        else:
            print(f"\n{failure}", file=sys.stderr, flush=True)
    return 0 if failure is None else 1


async def _stop_requested(stop: asyncio.Event) -> str | None:
    await stop.wait()
    return None


async def _process_exit(stack: ProcessStack) -> str | None:
    return str(await stack.first_exit())


async def _start_failure(plan: Plan, stack: ProcessStack, console: Console) -> str | None:
    """Start everything. Returns only if that fails, with the reason."""
    try:
        user_id = await start_all(plan, stack)
    except NotReady as error:
        return str(error)
    console.print(banner.text(plan, user_id))
    forever: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await forever
    return None


def main() -> int:
    """Returns the exit status."""
    try:
        plan = make_plan(config.environment())
    except (config.ConfigError, PortUnusable, NoRedisServer) as error:
        print(error, file=sys.stderr)
        return 2
    for line in unknown_settings.in_dotenv():
        print(f"Warning: {line}", file=sys.stderr)
    Path(durable_server.FOLDER).mkdir(parents=True, exist_ok=True)
    return asyncio.run(run(plan, Console()))
