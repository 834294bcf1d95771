"""Every row of the contract's table of errors, byte for byte."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from shared.discord import snowflake
from shared.redis.store import Store
from testing.logged import forget_earlier_tests
from tests.api.golden import RICH
from tests.api.http_client import EXPOSED_HEADERS, Answer, ask
from tests.api.replica import serving

INVALID_USER_ID = (
    b'{"error":{"code":"invalid_user_id","message":"%b An id has 15 to 19 digits, like '
    b"1274150219482660897. To copy one, turn on Developer Mode in Discord, right-click the user "
    b'and choose Copy User ID."},"success":false}'
)
NOT_MONITORED = (
    b'{"error":{"code":"user_not_monitored","message":"This user is not in any server that Grux '
    b'monitors. Ask them to join one (see discord_invite), then try again.","discord_invite":%b},'
    b'"success":false}'
)
NOT_FOUND = b'{"error":{"code":"not_found","message":"Route does not exist"},"success":false}'
NOT_ALLOWED = (
    b'{"error":{"code":"method_not_allowed","message":"This resource is read-only. Use GET or '
    b'HEAD."},"success":false}'
)
INTERNAL = (
    b'{"error":{"code":"internal_server_error","message":"The server failed to handle this '
    b"request, and has logged the error. Try again; if it keeps failing, tell the operator of this "
    b'server."},"success":false}'
)
UNAVAILABLE = (
    b'{"error":{"code":"unavailable","message":"Presence cannot be read right now, because Redis '
    b'cannot be reached. Try again in 5 seconds."},"success":false}'
)

HUGE = "9" * 7000
INVALID_IDS = {
    "word": "robin",
    "short": "12345678901234",
    "long": "123456789012345678901",
    "leading zero": "01274150219482660897",
    "negative": "-1274150219482660897",
    "plus": "+1274150219482660897",
    "decimal": "1274150219482660897.0",
    "exponent": "1e18",
    "hex": "0x11ae8c5b1f8a2b61",
    "underscores": "1_274_150_219_482_660_897",
    "from the future": "9223372036854775807",
    "over 64 bits": "18446744073709551616",
    "huge": HUGE,
    "newline after": "1274150219482660897%0A",
    "newline before": "%0A1274150219482660897",
    "carriage return": "1274150219482660897%0D%0ASet-Cookie:%20x=1",
    "zero byte": "1274150219482660897%00",
    "space": "1274150219482660897%20",
    "arabic digits": "%D9%A1" * 18,
    "full-width digits": "%EF%BC%91" * 18,
    "superscripts": "%C2%B9" * 18,
    "broken UTF-8": "%FF%FE",
    "broken encoding": "%zz%",
    "encoded twice": "%2531274150219482660897",
    "two dots": "%2E%2E",
    "key of another user": "x}:{1274150219482660897",
    "glob": "*",
    "markup": "<script>",
    "backslash": "..\\1274150219482660897",
    "list": "1274150219482660897,1274150219482660897",
    "matrix parameter": "1274150219482660897;x=1",
    "encoded slash": "1274150219482660897%2Fx",
    "URL": "https%3A%2F%2Fdiscord.com%2Fusers%2F1274150219482660897",
    "mention": "%3C@1274150219482660897%3E",
}

USER_HINT = "Try GET /user/<Discord id>."
NO_ROUTES = {
    "unknown": ("/nowhere", ""),
    "no id": ("/user", USER_HINT),
    "empty id": ("/user/", USER_HINT),
    "plural": (f"/users/{RICH.user_id}", USER_HINT),
    "near Lanyard's": (f"/v1/user/{RICH.user_id}", USER_HINT),
    "card without an ending": (
        f"/card/{RICH.user_id}",
        "Try GET /card/<Discord id>.svg, or .png.",
    ),
    "badge without an ending": (
        f"/badge/{RICH.user_id}",
        "Try GET /badge/<Discord id>.svg, or .json for shields.io.",
    ),
    "socket": ("/ws", "The WebSocket has an address of its own: see /docs/websocket."),
    "only an id": (f"/{RICH.user_id}", USER_HINT),
    "more after the id": (f"/user/{RICH.user_id}/x", USER_HINT),
    "encoded slash": (f"/user%2F{RICH.user_id}", ""),
    "encoded slash in lower case": (f"/user%2f{RICH.user_id}", ""),
    "two slashes": (f"//user/{RICH.user_id}", USER_HINT),
    "dots": (f"/x/../user/{RICH.user_id}", USER_HINT),
    "docs of a framework": ("/redoc", "Every route is described at /docs."),
    "huge": (f"/{HUGE}", USER_HINT),
}


def check(answer: Answer, status: int, body: bytes, *more: tuple[str, str]) -> None:
    assert answer.body == body
    assert answer.status == status
    assert answer.headers == [
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", str(len(body))),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        *more,
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED_HEADERS),
        ("connection", "close"),
    ]


def _decoded(text: str) -> str:
    """An encoded slash stays as it is: it separates no segments."""
    return unquote(text.replace("%2F", "%252F"))


@pytest.mark.parametrize("route", ["user", "activity"])
@pytest.mark.parametrize("text", INVALID_IDS.values(), ids=INVALID_IDS)
async def test_invalid_user_id(port: int, route: str, text: str) -> None:
    """Anything but a Discord id gets this error, which says why, and repeats none of it."""
    sentence = snowflake.problem(_decoded(text)).encode()
    check(await ask(port, f"/{route}/{text}"), 400, INVALID_USER_ID % sentence)


@pytest.mark.parametrize("route", ["user", "activity"])
async def test_user_not_monitored(port: int, route: str) -> None:
    """A well-formed id that no monitored server has."""
    answer = await ask(port, f"/{route}/1274150219482660898")
    check(answer, 404, NOT_MONITORED % b"null")


async def test_user_not_monitored_with_an_invite(store: Store) -> None:
    """The invite that the operator has set is in the error."""
    async with serving(store, discord_invite="https://discord.gg/grux") as port:
        answer = await ask(port, "/user/1274150219482660898")
    check(answer, 404, NOT_MONITORED % b'"https://discord.gg/grux"')


@pytest.mark.parametrize(("path", "hint"), NO_ROUTES.values(), ids=NO_ROUTES)
async def test_not_found(port: int, path: str, hint: str) -> None:
    """With what may have been meant, where the path is near a route."""
    message = b"Route does not exist" + (f". {hint}".encode() if hint else b"")
    check(await ask(port, path), 404, NOT_FOUND.replace(b"Route does not exist", message))


@pytest.mark.parametrize("route", ["user", "activity"])
async def test_other_spellings(port: int, route: str) -> None:
    """As the first Grux did: a slash at the end and upper case make no difference."""
    usual = await ask(port, f"/{route}/{RICH.user_id}")
    for path in (f"/{route}/{RICH.user_id}/", f"/{route.upper()}/{RICH.user_id}"):
        answer = await ask(port, path)
        assert (answer.status, answer.headers, answer.body) == (200, usual.headers, usual.body)


@pytest.mark.parametrize(
    "path",
    [
        *("/docs/", "/DOCS", "/docs/websocket/", "/Docs/WebSocket"),
        *("/docs/api/", "/Docs/API", "/docs/card.md/", "/DOCS/images/Badge.svg"),
    ],
)
async def test_other_spellings_of_a_page(port: int, path: str) -> None:
    """A redirect, as the page's own addresses are relative; it works below a proxy's path too."""
    answer = await ask(port, path)
    assert answer.status == 308
    found = urljoin(f"http://x/below{path}", answer.header("location") or "")
    assert found == f"http://x/below{path.rstrip('/').lower()}"
    assert (await ask(port, urlsplit(found).path.removeprefix("/below"))).status == 200


async def test_a_websocket_at_the_wrong_address(port: int) -> None:
    """An error that names the reason, instead of JSON with status 200."""
    answer = await ask(
        port, f"/?user_id={RICH.user_id}", "Connection: Upgrade", "Upgrade: WebSocket"
    )
    assert answer.status == 400
    assert b"Connect to the WebSocket's own address" in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", ["/", f"/user/{RICH.user_id}", "/activity/x", "/health", "/ready"])
async def test_method_not_allowed(port: int, method: str, path: str) -> None:
    """Every route is read-only, and says so in Allow."""
    answer = await ask(port, path, method=method, body="{}")
    check(answer, 405, NOT_ALLOWED, ("allow", "GET, HEAD, OPTIONS"))


class Broken(Store):
    """A store with a bug."""

    @asynccontextmanager
    async def reachable(self) -> AsyncIterator[None]:
        raise ZeroDivisionError("the password is hunter2")
        yield


async def test_internal_server_error(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """The response has no detail of a bug; the log has it, with the traceback."""
    forget_earlier_tests(caplog)
    async with Broken.connect(redis_url) as store, serving(store) as port:
        check(await ask(port, f"/user/{RICH.user_id}"), 500, INTERNAL)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize(
    "path", ["/", f"/user/{RICH.user_id}", f"/activity/{RICH.user_id}", "/ready"]
)
async def test_unavailable(path: str) -> None:
    """Without Redis, clients are told when to try again."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere, serving(nowhere) as port:
        check(await ask(port, path), 503, UNAVAILABLE, ("retry-after", "5"))


async def test_errors_ignore_if_none_match(port: int) -> None:
    """An error never becomes a 304."""
    assert (await ask(port, "/user/x", "If-None-Match: *")).status == 400
