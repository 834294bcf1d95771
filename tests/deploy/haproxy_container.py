"""HAProxy as its container starts it, with a name server and upstreams on loopback."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import aiohttp
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response

from testing.dns_server import DnsServer, dns_server
from testing.eventually import eventually_async
from testing.free_port import free_port
from testing.process import ROOT, Process
from tests.deploy.haproxy import program

HAPROXY = ROOT / "deploy" / "haproxy"
NAME = "presence.example.org"
PORTS = {"api": 8000, "ws": 8001, "cards": 8002, "simulator": 8100}
SERVICES = (*PORTS, "caddy")
HOSTS = {name: f"127.0.0.{number}" for number, name in enumerate(SERVICES, 2)}
EACH: dict[str, Sequence[str]] = {name: [host] for name, host in HOSTS.items()}
OTHER = "127.0.0.9"  # a second replica of each


class Container(Struct, kw_only=True):
    """HAProxy as start.sh starts it, and the names that Docker's DNS knows."""

    process: Process
    port: int
    tls_port: int
    upstream: int  # the port of each replica
    dns: DnsServer
    certificates: Path  # where Caddy keeps them
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str = "/", **headers: str) -> tuple[int, str]:
        async with self.http.get(f"{self.url}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def finds(self, names: dict[str, Sequence[str]], path: str, expected: str) -> None:
        """Docker's DNS has these names now: wait until this answers."""
        self.dns.names = names

        async def is_so() -> bool:
            return (await self.get(path))[1].startswith(expected)

        await eventually_async(is_so)

    async def secure_socket(self, trusted: ssl.SSLContext) -> ClientConnection | None:
        """A WebSocket over TLS, or None without the certificate that is trusted."""
        try:
            return await connect(
                f"wss://{NAME}/", host="127.0.0.1", port=self.tls_port, ssl=trusted, proxy=None
            )
        except (OSError, InvalidStatus):  # no handshake yet, or no ws
            return None


def replace(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def replica(name: str) -> Callable[[ServerConnection, Request], Response | None]:
    """A server that answers requests with name, path and client, and echoes on WebSockets."""

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            return None
        client = ", ".join(request.headers.get_all("X-Forwarded-For"))
        return connection.respond(HTTPStatus.OK, f"{name} {request.path} {client}")

    return answer


@asynccontextmanager
async def container(folder: Path, **env: str) -> AsyncIterator[Container]:
    """Each service may get one replica, at an address of its own, and another one."""
    command = program()
    upstream, port, tls_port = free_port(), free_port(), free_port()
    certificates = folder / "caddy"
    async with AsyncExitStack() as parts:
        dns = await parts.enter_async_context(dns_server({}))
        for name, host in [*HOSTS.items(), ("another", OTHER)]:
            listening = serve(echo, host, upstream, process_request=replica(name))
            await parts.enter_async_context(listening)
        config = replace(
            (HAPROXY / "containers.cfg").read_text(),
            {
                "127.0.0.11:53": f"127.0.0.1:{dns.port}",
                "bind :80\n": f"bind 127.0.0.1:{port}\n",
                "bind :443 ": f"bind 127.0.0.1:{tls_port} ",
                "127.0.0.1:8404": f"127.0.0.1:{free_port()}",
                "/tmp/trusted-proxies": f"{folder}/trusted-proxies",  # noqa: S108
                "int(80)": f"int({upstream})",
                **{f" {name}:{fixed} ": f" {name}:{upstream} " for name, fixed in PORTS.items()},
            },
        )
        (folder / "containers.cfg").write_text(config)
        script = replace(
            (HAPROXY / "start.sh").read_text(),
            {
                "/etc/grux/containers.cfg": f"{folder}/containers.cfg",
                "lists=/tmp": f"lists={folder}",
                "sleep 2": "sleep 0.1",
                "/data/caddy/certificates": str(certificates),
            },
        )
        (folder / "start.sh").write_text(script)
        path = f"{Path(command).parent}:/usr/bin:/bin"
        settings = {"PATH": path, "DUAL_STACK": "false", "SITE_ADDRESS": "", **env}
        process = await Process.start("sh", folder / "start.sh", name="haproxy", env=settings)
        parts.push_async_callback(process.stop)
        http = await parts.enter_async_context(aiohttp.ClientSession())
        started = Container(
            process=process,
            port=port,
            tls_port=tls_port,
            upstream=upstream,
            dns=dns,
            certificates=certificates,
            http=http,
        )

        async def listens() -> bool:
            assert process.running, process.lines
            try:
                async with http.get(started.url, allow_redirects=False):
                    return True
            except aiohttp.ClientConnectorError:
                return False

        await eventually_async(listens)
        yield started
