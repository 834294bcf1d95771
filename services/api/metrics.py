"""What the api tells of itself."""

from __future__ import annotations

from services.api.cache import Cache
from shared.metrics import Reading
from shared.pulse import Pulse


def readings(cache: Cache, pulse: Pulse) -> list[Reading]:
    return [
        Reading("grux_api_answers", "Answers in memory.", lambda: len(cache)),
        Reading("grux_api_answer_bytes", "Their size, about.", lambda: cache.size),
        Reading("grux_api_trusted", "1 while memory is known to be true.", lambda: cache.trusted),
        Reading("grux_api_hits", "Answers from memory.", lambda: cache.hits, counter=True),
        Reading(
            "grux_gateway_silent_seconds",
            "Since the gateway was last connected to Discord, once that is too long; else 0.",
            lambda: pulse.stale_now,
        ),
    ]
