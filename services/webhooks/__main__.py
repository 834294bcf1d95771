"""`python -m services.webhooks`: settings, Redis, endpoints."""

from __future__ import annotations

import logging
import sys
from typing import Final

import shared.startup.import_phase  # noqa: F401 (it works while the others are imported)
from services.webhooks import metrics
from services.webhooks.dispatcher import Dispatcher
from services.webhooks.limits import DEFAULT_LIMITS
from shared.config import ConfigError, WebhooksSettings, non_defaults
from shared.redis.store import Store
from shared.startup import bootstrap, redis_preflight
from shared.startup.background import background
from shared.startup.bootstrap import ServiceProcess
from shared.telemetry.metrics import total
from shared.version import VERSION

log = logging.getLogger(__name__)

OTHER_CONNECTIONS: Final = 4  # to Redis, besides those that note what was acknowledged


def main() -> int:
    """Deliver until SIGTERM or Ctrl-C. Returns the exit code."""
    return bootstrap.run(
        "webhooks",
        WebhooksSettings,
        serve,
        redis_commands=redis_preflight.NOTIFIER,
        check=_check,
    )


def _check(settings: WebhooksSettings) -> None:
    if not settings.webhooks:
        raise ConfigError(
            "WEBHOOKS must be set to start this service: the endpoints that presences are sent to. "
            "docs/webhooks.md explains it."
        )


async def serve(process: ServiceProcess[WebhooksSettings]) -> str:
    """Deliver until a signal comes. Returns the totals."""
    settings = process.settings
    endpoints = settings.endpoints()
    connections = OTHER_CONNECTIONS + len(endpoints) * DEFAULT_LIMITS.requests_at_once
    async with Store.connect(settings.redis_url, connections=connections) as store:
        dispatcher = Dispatcher(
            endpoints,
            store,
            settings.redis_url,
            DEFAULT_LIMITS,
            metrics.ATTEMPTS,
            max_silence_s=settings.presence_max_silence,
        )
        metrics.export(dispatcher)
        process.health.begin(metrics.health_probe(store, dispatcher))
        log.info("webhooks: version %s; %s", VERSION, non_defaults(settings))
        log.info("webhooks: endpoints: %s", ", ".join(one.label for one in endpoints))
        async with background(dispatcher.run()):
            await process.stopped()
    return f"{total(metrics.ATTEMPTS)} requests"


if __name__ == "__main__":
    sys.exit(main())
