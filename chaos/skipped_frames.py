"""How often `ws` passed over a client that read too slowly: shows that a run presses it at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import aiohttp

_WITHIN: Final = aiohttp.ClientTimeout(total=5.0)
_COUNTER: Final = re.compile(r"^grux_ws_skipped(?:_total)? (\S+)$", re.MULTILINE)


async def skipped_frames(http: aiohttp.ClientSession, ports: Iterable[int]) -> int:
    """The total since each process started. A process that does not answer counts as zero.

    `ports`: METRICS_PORT of each.
    """
    count = 0
    for port in ports:
        try:
            async with http.get(f"http://127.0.0.1:{port}/metrics", timeout=_WITHIN) as answer:
                count += counted(await answer.text())
        except (aiohttp.ClientError, TimeoutError):
            continue
    return count


def counted(metrics: str) -> int:
    """What one process says at /metrics."""
    found = _COUNTER.search(metrics)
    return int(float(found[1])) if found else 0
