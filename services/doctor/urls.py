"""Checks of the URLs in the settings: PUBLIC_URL, PUBLIC_WS_URL and PROFILE_UPSTREAM_URL."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from services.doctor.report import Finding, failure, ok, warning
from shared.config import ApiSettings
from shared.net.http_client import BodyTooLarge, HttpClient, InvalidJson, RequestFailed
from shared.net.loopback import leads_to_loopback

MAX_BODY_BYTES: Final = 65_536
MAX_REDIRECTS: Final = 10  # a proxy may send http to https
HAIRPIN: Final = (
    "Some routers do not lead back to their own public address: then test from another network."
)
PROFILE_PROBE_USER_ID: Final = "643945264868098049"  # Discord's own system user: not a person


async def check_profile_source(settings: ApiSettings, http: HttpClient) -> list[Finding]:
    """Whether PROFILE_UPSTREAM_URL answers. With PROFILE_SOURCE=discord the token's check is it."""
    if settings.profile_source != "upstream":
        return []
    url = settings.profile_upstream_url.replace("{user_id}", PROFILE_PROBE_USER_ID)
    try:
        async with http.get(url) as response:
            status = response.status
    except RequestFailed as error:
        return [
            failure(
                f"PROFILE_UPSTREAM_URL cannot be reached ({error})",
                "Start that server, or set PROFILE_SOURCE to discord or off.",
            )
        ]
    if status in (200, 404):  # it need not know that user
        return [ok("the profile source answers")]
    return [
        warning(
            f"PROFILE_UPSTREAM_URL answered with status {status}",
            "Check that server. Until it is fixed, profiles lack badges, bio and the like.",
        )
    ]


async def check_public(
    settings: ApiSettings, *, timeout_s: float, in_compose: bool
) -> list[Finding]:
    """Request PUBLIC_URL and PUBLIC_WS_URL as a client would, redirects included."""
    given = {"PUBLIC_URL": settings.public_url, "PUBLIC_WS_URL": settings.public_ws_url}
    if not any(given.values()):
        return [
            warning(
                "PUBLIC_URL and PUBLIC_WS_URL are not set",
                "If there is a proxy in front of Grux, set them to its public addresses: the start "
                "page shows them, and the doctor can test them.",
            )
        ]
    found = []
    for setting, url in given.items():
        if not url:
            found.append(warning(f"{setting} is not set", "Set it to the public address."))
        elif leads_to_loopback(url) and in_compose:
            found.append(
                ok(f"{setting} leads to this machine only ({url}): not tested from a container")
            )
        else:
            check = _check_api if setting == "PUBLIC_URL" else _check_ws
            found.append(await check(setting, url, timeout_s))
            if setting == "PUBLIC_URL" and found[-1].level == "ok":
                found.append(await _check_cards(url, timeout_s))
    return [*found, *_check_tls(settings), *_check_proxies(settings)]


async def _check_api(setting: str, url: str, timeout_s: float) -> Finding:
    body: object = None
    async with HttpClient(
        timeout_s=timeout_s, max_body_bytes=MAX_BODY_BYTES, max_redirects=MAX_REDIRECTS
    ) as http:
        try:
            async with http.get(f"{url}/health") as response:
                status = response.status
                with suppress(InvalidJson, BodyTooLarge):
                    body = await response.json()
        except RequestFailed as error:
            return _unreachable(setting, url, error.__cause__ or error)
    if isinstance(body, dict) and "status" in body.get("data", {}):
        return ok(f"the API answers at {url}")
    return failure(
        f"another server answers at {setting} ({url}/health: status {status})",
        "Configure the proxy to pass everything except WebSockets to api.",
    )


