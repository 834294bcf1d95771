"""Responses reveal no software version."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest

from testing.free_port import free_port
from tests.api.http_client import ask
from tests.e2e.stack import ROBIN, running

VERSIONS = re.compile(rb"(?i)python|uvicorn|websockets|starlette|wsgi|aiohttp|hikari|redis/")
PINS = [version(name).encode() for name in ("uvicorn", "websockets", "starlette", "aiohttp")]
HALF_A_HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")


@pytest.mark.parametrize("service", ["api", "ws", "cards"])
async def test_no_port_tells_a_version(service: str) -> None:
    """In no header of a response or an error, on the public port and on METRICS_PORT."""
    async with running(services=()) as stack:
        metrics = free_port()
        process = await stack.start(service, METRICS_PORT=str(metrics))
        await process.line_with("listening")
        public = {"api": stack.api_port, "ws": stack.ws_port, "cards": stack.cards_port}[service]
        for port in (public, metrics):
            for path, *headers in (
                ("/",),
                ("/health",),
                ("/nowhere",),
                (f"/user/{ROBIN}",),
                (f"/card/{ROBIN}.svg",),
                ("/user/x",),
                (f"/?user_id={ROBIN}", *HALF_A_HANDSHAKE),
                ("/" + "x" * 40_000,),
            ):
                if port == metrics and len(path) > 8192:
                    continue  # closed without a response
                answer = await ask(port, path, *headers)
                shown = b"\n".join(f"{name}: {value}".encode() for name, value in answer.headers)
                assert not VERSIONS.search(shown), shown
                assert not any(pin in shown for pin in PINS), shown
