"""How long things take, and how many there may be. The defaults are what production uses."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from shared.net.backoff import Backoff


class WebhookLimits(Struct, frozen=True, kw_only=True):
    """Times in seconds."""

    timeout_s: float = 15.0  # of one request, with the connection
    requests_at_once: int = 4  # to one endpoint
    backoff: Backoff = Backoff(first_s=5.0, max_s=900.0)  # of an endpoint that fails
    jitter: float = 0.25  # a delay is longer by up to this part of it
    max_retry_after_s: float = 86_400.0  # of what an endpoint may ask for
    load_batch: int = 200  # users that are loaded in one round trip
    scan_interval_s: float = 60.0  # between two looks for users whom no message has reported
    unsure_interval_s: float = 1.0  # until users are loaded again whom Redis may have lost
    redis_retry_s: float = 1.0
    lease_ttl_s: float = 10.0
    lease_interval_s: float = 2.0


DEFAULT_LIMITS: Final = WebhookLimits()
