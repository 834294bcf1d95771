"""METRICS_PORT: what probes and scrapers get, also while the event loop is blocked."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, Counter, MetricsHandler

from shared.config import ConfigError, Settings
from shared.telemetry import metrics, metrics_server
from shared.telemetry.health import Health, HealthReport, HealthTimings
from shared.telemetry.loop_lag import LoopLag
from shared.telemetry.metrics import CallbackCounter, total
from shared.telemetry.metrics_server import DEFAULT_LIMITS, MetricsServer, MetricsServerLimits
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.scraped import asked, fetch, observations

WELL = HealthReport({"redis": True})


@pytest.fixture
def state() -> Health:
    return Health("api", HealthTimings(stuck_after=0.3, log_interval=0.01))


@contextmanager
def served(state: Health, limits: MetricsServerLimits = DEFAULT_LIMITS) -> Iterator[int]:
    """The port of a metrics server."""
    with MetricsServer("127.0.0.1", 0, state, limits) as server:
        server.start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def port(state: Health) -> Iterator[int]:
    with served(state) as port:
        yield port


@pytest.fixture
def hasty_port(state: Health) -> Iterator[int]:
    with served(state, MetricsServerLimits(request_deadline=0.1)) as port:
        yield port


async def test_before_and_after_the_start(state: Health, port: int) -> None:
    """A process that starts is healthy, and not ready."""
    assert (await asked(port, "/health"))[0] == 200
    status, ready = await asked(port, "/ready")
    assert (status, ready) == (503, {"ready": False, "unready": "the process is starting"})
    state.begin(lambda: WELL)
    assert await asked(port, "/ready") == (200, {"ready": True, "unready": None})
    status, shown = await asked(port, "/health")
    assert status == 200
    assert shown["status"] == "ok"
    assert shown["service"] == "api"
    assert shown["redis"] is True
    assert shown["ready"] is True


async def test_a_blocked_loop_is_reported(state: Health, port: int) -> None:
    """The request comes from inside the loop, and blocks it; afterwards the process is healthy."""
    state.begin(lambda: WELL)
    give_up = time.monotonic() + PATIENCE
    while (found := fetch(port, "/health"))[0] == 200 and time.monotonic() < give_up:
        pass  # the loop is blocked as long as this runs
    assert found[0] == 503
    shown: dict[str, Any] = msgspec.json.decode(found[1])
    assert shown["status"] == "stuck"
    assert shown["loop_lag"] >= 0.3
    status, body = fetch(port, "/ready")
    assert status == 503
    assert b"the event loop has been blocked" in body
    await eventually(lambda: not state.stuck)
    assert (await asked(port, "/health"))[0] == 200
    assert (await asked(port, "/health"))[1]["worst_loop_lag"] >= 0.3


async def test_a_lost_dependency_makes_it_unready_and_never_unhealthy(
    state: Health, port: int
) -> None:
    """A restart would not bring Redis back."""
    state.begin(lambda: HealthReport({"redis": False}, "Redis does not answer"))
    assert (await asked(port, "/health"))[0] == 200
    assert (await asked(port, "/ready"))[1]["unready"] == "Redis does not answer"


async def test_a_process_that_shuts_down_is_not_ready(state: Health, port: int) -> None:
    """Though it is healthy."""
    state.begin(lambda: WELL)
    state.leave()
    assert await asked(port, "/ready") == (
        503,
        {"ready": False, "unready": "the process is shutting down"},
    )


async def test_an_unknown_path_and_half_a_request(port: int) -> None:
    """404 names the paths; a client that disconnects half-way costs nothing and logs nothing."""
    status, body = await asyncio.to_thread(fetch, port, "/nowhere")
    assert status == 404
    assert b"/metrics, /health or /ready" in body
    for words in (b"", b"GET /met", b"\x00\x00\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(words)
    assert (await asked(port, "/health"))[0] == 200


@pytest.mark.parametrize("drip", [b"", b"GET /health HTTP/1.1\r\n", b"a"])
async def test_a_request_past_its_deadline_is_cut_off(hasty_port: int, drip: bytes) -> None:
    """Whether nothing comes, or a few bytes again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hasty_port)

    async def dripped() -> bool:
        with suppress(ConnectionError):
            writer.write(drip)
            await writer.drain()
        return reader.at_eof() or reader.exception() is not None

    reading = asyncio.create_task(reader.read())
    await eventually_async(dripped)
    writer.close()
    with suppress(ConnectionError):
        assert await reading == b""
    assert (await asked(hasty_port, "/health"))[0] == 200


