"""`python -m services.api`: settings, Redis, profile source, HTTP server."""

from __future__ import annotations

import logging
import sys

import shared.startup.import_phase  # noqa: F401 (it works while the others are imported)
from services.api import metrics
from services.api.accounts.service import AccountService
from services.api.app import build
from services.api.endpoints.cards_proxy import CardsProxy
from services.api.http.websocket_forwarding import WebSocketForwarder
from services.api.key_value import KeyValueService
from services.api.middleware.ready_answers import ReadyAnswers
from services.api.middleware.response_cache import ResponseCache
from shared import config
from shared.config import ApiSettings
from shared.http import uvicorn_server
from shared.http.connection_limits import HttpConnectionLimiter, limits_within
from shared.http.middleware import StalenessMiddleware
from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import SENT
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis import durable, expiry
from shared.redis.factory import track
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.history import HistoryStore
from shared.redis.store import Store
from shared.startup import bootstrap, file_limit, redis_preflight
from shared.startup.background import background
from shared.startup.bootstrap import ServiceProcess
from shared.version import VERSION

log = logging.getLogger(__name__)


def main() -> int:
    """Serve until SIGTERM or Ctrl-C. Returns the exit code."""
    return bootstrap.run(
        "api",
        ApiSettings,
        serve,
        redis_commands=redis_preflight.READER,
        durable_commands=redis_preflight.DURABLE,
    )


async def serve(process: ServiceProcess[ApiSettings]) -> str:
    """Serve until a signal comes. Returns the totals. Raises CannotListen."""
    settings = process.settings
    limiter = HttpConnectionLimiter(
        limits_within(
            file_limit.raise_nofile_limit(),
            max_connections=settings.api_max_connections,
            connections_per_address=settings.api_connections_per_address,
            trusted=settings.proxies(),
        )
    )
    cache = ResponseCache()
    with uvicorn_server.listen(settings.api_host, settings.api_port, "API_PORT") as listener:
        async with (
            Store.connect(settings.redis_url) as store,
            ProfileService.connect(settings, store) as profiles,
            durable.connect(settings.durable_redis_url, store) as durable_store,
            track(settings.redis_url, cache),
        ):
            kv = KeyValueService.of(store, durable_store, settings)
            accounts = AccountService(store, durable_store, settings)
            history = HistoryStore(durable_store, days=settings.history_days)
            liveness = LivenessMonitor(
                store, max_silence_s=settings.presence_max_silence, on_expired=cache.flushed
            )
            metrics.export(cache, liveness, limiter)
            process.health.begin(metrics.health_probe(store, cache, liveness))
            log.info("api: listening on %s", uvicorn_server.url_of(listener))
            log.info("api: version %s; %s", VERSION, config.non_defaults(settings))
            log.info("api: at most %d connections", limiter.limits.max_connections)
            users = UserReader.of(store, profiles, settings, kv.copies)
            async with (
                background(
                    liveness.run(),
                    limiter.run(),
                    kv.run(),
                    expiry.run(store, settings.presence_max_silence),
                ),
                CardsProxy(settings.cards_url) as cards,
                WebSocketForwarder(settings.ws_url, limiter) as forwarder,
                accounts.running(),
            ):
                app = build(store, users, settings, cache, liveness, cards, kv, accounts, history)
                rates = RateLimitMiddleware(
                    settings.api_requests_per_minute,
                    settings.proxies(),
                    StalenessMiddleware(liveness, app),
                    count_bytes=True,
                )
                server = uvicorn_server.server(
                    rates,
                    settings.drain_seconds,
                    limiter=limiter,
                    upgrades=forwarder if settings.ws_url else None,
                    answers=ReadyAnswers(cache, users, settings.discord_invite, liveness, rates),
                )
                process.on_stop(server.drain)
                await server.serve([listener])
    return f"{SENT.total()} answers, {cache.hits} of them from memory"


if __name__ == "__main__":
    sys.exit(main())
