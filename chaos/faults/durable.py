"""The Redis with what people have chosen: gone, silent, or back. It loses nothing."""

from __future__ import annotations

import asyncio

from chaos.plan import Fault
from chaos.stack import Stack


async def killed(stack: Stack, fault: Fault) -> None:
    """kill -9. It comes back with all that it had confirmed."""
    await stack.durable.kill()
    await asyncio.sleep(fault.seconds)
    await stack.durable.start()


async def paused(stack: Stack, fault: Fault) -> None:
    """SIGSTOP: every connection stays open, and none is answered."""
    await stack.durable.pause()
    await asyncio.sleep(fault.seconds)
    await stack.durable.resume()


async def clients_killed(stack: Stack, fault: Fault) -> None:
    """Subscriptions as well: what is published meanwhile reaches no subscriber."""
    await stack.durable.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await stack.durable.execute("CLIENT", "KILL", "TYPE", "pubsub")


WAYS = {
    "durable_killed": killed,
    "durable_paused": paused,
    "durable_clients_killed": clients_killed,
}
