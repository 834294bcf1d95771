"""GET /health and /ready on the public port of api and cards.

METRICS_PORT answers paths of the same names with more: see shared/telemetry/metrics_server.py.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from shared.http.middleware import StalenessSource
from shared.http.responses import RawResponse, envelope, json_response
from shared.redis.store import Store, StoreUnavailable
from shared.version import VERSION


class HealthEndpoints:
    """Both read Redis; neither reads a user."""

    def __init__(self, store: Store, liveness: StalenessSource | None) -> None:
        """`liveness` tells whether the gateway is silent; without one /health does not know."""
        self._store = store
        self._liveness = liveness

    def routes(self) -> list[Route]:
        return [Route("/health", self.health), Route("/ready", self.ready)]

    async def health(self, _request: Request) -> RawResponse:
        """200 while the process runs.

        `data`: `{"status", "redis", "gateway_silent_for", "version"}`.
        `redis`: whether Redis answers. `gateway_silent_for`: seconds since the gateway's last
        heartbeat once it is overdue, else null.
        """
        try:
            await self._store.ping()
            redis = True
        except StoreUnavailable:
            redis = False
        stale = self._liveness.stale if self._liveness else None
        health = {"status": "ok", "redis": redis, "gateway_silent_for": stale, "version": VERSION}
        return json_response(200, envelope(msgspec.json.encode(health)))

    async def ready(self, _request: Request) -> RawResponse:
        """200 while presence can be read. Raises StoreUnavailable, which becomes 503."""
        await self._store.ping()
        return json_response(200, envelope(b'{"ready":true}'))
