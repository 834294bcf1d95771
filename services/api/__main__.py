"""`python -m services.api`: settings, Redis, profile source, HTTP server."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from typing import Final

from uvicorn.loops.auto import auto_loop_factory

from services.api.app import build
from services.api.card.studio import Studio
from services.api.metrics import drawings, looker, readings
from services.api.middleware.response_cache import ResponseCache
from shared import config
from shared.config import ApiSettings, ConfigError
from shared.http import uvicorn_server
from shared.http.connection_limiter import ConnectionLimiter, from_settings
from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import SENT
from shared.http.staleness import StalenessMiddleware
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis.factory import track
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.store import Store
from shared.startup import file_limit, redis_preflight
from shared.telemetry import logs, metrics, metrics_server
from shared.telemetry.health import Health

log = logging.getLogger(__name__)

CANNOT_LISTEN: Final = 1
BAD_SETTING: Final = 2


def main() -> int:
    """Serve until SIGTERM or Ctrl-C. Gives the exit code."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _leave)
    health = Health("api")
    try:
        settings = config.from_env(ApiSettings, config.environment())
        redis_preflight.check(settings.redis_url, redis_preflight.READER)
        metrics_server.serve(settings, health)
        door = ConnectionLimiter(from_settings(settings, file_limit.raise_nofile_limit()))
        listener = uvicorn_server.listen(settings)
    except ConfigError as error:
        print(f"api: {error}", file=sys.stderr)
        return BAD_SETTING
    except uvicorn_server.CannotListen as error:
        print(f"api: {error}", file=sys.stderr)
        return CANNOT_LISTEN
    logs.set_up(settings, "api")
    with listener, asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_serve(settings, listener, health, door))
    return 0


async def _serve(
    settings: ApiSettings, listener: socket.socket, health: Health, door: ConnectionLimiter
) -> None:
    cache = ResponseCache()
    async with (
        Store.connect(settings.redis_url) as store,
        ProfileService.connect(settings, store) as profiles,
        track(settings.redis_url, cache),
    ):
        pulse = LivenessMonitor(store)
        metrics.export(readings(cache, pulse, door))
        health.begin(looker(store, cache, pulse))
        tasks = [asyncio.create_task(work()) for work in (pulse.run, door.run)]
        host, port = listener.getsockname()[:2]
        log.info("api: listening on http://%s:%s", f"[{host}]" if ":" in host else host, port)
        log.info("api: %s", config.in_words(settings))
        log.info("api: at most %d connections", door.limits.connections)
        people = UserReader.of(store, profiles, settings)
        try:
            async with Studio(store, people, settings, lambda: pulse.stale) as studio:
                metrics.export(drawings(studio.draughtsmen))
                app = StalenessMiddleware(
                    pulse, build(store, profiles, settings, cache, pulse, studio)
                )
                quota = RateLimitMiddleware(
                    settings.api_requests_per_minute, settings.proxies(), app
                )
                server = uvicorn_server.server(
                    quota, settings.drain_seconds, health.leave, door=door
                )
                await server.serve([listener])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            log.info(
                "api: stopped after %.0f s: %d answers, %d of them from memory",
                health.uptime,
                SENT.total(),
                cache.hits,
            )


def _leave(*_: object) -> None:
    """Nobody has been let in yet."""
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
