"""Connections to the server that the Sentinels call the master.

As https://redis.io/docs/latest/develop/reference/sentinel-clients/ asks for: the Sentinels are
asked for each new connection, and the server is asked whether it agrees (ROLE). At a failover the
Sentinels end the connections of the old master, so that each is made anew to the new one.

redis-py's own redis.asyncio.sentinel is not used: it does not ask for the ROLE, its pool does not
wait for a free connection, and it bounds a silent Sentinel by `socket_timeout` only, which loses
cancellations (see shared.redis.clients).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, ReadOnlyError, RedisError

from shared.redis.connections import PackedConnection
from shared.redis.url import Address, RedisTarget

ANSWER_TIMEOUT_S: Final = 0.25  # of each Sentinel: a silent one must not hide the next

FindMaster = Callable[[], Awaitable[Address]]


class Sentinels:
    """Asks the Sentinels, beginning with the one that answered last."""

    def __init__(self, target: RedisTarget) -> None:
        self._service = target.service
        self._order = list(target.hosts)
        self._options = target.sentinel_options

    async def master(self) -> Address:
        """Raises redis' ConnectionError when no Sentinel names a master."""
        for sentinel in list(self._order):
            master = await self._ask(sentinel)
            if master is not None:
                self._order.remove(sentinel)
                self._order.insert(0, sentinel)
                return master
        raise ConnectionError(f"none of {len(self._order)} Sentinels names {self._service}")

    async def _ask(self, sentinel: Address) -> Address | None:
        redis = Redis(
            host=sentinel[0],
            port=sentinel[1],
            protocol=2,
            socket_timeout=None,  # see shared.redis.clients
            retry=Retry(NoBackoff(), 0),
            **self._options,
        )
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S), redis:
                answer = await redis.sentinel_get_master_addr_by_name(
                    self._service, return_responses=True
                )
        except (RedisError, OSError, TimeoutError):
            return None
        match answer:
            case (bytes(host) | str(host), int(port)):
                return host if isinstance(host, str) else host.decode(), port
        return None


class MasterConnection(PackedConnection):
    """A connection that finds its server anew each time that it connects."""

    def __init__(self, *, find: FindMaster, **options: Any) -> None:
        super().__init__(**options)
        self._find = find

    async def _connect(self) -> None:
        self.host, self.port = await self._find()
        await super()._connect()  # type: ignore[no-untyped-call]

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE", check_health=False)
        role = await self.read_response()
        if not isinstance(role, list) or role[0] not in (b"master", "master"):
            raise ConnectionError(f"{self.host}:{self.port} is not the master any more")

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Leaves a server that is read-only, so that the next attempt finds the new master."""
        try:
            return await super().read_response(*arguments, **options)
        except ReadOnlyError:
            await self.disconnect(nowait=True)
            raise


class MasterConnectionOverTls(MasterConnection, SSLConnection):
    """The same, with TLS."""


def options_of(target: RedisTarget) -> dict[str, Any]:
    """The options of a pool of connections to the master."""
    options = dict(target.options)
    tls = issubclass(options.pop("connection_class", Connection), SSLConnection)
    kind = MasterConnectionOverTls if tls else MasterConnection
    return {**options, "connection_class": kind, "find": Sentinels(target).master}
