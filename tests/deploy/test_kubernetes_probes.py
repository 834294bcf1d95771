"""The manifests' probes, sent to the real processes."""

from __future__ import annotations

import aiohttp

from testing.eventually import eventually_async
from testing.free_port import free_port
from tests.deploy.manifests import Manifest, container, port, workloads
from tests.e2e.stack import running

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


async def test_every_probe_is_answered(example: list[Manifest]) -> None:
    """A healthy process responds with 200 to every path and port that is probed."""
    async with running(services=()) as stack, aiohttp.ClientSession() as http:
        for name in ("gateway", "api", "ws", "cards"):
            workload = workloads(example)[name]
            metrics = free_port()
            await stack.start(name, METRICS_PORT=str(metrics))
            ports = {"api": stack.api_port, "cards": stack.cards_port}
            real = {"metrics": metrics, "http": ports.get(name, stack.ws_port)}
            for probe in PROBES:
                asked = container(workload)[probe]["httpGet"]
                assert port(workload, asked["port"])  # it is open
                url = f"http://127.0.0.1:{real[asked['port']]}{asked['path']}"

                async def well(url: str = url) -> bool:
                    try:
                        async with http.get(url) as answer:
                            return answer.status == 200
                    except aiohttp.ClientConnectionError:
                        return False

                await eventually_async(well)
