"""Processes that are killed, ended and stopped."""

from __future__ import annotations

import asyncio
import signal

from chaos.plan import Fault
from chaos.stack import Stack


async def killed(stack: Stack, fault: Fault) -> None:
    """kill -9, and started again after a while."""
    service = stack.services[fault.target]
    await service.kill()
    await asyncio.sleep(fault.seconds)
    await service.start()


async def ended(stack: Stack, fault: Fault) -> None:
    """SIGTERM, and started again after a while."""
    service = stack.services[fault.target]
    await service.terminate()
    await asyncio.sleep(fault.seconds)
    await service.start()


async def stopped(stack: Stack, fault: Fault) -> None:
    """SIGSTOP: alive, and yet it does nothing. Its connections stay open."""
    service = stack.services[fault.target]
    service.send(signal.SIGSTOP)
    await asyncio.sleep(fault.seconds)
    service.send(signal.SIGCONT)


WAYS = {
    "process_killed": killed,
    "process_ended": ended,
    "process_stopped": stopped,
    "gateway_killed": killed,
    "gateway_stopped_long": stopped,
}
