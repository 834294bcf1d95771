"""Checks of the webhook endpoints: whether their names lead to addresses that messages may go to.

Nothing is sent to them.
"""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

from services.doctor.report import Finding, failure, ok
from shared.config import WebhooksSettings
from shared.net.public_address import is_never_trusted, is_public
from shared.webhook_endpoints import Endpoint


async def check(settings: WebhooksSettings) -> list[Finding]:
    """One finding for each endpoint."""
    return [await _check(endpoint) for endpoint in settings.endpoints()]


async def _check(endpoint: Endpoint) -> Finding:
    host = urlsplit(endpoint.url).hostname or ""
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter: such a name cannot exist, as a..example
        return failure(
            f"{endpoint.label} gets no webhooks: its name cannot be resolved",
            "Correct its url in WEBHOOKS, or its DNS record.",
        )
    addresses = {str(address[0]) for *_, address in rows}
    if all(map(is_never_trusted, addresses)):
        return failure(
            f"{endpoint.label} gets no webhooks: its address is link-local, or that of no server",
            "Give the server another address: nothing is sent there, with any setting.",
        )
    kinds = set(map(is_public, addresses))
    if not endpoint.private and True not in kinds:
        return failure(
            f"{endpoint.label} gets no webhooks: its name leads to a private network",
            '"private": true in WEBHOOKS allows it, if you trust what answers there.',
        )
    if endpoint.url.startswith("http://") and False not in kinds:
        return failure(
            f"{endpoint.label} gets no webhooks: its address is public, http:// is not encrypted",
            "Use https:// in WEBHOOKS.",
        )
    users = f"{len(endpoint.users)} users" if endpoint.users else "every monitored user"
    return ok(f"{endpoint.label} is sent the presences of {users}")
