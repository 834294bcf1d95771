"""Wires that break between two processes."""

from __future__ import annotations

import asyncio
import random

from chaos.plan import Fault
from chaos.stack import Stack


async def cut(stack: Stack, fault: Fault) -> None:
    link = stack.links[fault.target]
    link.cut()
    await asyncio.sleep(fault.seconds)
    link.heal()


async def delayed(stack: Stack, fault: Fault) -> None:
    link = stack.links[fault.target]
    link.slow_down(delay=random.Random(fault.seed).uniform(0.02, 0.4))
    await asyncio.sleep(fault.seconds)
    link.heal()


async def throttled(stack: Stack, fault: Fault) -> None:
    link = stack.links[fault.target]
    link.slow_down(rate=random.Random(fault.seed).uniform(2_000, 50_000))
    await asyncio.sleep(fault.seconds)
    link.heal()


async def reset(stack: Stack, fault: Fault) -> None:
    stack.links[fault.target].reset()


async def reset_mid_frame(stack: Stack, fault: Fault) -> None:
    link = stack.links[fault.target]
    link.break_frames(random.Random(fault.seed).randint(1, 20))
    await asyncio.sleep(fault.seconds)
    link.heal()


async def silent(stack: Stack, fault: Fault) -> None:
    """Nothing comes through; then all of it does, or the connections are reset at last."""
    link = stack.links[fault.target]
    link.stall()
    await asyncio.sleep(fault.seconds)
    if random.Random(fault.seed).random() < 0.5:
        link.reset()
    link.heal()


WAYS = {
    "link_cut": cut,
    "link_delayed": delayed,
    "link_throttled": throttled,
    "link_reset": reset,
    "link_reset_mid_frame": reset_mid_frame,
    "link_silent": silent,
}
