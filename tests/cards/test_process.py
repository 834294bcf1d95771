"""`python -m services.cards` as a process: settings, health, metrics, and its end."""

from __future__ import annotations

import json
import signal

from testing.free_port import free_port
from testing.redis_server import RedisServer
from tests.api.http_client import ask
from tests.e2e.stack import ROBIN, running


async def test_health_readiness_and_metrics() -> None:
    """On its own port and on METRICS_PORT."""
    metrics = free_port()
    async with running(services=()) as stack:
        process = await stack.start("cards", METRICS_PORT=str(metrics))
        await process.line_with("listening on")
        health = json.loads((await ask(stack.cards_port, "/health")).body)["data"]
        assert health == {
            "status": "ok",
            "redis": True,
            "gateway_silent_for": None,
            "version": "0.1.0",
        }
        assert (await ask(stack.cards_port, "/ready")).status == 200
        assert json.loads((await ask(metrics, "/health")).body)["service"] == "cards"
        card = await ask(stack.cards_port, f"/card/{ROBIN}.svg")
        assert card.header("x-grux-problem") == "user_not_monitored"
        scraped = (await ask(metrics, "/metrics")).body.decode()
        assert "grux_cards_renders_total 1.0" in scraped
        assert 'grux_cards_responses_total{status="200"}' in scraped
        assert await process.stop(signal.SIGTERM) == 0
        assert any("responses, 1 renders" in line for line in process.lines)


async def test_a_bad_setting_is_named() -> None:
    """Exit status 2, and one line."""
    async with running(services=()) as stack:
        process = await stack.start("cards", CARDS_PORT="many")
        assert await process.ended() == 2
        problem = "CARDS_PORT must be a whole number from 0 to 65535, got 'many'"
        assert process.lines == [f"cards: {problem}"]


async def test_a_taken_port_is_named() -> None:
    """Exit status 1, and the setting to change."""
    async with running(services=()) as stack:
        process = await stack.start("cards", CARDS_PORT=str(stack.redis.port))
        assert await process.ended() == 1
        assert process.lines[-1].startswith(f"cards: CARDS_PORT {stack.redis.port} is in use")


async def test_without_redis_it_is_not_ready() -> None:
    """It starts, and is ready as soon as Redis answers."""
    async with RedisServer() as redis, running(services=(), redis_url=redis.url) as stack:
        await redis.kill()
        process = await stack.start("cards")
        await process.line_with("listening on")
        assert (await ask(stack.cards_port, "/ready")).status == 503
        card = await ask(stack.cards_port, f"/card/{ROBIN}.svg")
        assert card.header("x-grux-problem") == "unavailable"
