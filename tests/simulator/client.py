"""A gateway client that does one thing at a time, for tests that look at single frames."""

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from simulator.options import Options
from simulator.server import Simulator
from testing.eventually import PATIENCE, eventually

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ALL_INTENTS = 259

Frame = dict[str, Any]
Post = Callable[..., Any]
"""Posts a control verb with its fields."""


def quiet(**options: Any) -> Options:
    """Options under which nothing happens unless a test makes it happen."""
    given = {"port": 0, "rate": 0.0, "identify_seconds": 0.0, "members": 20, **options}
    return Options(**given)


class Client:
    """One connection. ``seq`` and ``session_id`` are kept as a real client keeps them."""

    def __init__(
        self,
        sim: Simulator,
        ws: aiohttp.ClientWebSocketResponse[bool],
        inflate: Callable[[bytes], bytes] | None,
    ) -> None:
        self.sim = sim
        self.ws = ws
        self.seq = 0
        self.session_id = ""
        self._inflate = inflate

    async def receive(self) -> Frame:
        """The next frame."""
        async with asyncio.timeout(PATIENCE):
            message = await self.ws.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            data = message.data.encode()
        elif message.type is aiohttp.WSMsgType.BINARY:
            data = message.data if self._inflate is None else self._inflate(message.data)
        else:
            raise ConnectionError(f"{message.type!r} {message.data!r} {message.extra!r}")
        frame: Frame = msgspec.json.decode(data)
        if frame["op"] == 0:
            self.seq = frame["s"]
        return frame

    async def until(self, name: str) -> Frame:
        """Skip to the next dispatch of this name; returns its ``d``."""
        while True:
            frame = await self.receive()
            if frame["t"] == name:
                d: Frame = frame["d"]
                return d

    async def until_op(self, op: int) -> Frame:
        """Skip to the next frame of this opcode."""
        while (frame := await self.receive())["op"] != op:
            pass
        return frame

    async def close_code(self) -> int | None:
        """Skip to the end; returns the code that the server closed with."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await self.ws.receive()
                if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                    return self.ws.close_code

    async def send(self, op: int, d: Any = None) -> None:
        await self.ws.send_bytes(msgspec.json.encode({"op": op, "d": d}))

    async def identify(self, **fields: Any) -> None:
        d = {"token": self.sim.token, "intents": ALL_INTENTS, "properties": {}, **fields}
        await self.send(2, d)

    async def resume(self, earlier: "Client", **fields: Any) -> None:
        """Go on with what ``earlier`` began."""
        d = {"token": self.sim.token, "session_id": earlier.session_id, "seq": earlier.seq}
        await self.send(6, {**d, **fields})

    async def start(self, **fields: Any) -> list[Frame]:
        """Identify and take READY; returns the GUILD_CREATEs that follow it."""
        await self.identify(**fields)
        ready = await self.until("READY")
        self.session_id = ready["session_id"]
        held = [
            guild["id"] for guild in ready["guilds"] if self.sim.world.guild(guild["id"]).available
        ]
        if not fields.get("intents", ALL_INTENTS) & 1:
            return []
        return [await self.until("GUILD_CREATE") for _ in held]

    async def everything_so_far(self) -> list[Frame]:
        """The frames that are on their way now: a heartbeat's ACK is what comes after them."""
        await eventually(lambda: all(session.waiting == 0 for session in self.sim.sessions))
        await self.send(1, self.seq)
        frames = []
        while (frame := await self.receive())["op"] != 11:
            frames.append(frame)
        return frames


@asynccontextmanager
async def connected(
    sim: Simulator, compress: str | None = None, *, query: str = "v=10&encoding=json"
) -> AsyncIterator[Client]:
    """A client that has got HELLO."""
    async with connected_raw(sim, compress, query=query) as client:
        assert (await client.receive())["op"] == 10
        yield client


@asynccontextmanager
async def connected_raw(
    sim: Simulator, compress: str | None = None, *, query: str = "v=10&encoding=json"
) -> AsyncIterator[Client]:
    """A client that has got nothing yet."""
    inflate: Callable[[bytes], bytes] | None = None
    if compress == "zlib-stream":
        inflate = zlib.decompressobj().decompress
    elif compress == "zstd-stream":
        inflate = zstd.ZstdDecompressor().decompress
    url = f"{sim.gateway_url}?{query}" + (f"&compress={compress}" if compress else "")
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, max_msg_size=0) as ws,
    ):
        yield Client(sim, ws, inflate)


@asynccontextmanager
async def control(sim: Simulator) -> AsyncIterator[Callable[..., Any]]:
    """A function that posts a verb with fields and returns the answer's JSON."""
    async with aiohttp.ClientSession(sim.url) as http:

        async def post(verb: str, **fields: Any) -> Any:
            async with http.post(f"/control/{verb}", json=fields) as response:
                return {"status": response.status, **await response.json()}

        yield post


async def read_control(sim: Simulator, path: str) -> Any:
    """The JSON at a control path."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{sim.url}/control{path}") as response,
    ):
        return await response.json()
