"""Metrics, health and logs of the real processes, in operation and during faults."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle
from typing import Any

from shared.redis.store import Store
from simulator.options import Options
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.free_port import free_port
from testing.process import Process
from tests.documents import ROOT
from tests.e2e.stack import FIRST, ROBIN, Stack, quiet, running
from tests.scraped import asked, scraped, until, until_health, value

SERVICES = ("api", "ws", "cards", "gateway", "webhooks")
NOWHERE = (
    '[{"url": "http://127.0.0.1:9/", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", '
    '"private": true}]'
)
"""An endpoint that accepts no connection."""

HOSTILE = 'robin\n12:00:00 gateway INFO  forged\x1b[31m\u2028"}'


@asynccontextmanager
async def observed(
    options: Options | None = None, *names: str, **env: str
) -> AsyncIterator[tuple[Stack, dict[str, int]]]:
    """The stack and the METRICS_PORT of each process."""
    ports = {name: free_port() for name in names or SERVICES}
    async with running(options, services=()) as stack:
        stack.env["WEBHOOKS"] = NOWHERE
        for name, port in ports.items():
            await stack.start(name, METRICS_PORT=str(port), **env)
        for port in ports.values():
            await until_health(port, lambda shown: bool(shown["ready"]))
        yield stack, ports


async def test_every_metric_is_there_and_moves() -> None:
    """Each process exports exactly the metrics that docs/operations.md lists for it."""
    async with observed(PROFILE_SOURCE="discord") as (stack, ports):
        await stack.shows(ROBIN, lambda data: True)
        await stack.get(f"/user/{ROBIN}")
        await stack.get(f"/badge/{ROBIN}.json")
        watcher = await stack.watch(ROBIN, "161092844126208999")
        await watcher.until(lambda frame: frame["op"] == "initial_data")
        await until(ports["ws"], "grux_ws_watchers", holds=lambda found: found == 1)
        written = await value(ports["gateway"], "grux_gateway_saves_written_total")
        events = await value(ports["gateway"], "grux_gateway_events_total", "PRESENCE_UPDATE")
        frames = await value(ports["ws"], "grux_ws_frames_total", "websocket")
        ages = await value(ports["ws"], "grux_ws_frame_age_seconds_count")
        stack.simulator.sessions.tell("PRESENCE_UPDATE", FIRST, "x")
        stack.simulator.world.set_presence(ROBIN, "dnd", [], {"vr": "dnd"})
        await watcher.until(lambda frame: frame["op"] == "presence_update")
        await until(
            ports["gateway"], "grux_gateway_saves_written_total", holds=lambda now: now > written
        )
        name = "grux_gateway_events_total"
        assert await value(ports["gateway"], name, "PRESENCE_UPDATE") > events
        assert await value(ports["gateway"], "grux_gateway_events_rejected_total", "payload") == 1
        assert await value(ports["gateway"], "grux_gateway_write_lag_seconds_count") > written
        await shown_with_its_age(stack, ports["ws"], ages)
        await until(
            ports["webhooks"],
            "grux_webhooks_failing_seconds",
            "127.0.0.1:9",
            holds=lambda now: now > 0,
        )
        assert await value(ports["ws"], "grux_ws_frames_total", "websocket") > frames
        assert await value(ports["ws"], "grux_ws_frames_total", "events") == 0
        assert await value(ports["ws"], "grux_ws_refused_total") == 1
        shown = {
            process: {name for name, _ in await scraped(port)} for process, port in ports.items()
        }
        for process, names in documented().items():
            missing = {name for name in names if not is_shown(name, shown[process])}
            assert missing == set(), process
            explained = {sample for name in names for sample in samples_of(name)}
            assert {one for one in shown[process] if one.startswith("grux_")} <= explained, process
        assert await value(ports["api"], "grux_api_responses_total", "200") >= 1
        assert await value(ports["api"], "grux_api_misses_total") >= 1
        name = "grux_profile_fetches_total"
        fetches = [await scraped(ports[process]) for process in ("api", "ws", "cards")]
        outcomes = [frozenset(["discord", outcome]) for outcome in ("ok", "nothing")]
        assert sum(found[name, one] for found in fetches for one in outcomes) >= 1
        await again_from_memory(stack, ports["api"])
        await until(ports["ws"], "grux_ws_following", holds=lambda now: now == 1)
        resyncs = await value(ports["ws"], "grux_ws_resyncs_total")
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
            await store.redis.client_kill_filter(_type="pubsub")
        await until(ports["ws"], "grux_ws_resyncs_total", holds=lambda now: now > resyncs)
        assert await value(ports["ws"], "grux_redis_lost_total", "subscriber") == 1
        for port in ports.values():
            assert await value(port, "grux_ready") == 1
            assert await value(port, "grux_loop_lag_seconds_count") > 0
            assert await value(port, "grux_uptime_seconds") > 0
            assert await value(port, "process_resident_memory_bytes") > 0


async def shown_with_its_age(stack: Stack, port: int, ages: float) -> None:
    """Change until an age is counted: a change that coincides with a rewrite of all users is
    loaded together with them, and then has no known age."""
    statuses = cycle(("idle", "online"))

    async def counted() -> bool:
        stack.simulator.world.set_presence(ROBIN, next(statuses), [], {"vr": "dnd"})
        return await value(port, "grux_ws_frame_age_seconds_count") > ages

    await eventually_async(counted)


async def again_from_memory(stack: Stack, port: int) -> None:
    """Repeat a request until its response comes from the cache."""

    async def hit() -> bool:
        await stack.get(f"/user/{ROBIN}")
        return await value(port, "grux_api_hits_total") >= 1

    await eventually_async(hit)


def documented() -> dict[str, set[str]]:
    """The documented metrics of each process, by the headings of docs/operations.md."""
    page = (ROOT / "docs" / "operations.md").read_text()
    parts = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    named = {title: set(re.findall(r"`(grux_\w+)`", text)) for title, text in parts.items()}
    every, profiles = named["Every process"], named["api, ws and cards"]
    return {
        "gateway": every | named["The gateway"],
        "api": every | profiles | named["api"],
        "ws": every | profiles | named["ws"],
        "cards": every | profiles | named["cards"],
        "webhooks": every | named["webhooks"],
    }


def is_shown(name: str, samples: set[str]) -> bool:
    return bool({name, f"{name}_total", f"{name}_bucket"} & samples)


def samples_of(name: str) -> set[str]:
    """The names of the samples that this metric may have, whatever its type."""
    return {name, *(f"{name}_{end}" for end in ("total", "created", "bucket", "sum", "count"))}


REASONS: dict[Any, tuple[str, str]] = {
    "reconnect": ("op_7", "resumed"),
    "invalid": ("op_9", "identified"),
    "rst": ("network", "resumed"),
    "close": ("close_4000", "resumed"),
}
"""How Discord ends a connection: the counted cause, and how the next connection starts."""


async def test_reconnects_are_counted_by_cause() -> None:
    """Each is counted once, with one log line; the next connection is counted by its start."""
    async with observed(None, "gateway") as (stack, ports):
        port, gateway = ports["gateway"], stack.processes["gateway"]
        for number, (how, (cause, began)) in enumerate(REASONS.items(), 1):
            await eventually(partial(lines_with, gateway, "is connected to Discord", number))
            before = await value(port, "grux_gateway_connects_total", began)
            stack.simulator.drop(how)
            name = "grux_gateway_connects_total"
            await until(port, name, began, holds=(before + 1).__eq__)
            assert await value(port, "grux_gateway_disconnects_total", cause) == 1
            connected = partial(lines_with, gateway, "is connected to Discord", number + 1)
            lines = await eventually(connected)
            assert lines[-1].endswith(f"({began})")
            assert lines_with(gateway, "is disconnected: ", number)


def lines_with(process: Process, words: str, times: int) -> list[str]:
    """The lines that have these words, or none until there are `times`. More are an error."""
    found = [line for line in process.lines if words in line]
    assert len(found) <= times
    return found if len(found) == times else []


async def test_missed_heartbeats_are_a_cause_too() -> None:
    """Discord does not acknowledge them."""
    options = quiet(heartbeat_interval_ms=1000)
    async with observed(options, "gateway") as (stack, ports):
        stack.simulator.faults.acks_stalled = True
        name = "grux_gateway_disconnects_total"
        await until(ports["gateway"], name, "heartbeat", holds=lambda now: now >= 1)
        stack.simulator.faults.acks_stalled = False


async def test_the_gateway_without_discord_is_healthy_but_not_ready() -> None:
    """/health names the disconnected shard; once Discord is back, the gateway is ready again."""
    async with observed(None, "gateway") as (stack, ports):
        port, gateway = ports["gateway"], stack.processes["gateway"]
        await gateway.line_with("ready after")
        shown = await until_health(port, lambda now: now["shards"][0]["latency"] is not None)
        assert shown["discord"] == "connected"
        assert shown["redis"] is True
        assert shown["users"] == len(stack.member_ids())
        assert shown["shards"][0]["state"] == "connected"
        stack.simulator.refuse(60)
        stack.simulator.drop("rst")
        await until_health(port, lambda now: bool(now["discord"] == "connecting"))
        assert (await asked(port, "/health"))[0] == 200
        status, ready = await asked(port, "/ready")
        assert (status, ready["unready"]) == (503, "not connected to Discord: shard 0")
        await gateway.line_with("not ready: not connected to Discord")
        stack.simulator.refuse(0)
        await until_health(port, lambda now: bool(now["ready"]))
        await eventually(lambda: len([one for one in gateway.lines if "ready after" in one]) == 2)


async def test_a_standby_gateway_is_ready() -> None:
    """So an update may stop the active one; without Redis it could not take over."""
    async with observed(None, "gateway") as (stack, _):
        stack.processes["first"] = stack.processes.pop("gateway")
        port = free_port()
        await stack.start("gateway", METRICS_PORT=str(port))
        shown = await until_health(port, lambda now: now.get("discord") == "standing_by")
        assert shown["shards"][0]["state"] == "standing_by"
        await until_health(port, lambda now: bool(now["ready"]))
        await stack.redis.kill()
        shown = await until_health(port, lambda now: not now["ready"])
        assert shown["unready"] == "Redis does not answer"
        assert (await asked(port, "/health"))[0] == 200
        assert await value(port, "grux_redis_lost_total", "commands") == 1
        await stack.redis.start()
        await until_health(port, lambda now: bool(now["ready"]))


async def test_without_redis_api_and_ws_are_not_ready() -> None:
    """They stay healthy; each reports the cause, and counts the lost connection once."""
    async with observed(None, "api", "ws") as (stack, ports):
        await stack.redis.kill()
        for name, port in ports.items():
            await until_health(port, lambda now: not now["ready"])
            assert (await asked(port, "/health"))[0] == 200
            assert (await asked(port, "/ready"))[0] == 503
            await stack.processes[name].line_with("not ready: ")
        assert await value(ports["ws"], "grux_redis_lost_total", "subscriber") == 1
        assert await value(ports["api"], "grux_redis_lost_total", "invalidation") == 1
        assert await value(ports["api"], "grux_redis_lost_total", "commands") == 1
        await stack.redis.start()
        for name, port in ports.items():
            await until_health(port, lambda now: bool(now["ready"]))
            await stack.processes[name].line_with("ready after")


async def test_the_log_from_start_to_end() -> None:
    """Settings at the start, totals at the end; each line is a JSON object without secrets."""
    async with observed(None, LOG_FORMAT="json") as (stack, _):
        await stack.shows(ROBIN, lambda data: True)
        stack.simulator.world.update_user(ROBIN, username=HOSTILE)
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: frame["op"] == "initial_data")
        for process in stack.processes.values():
            await process.line_with('"ready after ')
        for process in stack.processes.values():
            assert await process.stop(signal.SIGTERM) == 0
            said = [json.loads(line)["message"] for line in process.lines]
            assert [line for line in said if "DISCORD_TOKEN=*** " in line]
            assert [line for line in said if re.search("stopped after [0-9]+ s: ", line)] == said[
                -1:
            ]
            assert not [line for line in process.lines if stack.simulator.token in line]
            assert len(said) < 12, said
