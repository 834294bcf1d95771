"""HEAD, OPTIONS, and the headers that let any page read the responses."""

from __future__ import annotations

import pytest

from shared.redis.store import Store
from tests.api.golden import RICH
from tests.api.http_client import EXPOSED_HEADERS, ask
from tests.api.replica import serving

PATHS = [
    "/",
    f"/user/{RICH.user_id}",
    f"/activity/{RICH.user_id}",
    f"/now-playing/{RICH.user_id}",
    f"/now-playing/{RICH.user_id}.txt",
    "/health",
    "/ready",
    "/user/x",
    "/user/1274150219482660898",
    "/nowhere",
]


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_get_without_the_body(port: int, path: str) -> None:
    """The same status and headers, with the length that GET has."""
    get, head = await ask(port, path), await ask(port, path, method="HEAD")
    assert head.body == b""
    assert (head.status, head.headers) == (get.status, get.headers)
    assert head.header("content-length") == str(len(get.body))


async def test_head_of_the_page(port: int) -> None:
    """A browser's HEAD gets the headers of its GET."""
    get = await ask(port, "/", "Accept: text/html")
    head = await ask(port, "/", "Accept: text/html", method="HEAD")
    assert (head.body, head.headers) == (b"", get.headers)


@pytest.mark.parametrize("path", [*PATHS, "*"])
async def test_preflight(port: int, path: str) -> None:
    """Any page may request anything; on routes that do not exist it then sees the 404."""
    answer = await ask(
        port,
        path,
        "Origin: https://example.org",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: authorization, if-none-match, x-anything",
        method="OPTIONS",
    )
    assert answer.status == 204
    assert answer.body == b""
    assert answer.headers == [
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED_HEADERS),
        ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
        ("access-control-allow-headers", "*, Authorization"),
        ("access-control-max-age", "86400"),
        ("allow", "GET, HEAD, OPTIONS"),
        ("cache-control", "no-store"),
        ("connection", "close"),
    ]


@pytest.mark.parametrize("path", PATHS)
async def test_every_response_is_readable(port: int, path: str) -> None:
    """Errors too, with and without an Origin, and without repeating the Origin."""
    for headers in ([], ["Origin: https://example.org"], ["Origin: null"]):
        answer = await ask(port, path, *headers)
        assert answer.header("access-control-allow-origin") == "*"
        assert answer.header("access-control-expose-headers") == EXPOSED_HEADERS
        assert answer.header("access-control-allow-credentials") is None


async def test_health_and_readiness(port: int) -> None:
    """Both are JSON that must not be cached."""
    for path, body in (
        (
            "/health",
            b'{"data":{"status":"ok","redis":true,"gateway_silent_for":null,"version":"0.1.0"},"success":true}',
        ),
        ("/ready", b'{"data":{"ready":true},"success":true}'),
    ):
        answer = await ask(port, path)
        assert (answer.status, answer.body) == (200, body)
        assert answer.header("cache-control") == "no-store"


async def test_health_without_redis() -> None:
    """200 as long as the process runs."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere, serving(nowhere) as port:
        answer = await ask(port, "/health")
        assert answer.status == 200
        assert b'"redis":false' in answer.body
