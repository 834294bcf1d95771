"""The connections that REDIS_URL asks for, with what every one of them needs.

`socket_timeout` is off in all of them: with it redis-py writes through asyncio.wait_for, which up
to Python 3.11 loses a cancellation that comes just then, and a task that nobody can end hangs the
process's shutdown. Every call has a time limit of its own anyway, and a dead line is noticed by
who holds it. `driver_info` is off: nobody needs to be told by CLIENT SETINFO, which takes a right.
"""

from __future__ import annotations

from typing import Any

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.redis import sentinel
from shared.redis.url import Address, RedisTarget, parse

Commands = Redis | RedisCluster


def commands(url: str, *, timeout: float, connections: int) -> Commands:
    """Connects on first use. A stale connection is replaced once, unseen.

    `timeout`: seconds to connect. `connections`: to each server at most.
    """
    place = parse(url)
    if place.kind == "cluster":
        return _cluster(place, timeout=timeout, connections=connections)
    pool = BlockingConnectionPool(
        max_connections=connections,
        # Less than a call's own: up to 3.11 asyncio.wait_for, under redis-py's send, loses a
        # cancellation that comes as it returns; a call let in at the last moment meets that.
        timeout=timeout * 2 / 3,
        **_options(place, timeout=timeout, retries=1),
    )
    return Redis.from_pool(pool)


def line(url: str, *, timeout: float) -> ConnectionPool:
    """For connections that are held, and end when they are lost: they retry nothing."""
    return ConnectionPool(**_options(parse(url), timeout=timeout, retries=0))


def line_to(place: RedisTarget, address: Address, *, timeout: float) -> ConnectionPool:
    """The same, to one server of a cluster."""
    host, port = address
    options = _options(place, timeout=timeout, retries=0)
    return ConnectionPool(**{**options, "host": host, "port": port})


def _options(place: RedisTarget, *, timeout: float, retries: int) -> dict[str, Any]:
    match place.kind:
        case "sentinel":
            options = sentinel.options_of(place)
        case _:
            options = dict(place.options)
            if place.hosts:
                options["host"], options["port"] = place.hosts[0]
    return {
        "protocol": 2,
        "driver_info": None,
        "retry": Retry(NoBackoff(), retries),
        "socket_connect_timeout": timeout,
        **options,
        "socket_timeout": None,
    }


def _cluster(place: RedisTarget, *, timeout: float, connections: int) -> RedisCluster:
    options = dict(place.options)
    tls = issubclass(options.pop("connection_class", object), SSLConnection)
    return RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in place.hosts],
        max_connections=connections,
        protocol=2,
        driver_info=None,
        ssl=tls,
        socket_connect_timeout=timeout,
        **{**options, "socket_timeout": None},
    )
