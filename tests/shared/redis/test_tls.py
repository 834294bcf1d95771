"""`rediss://` on every kind of connection, through a TLS server in front of a real Redis."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from shared.config import ApiSettings, ConfigError, from_env
from shared.model.message import PresenceMessage
from shared.model.snapshot import Snapshot
from shared.redis.factory import follow, track
from shared.redis.store import Fields, Save, Store, StoreUnavailable
from shared.redis.trial import Command
from shared.startup import redis_preflight
from testing.eventually import PATIENCE, eventually
from testing.free_port import free_port
from testing.redis_server import RedisServer
from tests.ended import ended

ROBIN = 1274150219482660897
FIELDS = Fields(b'{"id":"1"}', b'{"status":"idle"}', b"{}")


class Secured:
    """A Redis behind TLS, with a password of all characters that are special in a URL."""

    def __init__(self, port: int, ca: Path) -> None:
        self.port = port
        self.ca = ca
        self.password = "p@ss/w:rd?#%"

    def url(self, **options: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"rediss://:{quote(self.password, safe='')}@localhost:{self.port}/0?{query}"

    @property
    def good(self) -> str:
        return self.url(ssl_ca_certs=str(self.ca))


@asynccontextmanager
async def tls(context: ssl.SSLContext, port: int) -> AsyncIterator[int]:
    """Terminates TLS and forwards to this port."""
    serving: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, ssl.SSLError):
                while piece := await reader.read(65_536):
                    writer.write(piece)
                    await writer.drain()
        finally:
            writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        for task in (
            asyncio.create_task(pump(reader, back)),
            asyncio.create_task(pump(there, writer)),
        ):
            serving.add(task)
            task.add_done_callback(serving.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", free_port(), ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def secured(authority: trustme.CA, tmp_path: Path) -> AsyncIterator[Secured]:
    async with secured_for(authority, tmp_path, "localhost") as found:
        yield found


@asynccontextmanager
async def secured_for(authority: trustme.CA, folder: Path, name: str) -> AsyncIterator[Secured]:
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    async with AsyncExitStack() as stack:
        password = Secured(0, ca).password
        server = RedisServer("--requirepass", password, account=f":{quote(password, safe='')}")
        await stack.enter_async_context(server)
        yield Secured(await stack.enter_async_context(tls(context, server.port)), ca)


class Heard:
    def __init__(self) -> None:
        self.events: list[object] = []

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        self.events.append(update.version)

    def changed(self, user_id: int) -> None:
        self.events.append(user_id)

    def confirmed(self, until: float) -> None:
        self.events.append("confirmed")

    def on_disconnect(self) -> None: ...

    def on_resync(self) -> None: ...

    def joined(self, user_id: int) -> None: ...

    def on_reconnect(self) -> None:
        self.events.append("reconnected")

    def flushed(self) -> None: ...


async def test_the_store(secured: Secured) -> None:
    """Saves and loads."""
    async with Store.connect(secured.good, timeout=PATIENCE) as store:
        [version] = await store.save([Save(ROBIN, FIELDS, joined=(1,))])
        assert await store.load(ROBIN) == Snapshot(version, FIELDS.profile, FIELDS.presence)


async def test_the_feed(secured: Secured) -> None:
    """Updates arrive."""
    heard = Heard()
    feed = follow(secured.good, heard)
    task = asyncio.create_task(feed.run())
    async with Store.connect(secured.good, timeout=PATIENCE) as store:
        await eventually(lambda: "reconnected" in heard.events)
        await feed.subscribe(ROBIN)
        [version] = await store.save([Save(ROBIN, FIELDS, joined=(1,))])
        await eventually(lambda: version in heard.events)
    await ended(task)


async def test_the_tracking(secured: Secured) -> None:
    """Changes are reported."""
    heard = Heard()
    async with track(secured.good, heard), Store.connect(secured.good, timeout=PATIENCE) as store:
        await eventually(lambda: "confirmed" in heard.events)
        await store.save([Save(ROBIN, FIELDS, joined=(1,))])
        await eventually(lambda: ROBIN in heard.events)


async def refused(url: str) -> str:
    with pytest.raises(ConfigError) as error:
        await asyncio.to_thread(redis_preflight.check, "REDIS_URL", url, redis_preflight.READER)
    return str(error.value)


@pytest.mark.parametrize(
    "commands", [redis_preflight.READER, redis_preflight.FOLLOWER, redis_preflight.WRITER]
)
async def test_let_in(secured: Secured, commands: tuple[Command, ...]) -> None:
    """Each service's question at its start gets through, and changes nothing."""
    await asyncio.to_thread(redis_preflight.check, "REDIS_URL", secured.good, commands)
    async with Store.connect(secured.good, timeout=PATIENCE) as store:
        assert [key async for key in store.redis.scan_iter() if b"lease" not in key] == []


async def test_a_wrong_password(secured: Secured) -> None:
    secured.password = "hunter2"
    said = await refused(secured.good)
    assert "rejects the user name or the password" in said
    assert "hunter2" not in said


async def test_an_unknown_authority(secured: Secured) -> None:
    """In plain words, with what to do; and nothing is sent there."""
    said = await refused(secured.url())
    assert "certificate of Redis cannot be verified" in said
    assert "ssl_ca_certs" in said
    assert "p%40ss" not in said
    async with Store.connect(secured.url(), timeout=PATIENCE) as store:
        with pytest.raises(StoreUnavailable):
            await store.ping()


async def test_a_certificate_of_another_host(authority: trustme.CA, tmp_path: Path) -> None:
    async with secured_for(authority, tmp_path, "redis.example.org") as secured:
        said = await refused(secured.good)
        assert "localhost" in said
        unchecked = secured.url(ssl_ca_certs=str(secured.ca), ssl_check_hostname="no")
        async with Store.connect(unchecked, timeout=PATIENCE) as store:
            await store.ping()


async def test_a_missing_file(secured: Secured) -> None:
    assert "the file that ssl_ca_certs names does not exist" in await refused(
        secured.url(ssl_ca_certs="/nowhere/ca.pem")
    )


async def test_no_tls_at_the_other_end(redis_url: str) -> None:
    said = await refused(redis_url.replace("redis://", "rediss://"))
    assert "does not use TLS on this port" in said
    assert "redis://" in said


async def test_a_redis_that_is_away_is_waited_for() -> None:
    """The port is closed, or the server is silent: that is no reason to exit."""
    for scheme in ("redis", "rediss"):
        await asyncio.to_thread(
            redis_preflight.check,
            "REDIS_URL",
            f"{scheme}://127.0.0.1:{free_port()}",
            redis_preflight.READER,
        )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://x?socket_timeout=5", "unknown option after its"),
        ("redis://x?protocol=3", "unknown option after its"),
        ("redis://x?nonsense=", "unknown option after its"),
        ("redis://x?ssl_ca_certs=/x", "must start with rediss"),
    ],
)
def test_options_that_are_not_for_the_url(url: str, said: str) -> None:
    """What would break a connection later is said at once."""
    with pytest.raises(ConfigError, match=said):
        from_env(ApiSettings, {"REDIS_URL": url})
