"""Nodes of a Redis Cluster that die, fail over, hang, forget, and hand slots to each other.

Each fault is healed when the cluster is whole again: all nodes run, and each master has a replica.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

from chaos.plan import Fault
from chaos.stack import Stack
from testing.eventually import eventually_async
from testing.redis_cluster import RedisCluster
from testing.redis_server import RedisServer

_MOST_SLOTS = 40  # that one fault moves
_NO_FAILOVER = "cluster-replica-no-failover"


async def master_killed(stack: Stack, fault: Fault) -> None:
    """kill -9 of one master. Its replica takes over, and it comes back empty, as a replica."""
    cluster = stack.cluster
    master = await cluster.master(random.Random(fault.seed))
    stack.rollbacks.begins()  # what the replica had not received yet is lost
    await master.kill()
    await eventually_async(lambda: cluster.is_well_without(master))
    await asyncio.sleep(fault.seconds)
    await _start(cluster, [master])
    stack.rollbacks.healed()


async def master_restarted(stack: Stack, fault: Fault) -> None:
    """Killed and started at once: it is empty, and its replica takes over or is emptied too."""
    cluster = stack.cluster
    master = await cluster.master(random.Random(fault.seed))
    stack.rollbacks.begins()
    await master.kill()
    await asyncio.sleep(fault.seconds)
    await _start(cluster, [master])
    stack.rollbacks.healed()


async def all_restarted(stack: Stack, fault: Fault) -> None:
    """All nodes are killed, and come back empty."""
    cluster = stack.cluster
    stack.rollbacks.loses()
    await _kill(cluster.nodes)
    for node in cluster.nodes:
        node.delete_dump()  # of a replica that was about to begin with its master's data
    await asyncio.sleep(fault.seconds)
    await _start(cluster, cluster.nodes)
    stack.rollbacks.healed()


async def masters_restarted(stack: Stack, fault: Fault) -> None:
    """All masters are killed at once. Whether their replicas agree on new masters, with no master
    left to vote, or they come back first: what is left is what they hold."""
    cluster = stack.cluster
    masters = await cluster.current_masters()
    stack.rollbacks.begins()
    await _kill(masters)
    await asyncio.sleep(fault.seconds)
    await _start(cluster, masters)
    stack.rollbacks.healed()


async def rolled_back(stack: Stack, fault: Fault) -> None:
    """A master comes back with what it held some seconds before, and stays the master."""
    cluster = stack.cluster
    master = await cluster.master(random.Random(fault.seed))
    replica = await cluster.replica_of(master)
    await master.execute("SAVE")
    await asyncio.sleep(fault.seconds)
    await replica.execute("CONFIG", "SET", _NO_FAILOVER, "yes")
    stack.rollbacks.begins()
    await master.kill()
    await _start(cluster, [master])
    stack.rollbacks.healed()
    await replica.execute("CONFIG", "SET", _NO_FAILOVER, "no")
    master.delete_dump()


async def failed_over(stack: Stack, fault: Fault) -> None:
    """A replica and its master swap their roles, as for an update of the servers."""
    cluster = stack.cluster
    master = await cluster.master(random.Random(fault.seed))
    replica = await cluster.replica_of(master)
    await replica.execute("CLUSTER", "FAILOVER")
    await eventually_async(lambda: _is_master(cluster, replica))
    await eventually_async(cluster.is_whole)


async def paused(stack: Stack, fault: Fault) -> None:
    """SIGSTOP of a master. If that lasts, its replica takes over, and for a moment after SIGCONT
    there are two who believe to be the master."""
    cluster = stack.cluster
    master = await cluster.master(random.Random(fault.seed))
    stack.rollbacks.begins()
    await master.pause()
    await asyncio.sleep(fault.seconds)
    await master.resume()
    await eventually_async(cluster.is_whole)
    stack.rollbacks.healed()


async def slots_moved(stack: Stack, fault: Fault) -> None:
    """Slots go to another master with all their keys, while these are read and written."""
    cluster, rng = stack.cluster, random.Random(fault.seed)
    await cluster.move_some_slots(rng.randint(1, _MOST_SLOTS), rng)
    await eventually_async(cluster.is_whole)


async def emptied(stack: Stack, fault: Fault) -> None:
    stack.rollbacks.loses()
    await _tell(await stack.cluster.current_masters(), "FLUSHALL")
    stack.rollbacks.healed()


async def out_of_memory(stack: Stack, fault: Fault) -> None:
    """One master refuses every write."""
    master = await stack.cluster.master(random.Random(fault.seed))
    await master.execute("CONFIG", "SET", "maxmemory", 1)
    await asyncio.sleep(fault.seconds)
    await master.execute("CONFIG", "SET", "maxmemory", 0)


async def pubsub_killed(stack: Stack, fault: Fault) -> None:
    """Once, and once more."""
    await _tell(stack.cluster.nodes, "CLIENT", "KILL", "TYPE", "pubsub")
    await asyncio.sleep(fault.seconds)
    await _tell(stack.cluster.nodes, "CLIENT", "KILL", "TYPE", "pubsub")


async def clients_killed(stack: Stack, fault: Fault) -> None:
    await _tell(stack.cluster.nodes, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await _tell(stack.cluster.nodes, "CLIENT", "KILL", "TYPE", "pubsub")


async def scripts_lost(stack: Stack, fault: Fault) -> None:
    await _tell(await stack.cluster.current_masters(), "SCRIPT", "FLUSH")


async def _start(cluster: RedisCluster, nodes: Iterable[RedisServer]) -> None:
    for node in nodes:
        await node.start()
    await eventually_async(cluster.is_whole)


async def _kill(nodes: Iterable[RedisServer]) -> None:
    for node in nodes:
        await node.kill()


async def _tell(nodes: Iterable[RedisServer], *command: str) -> None:
    for node in nodes:
        await node.execute(*command)


async def _is_master(cluster: RedisCluster, node: RedisServer) -> bool:
    return node in await cluster.current_masters()


WAYS = {
    "cluster_master_killed": master_killed,
    "cluster_master_restarted": master_restarted,
    "cluster_masters_restarted": masters_restarted,
    "cluster_all_restarted": all_restarted,
    "cluster_rolled_back": rolled_back,
    "cluster_failed_over": failed_over,
    "cluster_paused": paused,
    "cluster_slots_moved": slots_moved,
    "cluster_emptied": emptied,
    "cluster_out_of_memory": out_of_memory,
    "cluster_pubsub_killed": pubsub_killed,
    "cluster_clients_killed": clients_killed,
    "cluster_scripts_lost": scripts_lost,
}
