"""How each kind of fault in chaos/plan.py is done, and undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from chaos.faults import cluster, discord, durable, links, processes, redis
from chaos.plan import Fault
from chaos.stack import Stack

Do = Callable[[Stack, Fault], Awaitable[None]]

WAYS: Final[Mapping[str, Do]] = {
    **processes.WAYS,
    **redis.WAYS,
    **cluster.WAYS,
    **durable.WAYS,
    **links.WAYS,
    **discord.WAYS,
}
"""By a fault's kind. Each returns when the fault is healed."""