async def test_a_response_that_is_not_read_is_cut_off(
    hasty_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread waits for the kernel to take it all, and no longer than the deadline."""
    monkeypatch.setattr(metrics_server, "_NOT_FOUND", b"x" * 50_000_000)
    with socket.create_connection(("127.0.0.1", hasty_port)) as deaf:
        deaf.sendall(b"GET /nowhere HTTP/1.1\r\n\r\n")
        await eventually(lambda: _answering() == 1)
        await eventually(lambda: _answering() == 0)


@pytest.fixture
def narrow_port(state: Health) -> Iterator[int]:
    limits = MetricsServerLimits(pending=3, scrapes=1, request_deadline=2 * PATIENCE)
    with served(state, limits) as port:
        yield port


async def test_silent_connections_block_no_probe(state: Health, port: int) -> None:
    """However many there are: the oldest is closed for a newcomer, and their threads end."""
    state.begin(lambda: WELL)
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    for path in ("/health", "/ready", "/metrics"):
        status, _ = await asyncio.to_thread(fetch, port, path)
        assert status == 200
    await eventually(lambda: _answering() <= DEFAULT_LIMITS.pending)
    for one in silent:
        one.close()


async def test_an_address_with_many_connections_displaces_its_own(narrow_port: int) -> None:
    """Not the request of another address that is on its way."""
    port = narrow_port
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\n")
        await eventually(lambda: _answering() == 1)
        silent = [
            socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
            for _ in range(20)
        ]
        silent[0].settimeout(PATIENCE)
        assert await asyncio.to_thread(silent[0].recv, 1) == b""
        slow.sendall(b"\r\n")
        assert (await asyncio.to_thread(slow.recv, 12)).endswith(b" 200")
        for one in silent:
            one.close()


async def test_scrapers_that_do_not_read_block_no_probe(
    narrow_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scrapes have their own places; one too many gets 503."""
    port = narrow_port

    def endless(handler: MetricsHandler) -> None:
        handler.wfile.write(b"x" * 50_000_000)

    monkeypatch.setattr(MetricsHandler, "do_GET", endless)
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert await asyncio.to_thread(deaf.recv, 1) == b"x"
        status, body = await asyncio.to_thread(fetch, port, "/metrics")
        assert (status, b"Too many requests" in body) == (503, True)
        assert (await asked(port, "/health"))[0] == 200
    await eventually(lambda: _answering() == 0)


@pytest.mark.parametrize(
    "head", [b"x" * 9_000, b"GET /health HTTP/1.1\r\n" + (b"A: " + b"b" * 500 + b"\r\n") * 20]
)
async def test_a_long_head_is_cut_off(port: int, head: bytes) -> None:
    """A client could send six megabytes of headers otherwise."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(PATIENCE)
        with suppress(ConnectionError):
            client.sendall(head)
            assert await asyncio.to_thread(client.recv, 1) == b""
    assert (await asked(port, "/health"))[0] == 200


async def test_a_long_accept_header_is_ignored(port: int) -> None:
    """prometheus_client would read each of its items."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nAccept: " + b"," * 4_000 + b"\r\n\r\n")
        assert (await asyncio.to_thread(client.recv, 12)).endswith(b" 200")


def _answering() -> int:
    """Threads that answer a request."""
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


async def test_each_change_of_readiness_is_logged(
    state: Health, caplog: pytest.LogCaptureFixture
) -> None:
    """Ready, not ready and why, ready again: one line each."""
    now = WELL

    def logged() -> list[str]:
        return [one.getMessage() for one in caplog.records if one.name == "shared.telemetry.health"]

    with caplog.at_level(logging.INFO):
        state.begin(lambda: now)
        await eventually(logged)
        now = HealthReport({}, "Redis does not answer")
        await eventually(lambda: len(logged()) == 2)
        now = WELL
        await eventually(lambda: len(logged()) == 3)
    first, second, third = logged()
    assert first.startswith("ready after ")
    assert second == "not ready: Redis does not answer"
    assert third.startswith("ready after ")


def test_a_taken_port_names_the_setting(port: int, state: Health) -> None:
    """And says what to do."""
    with pytest.raises(ConfigError, match=rf"METRICS_PORT {port} is in use"):
        metrics_server.serve(Settings(metrics_host="127.0.0.1", metrics_port=port), state)


async def test_loop_lag_is_seen() -> None:
    """What blocks the loop is the worst of the last minute, and counts in the histogram."""
    lag = LoopLag(beat_interval=0.01)
    lag.begin()
    await eventually(lambda: observations(lag.histogram)[0] > 3)
    time.sleep(0.2)  # noqa: ASYNC251 (that is the test)
    await eventually(lambda: lag.worst > 0.15)
    await eventually(lambda: observations(lag.histogram)[1] > 0.15)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    """In place of the process's own, for what a test registers."""
    own = CollectorRegistry()
    monkeypatch.setattr(metrics, "REGISTRY", own)
    return own


def test_a_callback_counter_is_read_when_it_is_scraped(registry: CollectorRegistry) -> None:
    """With a label it has a sample for each value."""
    answers = {"200": 3, "304": 1}
    CallbackCounter("hits", "From the cache.", lambda: answers["200"])
    CallbackCounter("answers", "By status.", lambda: answers, "status")
    answers["200"] = 5
    assert registry.get_sample_value("hits_total") == 5
    assert registry.get_sample_value("answers_total", {"status": "200"}) == 5
    assert registry.get_sample_value("answers_total", {"status": "304"}) == 1
    with pytest.raises(ValueError, match="Duplicated"):
        CallbackCounter("hits", "A second one.", lambda: 0)


def test_total_adds_up_the_labels() -> None:
    """Of one label value it is that one's number."""
    counter = Counter("events", "By type.", ["type"], registry=None)
    counter.labels("a").inc(2)
    counter.labels("b").inc()
    assert total(counter) == 3
    assert total(counter.labels("a")) == 2
