"""Whether the world's addresses lead here: PUBLIC_URL and PUBLIC_WS_URL."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from services.doctor.finding import Finding, failure, ok, warning
from shared.config import ApiSettings
from shared.net.http_client import BodyTooLarge, HttpClient, InvalidJson, RequestFailed

MAX_BODY_BYTES: Final = 65_536
MAX_REDIRECTS: Final = 10  # a proxy may send http to https
ROUTER: Final = "Some routers do not lead back to their own address: then try it from elsewhere."


async def check(settings: ApiSettings, *, timeout_s: float, in_compose: bool) -> list[Finding]:
    """Both are asked as a client would ask them, redirects included."""
    given = {"PUBLIC_URL": settings.public_url, "PUBLIC_WS_URL": settings.public_ws_url}
    if not any(given.values()):
        return [
            warning(
                "PUBLIC_URL and PUBLIC_WS_URL are not set",
                "When a proxy stands before Grux, set them to what the world sees: the start page "
                "shows them, and the doctor can try them.",
            )
        ]
    found = []
    for setting, url in given.items():
        if not url:
            found.append(warning(f"{setting} is not set", "Set it to what the world sees."))
        elif _is_own(url) and in_compose:
            found.append(ok(f"{setting} is this machine alone ({url}): not tried from a container"))
        else:
            look = _api if setting == "PUBLIC_URL" else _ws
            found.append(await look(setting, url, timeout_s))
    return [*found, *_for_browsers(settings), *_proxies(settings)]


async def _api(setting: str, url: str, timeout_s: float) -> Finding:
    said: object = None
    async with HttpClient(
        timeout_s=timeout_s, max_body_bytes=MAX_BODY_BYTES, max_redirects=MAX_REDIRECTS
    ) as http:
        try:
            async with http.get(f"{url}/health") as answer:
                status = answer.status
                with suppress(InvalidJson, BodyTooLarge):
                    said = await answer.json()
        except RequestFailed as error:
            return _unreachable(setting, url, error.__cause__ or error)
    if isinstance(said, dict) and "status" in said.get("data", {}):
        return ok(f"the API answers at {url}")
    return failure(
        f"something else answers at {setting} ({url}/health: status {status})",
        "Let the proxy pass everything but WebSockets to api.",
    )


async def _ws(setting: str, url: str, timeout_s: float) -> Finding:
    """No id is given: then ws says so in a frame, which it does in a WebSocket alone."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s)) as http,
            http.ws_connect(f"{url}/?user_id=") as line,
        ):
            frame = await line.receive_str(timeout=10)
    except aiohttp.WSServerHandshakeError as error:
        return failure(
            f"{setting} ({url}) does not become a WebSocket: status {error.status}",
            "Let the proxy pass requests with `Upgrade: websocket` to ws, those headers included.",
        )
    except (aiohttp.ClientError, OSError, TimeoutError, TypeError) as error:
        return _unreachable(setting, url, error)
    if '"invalid_user_id"' in frame:
        return ok(f"WebSockets work at {url}")
    return failure(f"something else answers at {setting} ({url})", "Let it lead to ws.")


def _unreachable(setting: str, url: str, error: BaseException) -> Finding:
    cause = error.__cause__ or error
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return failure(
            f"the name in {setting} ({url}) is not known",
            "Make a DNS record for it that names this machine, and wait until it is spread.",
        )
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return failure(
            f"the certificate at {setting} ({url}) is not good",
            "`curl -v` says why, and so does the log of Caddy or of your proxy. Are ports 80 and "
            "443 open to the world?",
        )
    if isinstance(error, TimeoutError):
        return warning(
            f"nobody answers at {setting} ({url})", f"Is its port open to the world? {ROUTER}"
        )
    return failure(
        f"{setting} ({url}) cannot be reached ({type(cause).__name__})",
        f"Is the proxy started, and its port open? {ROUTER}",
    )


def _for_browsers(settings: ApiSettings) -> list[Finding]:
    """A page of https may not ask http."""
    plain = [
        setting
        for setting, url in (
            ("PUBLIC_URL", settings.public_url),
            ("PUBLIC_WS_URL", settings.public_ws_url),
        )
        if url.startswith(("http://", "ws://")) and not _is_own(url)
    ]
    if not plain:
        return []
    return [
        warning(
            f"{' and '.join(plain)} without TLS: browsers refuse that to pages of https",
            "Set SITE_ADDRESS (docs/self-hosting.md), or give your proxy a certificate.",
        )
    ]


def _proxies(settings: ApiSettings) -> list[Finding]:
    if settings.trusted_proxies:
        return []
    return [
        warning(
            "TRUSTED_PROXIES is not set",
            "If a proxy stands before Grux, name its address there: else all clients count as one "
            "wherever limits count by address.",
        )
    ]


def _is_own(url: str) -> bool:
    """Whether it is an address of the machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
