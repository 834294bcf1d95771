"""A Redis that is gone, full, empty, read-only, or hangs up."""

from __future__ import annotations

import asyncio

from chaos.plan import Fault
from chaos.stack import Stack


async def killed(stack: Stack, fault: Fault) -> None:
    """Gone for a while; it comes back empty."""
    stack.redis.delete_dump()
    stack.rollbacks.loses()
    await stack.redis.kill()
    await asyncio.sleep(fault.seconds)
    await stack.redis.start()
    stack.rollbacks.healed()


async def rolled_back(stack: Stack, fault: Fault) -> None:
    """Killed, and it comes back with what it held some seconds before: its last snapshot."""
    await stack.redis.execute("SAVE")
    await asyncio.sleep(fault.seconds)
    stack.rollbacks.begins()
    await stack.redis.kill()
    await stack.redis.start()
    stack.rollbacks.healed()
    stack.redis.delete_dump()


async def emptied(stack: Stack, fault: Fault) -> None:
    stack.rollbacks.loses()
    await stack.redis.execute("FLUSHALL")
    stack.rollbacks.healed()


async def paused(stack: Stack, fault: Fault) -> None:
    """SIGSTOP: every connection stays open, and none is answered."""
    await stack.redis.pause()
    await asyncio.sleep(fault.seconds)
    await stack.redis.resume()


async def out_of_memory(stack: Stack, fault: Fault) -> None:
    """Every write is refused."""
    await stack.redis.execute("CONFIG", "SET", "maxmemory", 1)
    await asyncio.sleep(fault.seconds)
    await stack.redis.execute("CONFIG", "SET", "maxmemory", 0)


async def read_only(stack: Stack, fault: Fault) -> None:
    """As after a failover: this Redis has become a replica (of a master that does not answer)."""
    await stack.redis.execute("REPLICAOF", "127.0.0.1", 1)
    await asyncio.sleep(fault.seconds)
    await stack.redis.execute("REPLICAOF", "NO", "ONE")


async def pubsub_killed(stack: Stack, fault: Fault) -> None:
    """Once, and once more."""
    await stack.redis.execute("CLIENT", "KILL", "TYPE", "pubsub")
    await asyncio.sleep(fault.seconds)
    await stack.redis.execute("CLIENT", "KILL", "TYPE", "pubsub")


async def clients_killed(stack: Stack, fault: Fault) -> None:
    await stack.redis.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await stack.redis.execute("CLIENT", "KILL", "TYPE", "pubsub")


async def scripts_lost(stack: Stack, fault: Fault) -> None:
    await stack.redis.execute("SCRIPT", "FLUSH")


WAYS = {
    "redis_killed": killed,
    "redis_restarted_empty": killed,
    "redis_emptied": emptied,
    "redis_rolled_back": rolled_back,
    "redis_paused": paused,
    "redis_out_of_memory": out_of_memory,
    "redis_read_only": read_only,
    "redis_pubsub_killed": pubsub_killed,
    "redis_clients_killed": clients_killed,
    "redis_scripts_lost": scripts_lost,
}
