"""`python -m services.webhooks`: settings, Redis, endpoints."""

from __future__ import annotations

import logging
import sys

from services.webhooks import endpoint, metrics
from services.webhooks.dispatcher import Dispatcher
from services.webhooks.limits import DEFAULT_LIMITS
from shared.config import WebhooksSettings, non_defaults
from shared.redis.store import Store
from shared.startup import bootstrap, redis_preflight
from shared.startup.background import background
from shared.startup.bootstrap import ServiceProcess
from shared.telemetry.metrics import total
from shared.version import VERSION

log = logging.getLogger(__name__)


def main() -> int:
    """Deliver until SIGTERM or Ctrl-C. Returns the exit code."""
    return bootstrap.run(
        "webhooks",
        WebhooksSettings,
        serve,
        redis_commands=redis_preflight.NOTIFIER,
        check=endpoint.check,
    )


async def serve(process: ServiceProcess[WebhooksSettings]) -> str:
    """Deliver until a signal comes. Returns the totals."""
    settings = process.settings
    endpoints = endpoint.endpoints(settings.webhooks)
    async with Store.connect(settings.redis_url) as store:
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
