"""redis-py's clients and connection pools for REDIS_URL, with the options that all of them need.

`socket_timeout` is off in all of them: with it redis-py writes through asyncio.wait_for, which up
to Python 3.11 loses a cancellation that arrives just then, and a task that cannot be cancelled
hangs the shutdown of the process. Every call has a time limit of its own, and a held connection is
pinged. `driver_info` is off: CLIENT SETINFO needs a right, and is of no use here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisClusterException, RedisError, ResponseError

from shared.redis import sentinel
from shared.redis.connections import PACKED, Command, PacksInC
from shared.redis.url import Address, RedisTarget, parse

Commands = Redis | RedisCluster

FAILURES: Final = (RedisError, RedisClusterException, OSError, TimeoutError, RuntimeError)
"""What a call raises when Redis fails; `is_loss` tells the last from our own mistakes. The second
one, which is no RedisError: no node of a cluster answers, or none has the slot."""


def commands(url: str, *, timeout: float, connections: int) -> Commands:
    """A client for commands. It connects on first use, and replaces a stale connection once.

    `timeout`: seconds to connect. `connections`: to each server at most.
    """
    target = parse(url)
    if target.kind == "cluster":
        return _cluster(target, timeout=timeout, connections=connections)
    pool = BlockingConnectionPool(
        max_connections=connections,
        # Less than a call's own: up to 3.11 asyncio.wait_for, under redis-py's send, loses a
        # cancellation that arrives as it returns; a call that got a connection at the last moment
        # would meet it.
        timeout=timeout * 2 / 3,
        **_options(target, timeout=timeout, retries=1),
    )
    return Redis.from_pool(pool)


async def read(redis: Commands, commands: Sequence[Command]) -> list[Any]:
    """The replies to commands that only read, in one round trip: to each server, in a cluster.

    An error that Redis replies to one of them is its reply. As in redis-py, a connection that turns
    out to be lost is replaced once.
    """
    pool = None if isinstance(redis, RedisCluster) else redis.connection_pool
    if pool is None or not issubclass(pool.connection_class, PacksInC):
        pipe = redis.pipeline() if pool is None else redis.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return list(await pipe.execute(raise_on_error=False))
    connection: PacksInC = await pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        try:
            return await connection.exchange(commands)
        except ConnectionError:
            return await connection.exchange(commands)
    finally:
        await pool.release(connection)


def single_pool(url: str, *, timeout: float) -> ConnectionPool:
    """Makes connections to be held: they retry nothing. Not for a cluster.

    `timeout`: seconds to connect.
    """
    return ConnectionPool(**_options(parse(url), timeout=timeout, retries=0))


def server_pool(target: RedisTarget, address: Address, *, timeout: float) -> ConnectionPool:
    """The same, to one server of a cluster."""
    host, port = address
    options = _options(target, timeout=timeout, retries=0)
    return ConnectionPool(**{**options, "host": host, "port": port})


def is_loss(error: Exception) -> bool:
    """Whether the connection to Redis failed, and not our own code.

    uvloop raises RuntimeError for a write to a transport that was closed in the same moment.
    """
    return not isinstance(error, RuntimeError) or "closed" in str(error)


def is_damage(error: Exception) -> bool:
    """Whether Redis says that a key holds another type than it should."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


def _options(target: RedisTarget, *, timeout: float, retries: int) -> dict[str, Any]:
    match target.kind:
        case "sentinel":
            options = sentinel.options_of(target)
        case _:
            options = dict(target.options)
            options["connection_class"] = PACKED[options.get("connection_class", Connection)]
            if target.hosts:
                options["host"], options["port"] = target.hosts[0]
    return {
        "protocol": 2,
        "driver_info": None,
        "retry": Retry(NoBackoff(), retries),
        "socket_connect_timeout": timeout,
        **options,
        "socket_timeout": None,
    }


def _cluster(target: RedisTarget, *, timeout: float, connections: int) -> RedisCluster:
    options = dict(target.options)
    tls = issubclass(options.pop("connection_class", object), SSLConnection)
    return RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in target.hosts],
        max_connections=connections,
        protocol=2,
        driver_info=None,
        ssl=tls,
        socket_connect_timeout=timeout,
        **{**options, "socket_timeout": None},
    )
