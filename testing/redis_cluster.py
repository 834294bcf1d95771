"""A Redis Cluster: usually three masters, each with a replica."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from redis.asyncio.cluster import ClusterNode
from redis.asyncio.cluster import RedisCluster as Client
from redis.crc import key_slot
from redis.exceptions import RedisError

from testing.eventually import PATIENCE, eventually_async
from testing.free_port import free_port
from testing.redis_server import RedisServer

SLOTS: Final = 16384
NOTICED_AFTER: Final = 500  # ms without an answer
MASTERS: Final = 3


class RedisCluster:
    """`async with RedisCluster() as cluster:` starts it and ends it."""

    def __init__(
        self,
        noticed_after_ms: int = NOTICED_AFTER,
        *,
        masters: int = MASTERS,
        replicated: bool = True,
        binary: str = "",
        acl: Path | None = None,
        account: str = "",
    ) -> None:
        """`noticed_after_ms`: how long a node may be silent before the others replace it.
        `replicated`: each master has a replica. `binary`: another server that is started in
        Redis' place. `acl`: the file with the users of all nodes, where `account`
        (`name:password`) may do everything."""

        def node() -> RedisServer:
            return _node(noticed_after_ms, acl, account, binary)

        self._account = account
        self.masters = [node() for _ in range(masters)]  # at the start
        self.replicas = [node() for _ in range(masters if replicated else 0)]  # likewise
        self._running = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        return self.url_for("")

    def url_for(self, account: str) -> str:
        """For `name:password`, or for anyone."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.masters)
        return f"redis+cluster://{account}@{hosts}" if account else f"redis+cluster://{hosts}"

    @property
    def nodes(self) -> list[RedisServer]:
        return [*self.masters, *self.replicas]

    def client(self) -> Client:
        """Connections of the caller's own, past every proxy. Use it as a context manager."""
        return Client(startup_nodes=[ClusterNode("127.0.0.1", node.port) for node in self.nodes])

    async def __aenter__(self) -> Self:
        try:
            for node in self.nodes:
                await self._running.enter_async_context(node)
            await self._join()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    def master_of(self, key: str) -> RedisServer:
        """The master that had the key's slot at the start."""
        return self.masters[_slot(key) * len(self.masters) // SLOTS]

    def another_than(self, key: str) -> RedisServer:
        """A master that had not."""
        return next(one for one in self.masters if one is not self.master_of(key))

    async def is_well_without(self, lost: RedisServer) -> bool:
        """Whether the others serve all slots again."""
        others = [one for one in self.nodes if one is not lost]
        return all([await _is_well(one) and await _has_lost(one, lost) for one in others])

    async def is_whole(self) -> bool:
        """Whether all nodes run and agree on who has which slot, and each master has a replica."""
        try:
            views = [await _owners(node) for node in self.nodes]
            return (
                all([await _is_well(node) for node in self.nodes])
                and all(view == views[0] for view in views)
                and sum([await _follows(node) for node in self.nodes]) == len(self.replicas)
            )
        except (RedisError, OSError):
            return False

    async def master(self, rng: random.Random) -> RedisServer:
        """One of the masters of this moment. The cluster has to be whole."""
        ports = sorted({port for _, _, port in await _owners(self.nodes[0])})
        return self._by_port(rng.choice(ports))

    async def current_masters(self) -> list[RedisServer]:
        """The masters of this moment. The cluster has to be whole."""
        return [self._by_port(port) for port in {port for *_, port in await _owners(self.nodes[0])}]

    async def replica_of(self, master: RedisServer) -> RedisServer:
        """The cluster has to be whole."""
        for node in self.nodes:
            role = await _ask(node, "ROLE")
            if role[0] == b"slave" and role[2] == master.port:
                return node
        raise LookupError(f"no replica follows port {master.port}")

    async def move_slot(self, key: str, source: RedisServer, target: RedisServer) -> None:
        """As `redis-cli --cluster reshard` does it, with all its keys, while it is in use."""
        await self._move(_slot(key), source, target)

    async def move_some_slots(self, count: int, rng: random.Random) -> None:
        """Move slots that hold keys from one master to another, one slot after another. The cluster
        has to be whole."""
        source = await self.master(rng)
        target = rng.choice([one for one in await self.current_masters() if one is not source])
        ranges = [(low, high) for low, high, port in await _owners(source) if port == source.port]
        slots = [slot for low, high in ranges for slot in range(low, high + 1)]
        rng.shuffle(slots)
        async with source.client() as redis:  # at once: of a master without keys, all are asked
            pipe = redis.pipeline(transaction=False)
            for slot in slots:
                pipe.execute_command("CLUSTER COUNTKEYSINSLOT", slot)
            keys = await pipe.execute()
        for slot in [slot for slot, number in zip(slots, keys, strict=True) if number][:count]:
            await self._move(slot, source, target)

    @property
    def _credentials(self) -> tuple[str, ...]:
        """As MIGRATE wants them."""
        return ("AUTH2", *self._account.split(":")) if self._account else ()

    def _by_port(self, port: int) -> RedisServer:
        return next(node for node in self.nodes if node.port == port)

    async def _move(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        source_id, target_id = await asyncio.gather(_id(source), _id(target))
        await _ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        await _ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        while names := await _ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            to_target = ("127.0.0.1", target.port, "", 0, 5000, *self._credentials)
            await _ask(source, "MIGRATE", *to_target, "KEYS", *names)
        for node in (target, source):  # the others hear of it from these two
            await _ask(node, "CLUSTER", "SETSLOT", slot, "NODE", target_id)

    async def _join(self) -> None:
        first = self.masters[0]
        nodes = self.nodes
        for node in nodes[1:]:
            await _ask(node, "CLUSTER", "MEET", "127.0.0.1", first.port)
        for place, node in enumerate(self.masters):
            bounds = (-(-SLOTS * one // len(self.masters)) for one in (place, place + 1))
            await _ask(node, "CLUSTER", "ADDSLOTS", *range(*bounds))
        async with asyncio.timeout(PATIENCE):
            for node in nodes:
                await eventually_async(partial(_knows, node, len(nodes)))
            for master, replica in zip(self.masters, self.replicas, strict=False):
                await _ask(replica, "CLUSTER", "REPLICATE", await _id(master))
            for node in nodes:
                await eventually_async(partial(_is_well, node))
            for replica in self.replicas:
                await eventually_async(partial(_follows, replica))


def _node(noticed_after_ms: int, acl: Path | None, account: str, binary: str) -> RedisServer:
    name, _, password = account.partition(":")
    return RedisServer(
        *("--cluster-enabled", "yes", "--cluster-node-timeout", str(noticed_after_ms)),
        *("--repl-diskless-sync-delay", "0", "--repl-diskless-load", "on-empty-db"),
        *("--rdb-del-sync-files", "yes"),  # only `SAVE` keeps anything
        *("--cluster-replica-validity-factor", "0"),
        *(("--aclfile", str(acl)) if acl else ()),
        *(("--masteruser", name, "--masterauth", password) if account else ()),  # of a replica
        port=_port(),
        account=account,
        binary=binary,
    )


def _port() -> int:
    """One whose neighbour for the bus of the cluster, ten thousand higher, is free as well."""
    while True:
        port = free_port()
        with socket.socket() as bus, contextlib.suppress(OSError):
            bus.bind(("127.0.0.1", port + 10_000))
            return port


async def _ask(node: RedisServer, *command: Any) -> Any:
    async with node.client() as redis:
        return await redis.execute_command(*command)  # type: ignore[no-untyped-call]


async def _owners(node: RedisServer) -> set[tuple[int, int, int]]:
    """First and last slot of each range, and the port of its master, as this node knows them."""
    slots = await _ask(node, "CLUSTER", "SLOTS")
    return {(first, last, master[1]) for first, last, master, *_ in slots}


async def _id(node: RedisServer) -> str:
    answer = await _ask(node, "CLUSTER", "MYID")
    return answer.decode() if isinstance(answer, bytes) else str(answer)


async def _knows(node: RedisServer, others: int) -> bool:
    async with node.client() as redis:
        return len(await redis.cluster("NODES")) == others


async def _is_well(node: RedisServer) -> bool:
    async with node.client() as redis:
        return bool((await redis.cluster("INFO"))["cluster_state"] == "ok")


async def _has_lost(node: RedisServer, lost: RedisServer) -> bool:
    """Whether it redirects no client there any more."""
    slots = await _ask(node, "CLUSTER", "SLOTS")
    return all(master[1] != lost.port for _, _, master, *_ in slots)


async def _follows(node: RedisServer) -> bool:
    async with node.client() as redis:
        found = await redis.info("replication")
    return bool(found["role"] == "slave" and found["master_link_status"] == "up")


def _slot(key: str) -> int:
    return key_slot(key.encode())
