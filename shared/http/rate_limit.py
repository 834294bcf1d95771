"""Requests per minute of each address; an address over its limit gets 429.

This middleware stands in front of everything else, so that a refused request costs little. A large
response counts as several requests: else a request of 60 bytes could be answered with
240 KB 1,200 times a minute.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http import errors
from shared.http.responses import COUNT_MORE, Header
from shared.net.client_address import (
    ClientResolver,
    Networks,
    SharedAddressNotice,
    budget,
    forwarded_for_tail,
)
from shared.net.fixed_window import FixedWindowCounter


class RateLimitMiddleware:
    """Counts in windows of a minute."""

    def __init__(
        self,
        per_minute: int,
        trusted: Networks,
        app: ASGIApp,
        *,
        count_bytes: bool = False,
        counter: FixedWindowCounter | None = None,
    ) -> None:
        """`per_minute` 0: no limit. `trusted`: proxies whose X-Forwarded-For is believed.

        `count_bytes`: large responses count as several. Not for cards: proxies fetch them for many.
        """
        self._per_minute = per_minute
        self._trusted = trusted
        self._app = app
        self._count_bytes = count_bytes
        self._requests = counter or FixedWindowCounter()
        self._clients = ClientResolver(trusted)
        self._notice = SharedAddressNotice()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if self._per_minute and scope["type"] == "http":
            peer = scope["client"]
            address = self._address(peer[0], scope["headers"]) if peer else None
            if address is not None:
                retry_after = self._count(address)
                if retry_after:
                    return errors.rate_limited(retry_after)(scope, receive, send)
                if self._count_bytes:
                    scope[COUNT_MORE] = partial(self._count, address)
        return self._app(scope, receive, send)

    def admits(self, peer: str, headers: Iterable[Header]) -> bool:
        """Count a request that is answered without this application. False: it is over the limit,
        and for this application, which counts it once more and refuses it."""
        address = self._address(peer, headers) if self._per_minute else None
        return address is None or not self._count(address)

    def take_back(self, peer: str, headers: Iterable[Header]) -> None:
        """What `admits` has counted is for this application after all, which counts it again."""
        address = self._address(peer, headers) if self._per_minute else None
        if address is not None:
            self._requests.count(address, -1)

    def _count(self, address: str, requests: int = 1) -> int:
        """0 within the limit, else the seconds until the next window."""
        count = self._requests.count(address, requests)
        if count > self._per_minute:
            self._notice.over_limit(address)
        if count <= budget(address, self._per_minute):
            return 0
        return max(1, round(self._requests.remaining_s))

    def _address(self, peer: str, headers: Iterable[Header]) -> str | None:
        forwarded_for = ""
        if self._trusted:
            lines = [
                value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"
            ]
            forwarded_for = forwarded_for_tail(lines)
        return self._clients.client_ip(peer, forwarded_for)
