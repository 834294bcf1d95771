"""Reads METRICS_PORT as a scraper or a probe does."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import msgspec
from prometheus_client import Histogram
from prometheus_client.parser import text_string_to_metric_families

from testing.eventually import PATIENCE, eventually_async

Samples = dict[tuple[str, frozenset[str]], float]


def observations(histogram: Histogram) -> tuple[int, float]:
    """Their count and their sum. The histogram must have no labels."""
    (family,) = histogram.collect()
    found = {sample.name.rpartition("_")[2]: sample.value for sample in family.samples}
    return round(found["count"]), found["sum"]


def fetch(port: int, path: str) -> tuple[int, bytes]:
    """Status and body. Blocks."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read()


async def asked(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of `/health` or `/ready`; 0 where no server listens."""
    try:
        status, body = await asyncio.to_thread(fetch, port, path)
    except OSError:
        return 0, {}
    return status, msgspec.json.decode(body)


async def scraped(port: int) -> Samples:
    """Every sample of `/metrics`, by its name and the values of its labels."""
    status, body = await asyncio.to_thread(fetch, port, "/metrics")
    assert status == 200
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def value(port: int, name: str, *labels: str) -> float:
    """One sample. Raises KeyError when it is not there."""
    return (await scraped(port))[name, frozenset(labels)]


async def until(port: int, name: str, *labels: str, holds: Callable[[float], bool]) -> float:
    """Wait until this holds of the sample; gives it."""

    async def held() -> list[float]:
        found = (await scraped(port)).get((name, frozenset(labels)))
        return [found] if found is not None and holds(found) else []

    return (await eventually_async(held))[0]


async def until_health(port: int, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until this holds of `/health`; gives it."""

    async def held() -> dict[str, Any]:
        status, body = await asked(port, "/health")
        return body if status and holds(body) else {}

    return await eventually_async(held)