async def _check_cards(url: str, timeout_s: float) -> Finding:
    """Request a badge with an invalid id: cards draws that problem, and no other server does."""
    async with HttpClient(
        timeout_s=timeout_s, max_body_bytes=MAX_BODY_BYTES, max_redirects=MAX_REDIRECTS
    ) as http:
        try:
            async with http.get(f"{url}/badge/0.svg") as response:
                status, problem = response.status, response.headers.get("X-Grux-Problem")
        except RequestFailed as error:
            return _unreachable("PUBLIC_URL", url, error.__cause__ or error)
    if status == 200 and problem == "invalid_user_id":
        return ok(f"cards and badges are drawn at {url}")
    return warning(
        f"no cards and badges at PUBLIC_URL ({url}/badge/0.svg: status {status})",
        "Configure the proxy to pass /card/, /badge/ and the pictures of /now-playing/ to cards, "
        "or set CARDS_URL: then api forwards them.",
    )


async def _check_ws(setting: str, url: str, timeout_s: float) -> Finding:
    """Connect with what is no id: ws reports that in a frame, which proves a working WebSocket."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s)) as http,
            http.ws_connect(f"{url}/?user_id=0") as connection,
        ):
            frame = await connection.receive_str(timeout=10)
    except aiohttp.WSServerHandshakeError as error:
        return failure(
            f"{setting} ({url}) accepts no WebSocket: the handshake got status {error.status}",
            "Configure the proxy to pass requests with `Upgrade: websocket` to ws, with their "
            "Upgrade and Connection headers.",
        )
    except (aiohttp.ClientError, OSError, TimeoutError, TypeError) as error:
        return _unreachable(setting, url, error)
    if '"invalid_user_id"' in frame:
        return ok(f"WebSockets work at {url}")
    return failure(
        f"another server answers at {setting} ({url})",
        "Configure the proxy to pass WebSockets to ws.",
    )


def _unreachable(setting: str, url: str, error: BaseException) -> Finding:
    cause = error.__cause__ or error
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return failure(
            f"the host name in {setting} ({url}) is not known",
            "Create a DNS record that points it to this machine, and wait until it takes effect.",
        )
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return failure(
            f"the certificate at {setting} ({url}) is not valid",
            "`curl -v` says why, and so does the log of Caddy or of your proxy. Check that ports "
            "80 and 443 are open to the internet.",
        )
    if isinstance(error, TimeoutError):
        return warning(
            f"{setting} ({url}) does not answer",
            f"Check that its port is open to the internet. {HAIRPIN}",
        )
    return failure(
        f"{setting} ({url}) cannot be reached ({type(cause).__name__})",
        f"Check that the proxy is running and its port is open. {HAIRPIN}",
    )


async def check_dual_stack(public_url: str, *, enabled: bool) -> list[Finding]:
    """For compose: whether Docker hides the addresses of the IPv6 clients of PUBLIC_URL.

    `enabled`: whether the network of the front door has IPv6 (DUAL_STACK).
    """
    host = urlsplit(public_url).hostname
    if not host or leads_to_loopback(public_url):
        return []
    try:
        await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET6)
    except OSError:
        return []
    if enabled:
        return [ok("PUBLIC_URL has an IPv6 address, and so has the front door")]
    return [
        warning(
            "PUBLIC_URL has an IPv6 address, but the front door has none (DUAL_STACK=false): "
            "all IPv6 clients share the limits of one address",
            "Remove DUAL_STACK from .env, and run `make down` and `make up`; or remove the AAAA "
            "record.",
        )
    ]


def _check_tls(settings: ApiSettings) -> list[Finding]:
    """Browsers block requests from https pages to http and ws (mixed content)."""
    plain = [
        setting
        for setting, url in (
            ("PUBLIC_URL", settings.public_url),
            ("PUBLIC_WS_URL", settings.public_ws_url),
        )
        if url.startswith(("http://", "ws://")) and not leads_to_loopback(url)
    ]
    if not plain:
        return []
    return [
        warning(
            f"{' and '.join(plain)} without TLS: browsers block requests to it from https pages",
            "Set SITE_ADDRESS (docs/self-hosting.md), or give your proxy a certificate.",
        )
    ]


def _check_proxies(settings: ApiSettings) -> list[Finding]:
    if settings.trusted_proxies:
        return []
    return [
        warning(
            "TRUSTED_PROXIES is not set",
            "If there is a proxy in front of Grux, set it to the proxy's address. Otherwise all "
            "clients seem to have the same address, and share its limits.",
        )
    ]
