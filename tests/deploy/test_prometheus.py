"""A real Prometheus with our rules scrapes the real processes. Skipped without Prometheus."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import aiohttp
import pytest

from testing.eventually import eventually_async
from testing.free_port import free_port
from tests.deploy.named_metrics import ALERTS, queries
from tests.e2e.stack import ROBIN
from tests.e2e.test_insight import observed

needs = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus and promtool are not on the PATH",
)

CONFIG = ALERTS.parent / "prometheus.yml"

QUIET = (
    "grux_gateway_disconnects",
    "grux_gateway_events_rejected",
    "limit_bytes) > 0",
    "grux_api_hits",
)
"""Parts of queries that may rightly have no result."""


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs
def test_the_configuration_is_valid() -> None:
    """Says Prometheus' own tool, of the rules as well."""
    rules = ALERTS.read_text().count("- alert:")
    assert f"{rules} rules found" in promtool("check", "config", str(CONFIG))


@needs
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    """Over made-up series: one where nothing is wrong, and one where everything is."""
    promtool("test", "rules", str(ALERTS.parent / "alerts.test.yml"))


@needs
async def test_every_panel_shows_something(tmp_path: Path) -> None:
    """Prometheus parses each query, and finds samples for it."""
    async with observed(PROFILE_SOURCE="discord") as (stack, ports):
        await stack.shows(ROBIN, lambda data: True)
        await stack.get(f"/badge/{ROBIN}.json")
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: frame["op"] == "initial_data")
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={_config(tmp_path, ports)}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as http:
                url = f"http://127.0.0.1:{port}/api/v1/query"
                for number, query in enumerate(dict.fromkeys(queries())):
                    # A rate needs two scrapes, and ages need a change between them.
                    stack.simulator.world.set_presence(ROBIN, ("dnd", "idle")[number % 2])
                    await eventually_async(lambda query=query: _answered(http, url, query))  # type: ignore[misc]
        finally:
            process.terminate()
            await process.wait()


async def _answered(http: aiohttp.ClientSession, url: str, query: str) -> bool:
    """Whether the query has a result. Fails when it cannot be parsed."""
    try:
        async with http.get(url, params={"query": query}) as answer:
            if answer.status == 503:
                return False  # it starts
            said = await answer.json()
    except aiohttp.ClientConnectionError:
        return False
    assert said["status"] == "success", said
    found: list[object] = said["data"]["result"]
    return bool(found) or any(part in query for part in QUIET)


def _config(folder: Path, ports: dict[str, int]) -> Path:
    """Ours, with addresses in place of Docker's names, and scrapes every second."""
    targets = "".join(
        f"      - {{targets: ['127.0.0.1:{port}'], labels: {{service: {name}}}}}\n"
        for name, port in ports.items()
    )
    text = (
        CONFIG.read_text().partition("    dns_sd_configs:")[0] + "    static_configs:\n" + targets
    )
    config = folder / "prometheus.yml"
    config.write_text(text.replace(": 10s", ": 1s").replace("alerts.yml", str(ALERTS)))
    return config
