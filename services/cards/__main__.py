"""`python -m services.cards`: settings, Redis, profile source, HTTP server, render processes."""

from __future__ import annotations

import logging
import sys

import shared.startup.import_phase  # noqa: F401 (it works while the others are imported)
from services.cards import metrics
from services.cards.app import open_app
from services.cards.render import sandbox
from services.cards.render_pool import RenderPool
from shared import config
from shared.config import CardsSettings
from shared.http import uvicorn_server
from shared.http.connection_limits import HttpConnectionLimiter, limits_within
from shared.http.middleware import StalenessMiddleware
from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import SENT
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.store import Store
from shared.startup import bootstrap, file_limit, redis_preflight
from shared.startup.background import background
from shared.startup.bootstrap import ServiceProcess
from shared.version import VERSION

log = logging.getLogger(__name__)


def main() -> int:
    """Serve until SIGTERM or Ctrl-C. Returns the exit code."""
    sandbox.hide_memory()
    return bootstrap.run("cards", CardsSettings, serve, redis_commands=redis_preflight.READER)


async def serve(process: ServiceProcess[CardsSettings]) -> str:
    """Serve until a signal comes. Returns the totals. Raises CannotListen."""
    settings = process.settings
    limits = limits_within(
        file_limit.raise_nofile_limit(),
        max_connections=settings.cards_max_connections,
        connections_per_address=settings.cards_connections_per_address,
        trusted=settings.proxies(),
    )
    limiter = HttpConnectionLimiter(limits)
    with uvicorn_server.listen(settings.cards_host, settings.cards_port, "CARDS_PORT") as listener:
        async with (
            Store.connect(settings.redis_url) as store,
            ProfileService.connect(settings, store) as profiles,
            RenderPool() as pool,
        ):
            liveness = LivenessMonitor(store, max_silence_s=settings.presence_max_silence)
            metrics.export(liveness, pool, limiter)
            process.health.begin(metrics.health_probe(store, liveness, pool))
            log.info("cards: listening on %s", uvicorn_server.url_of(listener))
            log.info("cards: version %s; %s", VERSION, config.non_defaults(settings))
            log.info("cards: at most %d connections", limits.max_connections)
            users = UserReader.of(store, profiles, settings, with_history=True)
            async with (
                background(liveness.run(), limiter.run()),
                open_app(store, users, settings, liveness, pool) as app,
            ):
                server = uvicorn_server.server(
                    RateLimitMiddleware(
                        settings.cards_requests_per_minute,
                        settings.proxies(),
                        StalenessMiddleware(liveness, app),
                    ),
                    settings.drain_seconds,
                    limiter=limiter,
                )
                process.on_stop(server.drain)
                await server.serve([listener])
    return f"{SENT.total()} responses, {pool.completed} renders"


if __name__ == "__main__":
    sys.exit(main())
