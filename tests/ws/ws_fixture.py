"""Users in Redis, a server, and two kinds of clients."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from services.ws.__main__ import serving
from services.ws.limits import WsLimits
from services.ws.server import WebSocketServer
from shared.config import WsSettings
from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import Activity, Presence, Profile, Timestamps
from shared.redis.durable import DurableKv
from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE, eventually

GUILD = 1112920281367973900
ANNA = 1274150219482660897
BERT = 1274150219482660898
CARL = 1274150219482660899
STRANGER = 1274150219482660999

HARMLESS = '{"op":"unsubscribe","user_ids":[]}'  # a message that changes nothing


def profile(user_id: int, name: str = "anna") -> Profile:
    return Profile(
        bot=False,
        device="desktop",
        id=str(user_id),
        creation_date="2024-08-16T23:38:04.891Z",
        username=name,
        display_name=name.title(),
        link=f"https://discord.com/users/{user_id}",
        avatar=None,
        avatar_image="https://cdn.discordapp.com/embed/avatars/0.png",
        avatar_decoration_image=None,
        nameplate_image=None,
        badges=[],
        clan=None,
        connected_accounts=[],
        devices={"desktop": "online"},
        public_flags=0,
    )


def presence(number: int, size: int = 0) -> Presence:
    """A presence that its number identifies, and that is about `size` bytes larger."""
    game = Activity(
        type="Playing",
        name=f"level {number}",
        state="x" * size or None,
        details=None,
        largeText=None,
        largeImage=None,
        smallText=None,
        smallImage=None,
        timestamps=Timestamps(start=number),
        created_at=number,
        application_id=None,
        url=None,
        buttons=[],
        party=None,
    )
    return Presence(status="online", spotify=None, activity=[game], custom_status=None)


def fields(user_id: int, number: int, name: str = "anna", size: int = 0) -> Fields:
    return Fields(
        msgspec.json.encode(profile(user_id, name)),
        msgspec.json.encode(presence(number, size)),
        b"{}",
    )


def number_of(frame: dict[str, Any]) -> int:
    """Which presence an `initial_data` or a `presence_update` shows."""
    return int(frame["d"]["activity"][0]["created_at"])


class FakeProfileSource:
    """A profile source whose answers the test chooses."""

    def __init__(self) -> None:
        self.can_answer = True
        self.known: dict[int, ProfileExtras | None] = {}
        self.asked: list[int] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def extras(self, user_id: int) -> ProfileExtras | None:
        self.asked.append(user_id)
        await self.may_answer.wait()
        return self.known.get(user_id, ProfileExtras())


class RunningServer:
    """A running server."""

    def __init__(self, server: WebSocketServer) -> None:
        self.server = server
        self.port = server.port
        self.context = server.context
        self.hub = server.context.hub
        self.counters = server.context.counters

    def url(self, *user_ids: int, path: str = "/") -> str:
        return f"ws://127.0.0.1:{self.port}{path}?user_id={','.join(map(str, user_ids))}"

    def client(self, *user_ids: int) -> connect:
        return connect(self.url(*user_ids), compression=None, ping_interval=None)

    async def raw(self, *user_ids: int) -> RawClient:
        """A client whose every byte the test chooses, after its handshake."""
        raw = RawClient(*await asyncio.open_connection("127.0.0.1", self.port))
        key = base64.b64encode(os.urandom(16)).decode()
        raw.writer.write(
            f"GET /?user_id={','.join(map(str, user_ids))} HTTP/1.1\r\nHost: x\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        async with asyncio.timeout(PATIENCE):
            raw.head = await raw.reader.readuntil(b"\r\n\r\n")
        assert raw.head.startswith(b"HTTP/1.1 101 ")
        return raw

    async def connected(self) -> None:
        await eventually(lambda: self.hub.connected)


class Backend:
    """One Redis, the users in it, and servers that read it.

    `timeout`: how long a server waits for Redis, in seconds. The default is that of production.
    """

    def __init__(self, redis_url: str, store: Store, timeout: float = 0.9) -> None:
        self.redis_url = redis_url
        self.store = store
        self._timeout = timeout
        self.source = FakeProfileSource()
        self._durable_url = ""

    @asynccontextmanager
    async def durable_at(self, url: str) -> AsyncIterator[DurableKv]:
        """Servers that start inside the block have this durable Redis."""
        self._durable_url = url
        async with Store.connect(url, timeout=PATIENCE) as durable:
            yield DurableKv(durable)

    @asynccontextmanager
    async def serving(
        self,
        limits: WsLimits | None = None,
        *,
        ttl: int = 300,
        connected: bool = True,
        subscribe_all: bool = False,
    ) -> AsyncIterator[RunningServer]:
        settings = WsSettings(
            redis_url=self.redis_url,
            durable_redis_url=self._durable_url,
            ws_port=0,
            profile_ttl=ttl,
            lanyard_subscribe_all=subscribe_all,
        )
        async with (
            Store.connect(self.redis_url, timeout=self._timeout) as store,
            serving(settings, store, self.source, limits or WsLimits()) as server,
        ):
            running = RunningServer(server)
            if connected:
                await running.connected()
            yield running

    async def show(self, user_id: int, number: int, name: str = "anna", size: int = 0) -> None:
        """The gateway writes this state of the user."""
        await self.store.save([Save(user_id, fields(user_id, number, name, size), (GUILD,))])

    async def remove(self, user_id: int) -> None:
        await self.store.save([Save(user_id, left=(GUILD,))])


async def say(client: ClientConnection, op: str, *user_ids: int | str) -> None:
    """Send a message about these users."""
    await client.send(
        msgspec.json.encode({"op": op, "user_ids": [str(one) for one in user_ids]}).decode()
    )


async def receive(client: ClientConnection) -> dict[str, Any]:
    """The next frame, decoded."""
    async with asyncio.timeout(PATIENCE):
        frame = msgspec.json.decode(await client.recv())
    assert isinstance(frame, dict)
    return frame


async def until_closed(client: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """The frames that still come, and the close code."""
    frames = []
    with suppress(ConnectionClosed):
        while True:
            frames.append(await receive(client))
    assert client.close_code is not None
    return frames, client.close_code


async def nothing_comes(client: ClientConnection) -> None:
    """Assert that no frame was sent: the pong to a ping arrives first."""
    async with asyncio.timeout(PATIENCE):
        await (await client.ping())
        try:
            async with asyncio.timeout(0):
                raise AssertionError(f"unexpected: {await client.recv()!r}")
        except TimeoutError:
            return


class RawClient:
    """A client made of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""

    def send(
        self,
        opcode: int,
        payload: bytes = b"",
        *,
        fin: bool = True,
        mask: bool = True,
        rsv: int = 0,
    ) -> None:
        self.writer.write(frame(opcode, payload, fin=fin, mask=mask, rsv=rsv))

    async def frame(self) -> tuple[int, bytes]:
        """The next frame's opcode and payload. Raises IncompleteReadError at the end."""
        async with asyncio.timeout(PATIENCE):
            first, second = await self.reader.readexactly(2)
            assert first & 0x80, "the server does not fragment"
            assert not second & 0x80, "the server does not mask"
            size = second
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """Skip frames up to the Close frame."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                return int(struct.unpack("!H", payload[:2])[0])

    async def ended(self) -> bytes:
        """The bytes until the server closes, by FIN or reset."""
        rest = b""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionResetError):
                while piece := await self.reader.read(65_536):
                    rest += piece
        return rest

    async def hang_up(self) -> None:
        self.writer.close()
        with suppress(ConnectionResetError, BrokenPipeError):
            await self.writer.wait_closed()


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, rsv: int = 0
) -> bytes:
    """A frame as a client sends it (RFC 6455 section 5.2)."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head += bytes([flag | size])
    elif size < 65_536:
        head += struct.pack("!BH", flag | 126, size)
    else:
        head += struct.pack("!BQ", flag | 127, size)
    if not mask:
        return head + payload
    key = b"\x01\x02\x03\x04"
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
