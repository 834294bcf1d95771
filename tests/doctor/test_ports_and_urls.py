"""Ports, public URLs and the profile source, with a real api and a real ws."""

from __future__ import annotations

import socket

import pytest

from services.doctor import urls
from shared.redis import gateway_liveness
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from testing.free_port import free_port
from testing.process import Process
from tests.doctor.examination import examined
from tests.e2e.stack import running


async def test_a_running_grux_passes() -> None:
    """Its ports, its URLs and its profile source answer; swapped URLs are failures."""
    async with running(services=("api", "ws", "cards", "gateway")) as stack:
        api, ws = f"127.0.0.1:{stack.api_port}", f"127.0.0.1:{stack.ws_port}"
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
            await eventually_async(lambda: _beats(store))
        said = await examined(
            {
                **stack.env,
                "PUBLIC_URL": f"http://{api}",
                "PUBLIC_WS_URL": f"ws://{ws}",
                "TRUSTED_PROXIES": "127.0.0.1",
                "PROFILE_SOURCE": "upstream",
                "PROFILE_UPSTREAM_URL": f"{stack.simulator.url}/profiles/{{user_id}}",
            }
        )
        await stack.processes.pop("cards").stop()
        without = await examined({**stack.env, "PUBLIC_URL": f"http://{api}"})
        swapped = await examined(
            {**stack.env, "PUBLIC_URL": f"http://{ws}", "PUBLIC_WS_URL": f"ws://{api}"}
        )
    assert said.status == 0
    for words in (
        f"Grux answers on API_PORT {stack.api_port}",
        f"Grux answers on WS_PORT {stack.ws_port}",
        f"Grux answers on CARDS_PORT {stack.cards_port}",
        f"cards and badges are drawn at http://{api}",
        f"the API answers at http://{api}",
        f"WebSockets work at ws://{ws}",
        "the profile source answers",
        "a gateway is connected to Discord; monitored users:",
    ):
        assert said.level(words) == "ok"
    assert without.level("no cards and badges at PUBLIC_URL") == "warning"
    assert swapped.level(f"PUBLIC_WS_URL (ws://{api}) accepts no WebSocket") == "failure"
    assert swapped.level("another server answers at PUBLIC_URL") == "failure"
    assert swapped.level("TRUSTED_PROXIES is not set") == "warning"


async def _beats(store: Store) -> bool:
    return await gateway_liveness.age(store) is not None


async def test_a_port_in_use_is_a_failure(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program listens on one port; the other port is free."""
    monkeypatch.setattr("services.doctor.__main__.REQUEST_TIMEOUT_S", 0.3)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken, free = other.getsockname()[1], free_port()
        ports = {"API_PORT": str(taken), "WS_PORT": str(free), "CARDS_PORT": "0"}
        env = {"REDIS_URL": redis_url, **ports}
        # That program accepts connections but never answers: the doctor must not wait forever.
        said = await examined(env)
    assert said.level(f"API_PORT {taken} is in use by another program") == "failure"
    assert said.level(f"WS_PORT {free} is free") == "ok"


async def test_urls_that_lead_nowhere_are_failures(redis_url: str) -> None:
    """An unknown host name, a port without a listener, and a profile source that is gone."""
    env = {
        "REDIS_URL": redis_url,
        "API_PORT": "0",
        "WS_PORT": "0",
        "CARDS_PORT": "0",
        "PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
        "PUBLIC_WS_URL": "wss://grux.invalid",
        "PROFILE_SOURCE": "upstream",
        "PROFILE_UPSTREAM_URL": f"http://127.0.0.1:{free_port()}/secret/{{user_id}}",
    }
    said = await examined(env)
    assert said.level("PUBLIC_URL (http://127.0.0.1") == "failure"
    assert (
        said.level("the host name in PUBLIC_WS_URL (wss://grux.invalid) is not known") == "failure"
    )
    assert said.level("PROFILE_UPSTREAM_URL cannot be reached") == "failure"
    assert "/secret/" not in said.printed
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await gateway_liveness.heartbeat(store, 1, [0])  # else it would wait for a gateway
    own = await examined(env, in_compose=True)
    assert own.level("PUBLIC_URL leads to this machine only") == "ok"
    assert own.level("api does not answer") == "warning"


async def test_public_urls_without_tls_are_a_warning(redis_url: str) -> None:
    """Browsers block requests to them from https pages."""
    env = {"REDIS_URL": redis_url, "API_PORT": "0", "WS_PORT": "0", "CARDS_PORT": "0"}
    said = await examined({**env, "PUBLIC_URL": "http://grux.invalid"})
    assert said.level("PUBLIC_URL without TLS") == "warning"
    assert said.level("PUBLIC_WS_URL is not set") == "warning"


async def test_an_invalid_setting_is_a_failure(redis_url: str) -> None:
    """It is named once, and the checks that do not need it still run."""
    ports = {"API_PORT": "many", "WS_PORT": "0", "CARDS_PORT": "0"}
    said = await examined({"REDIS_URL": redis_url, **ports})
    assert said.level("API_PORT must be a whole number") == "failure"
    assert said.level("Redis answers") == "ok"
    said = await examined({"REDIS_URL": "http://:hidden@here", "LOG_LEVEL": "loud"})
    assert said.printed.count("failure") >= 1
    assert "hidden" not in said.printed


async def test_the_exit_status_tells_of_failures() -> None:
    """`python -m services doctor` exits with 1 after a failure, and prints no secret."""
    process = await Process.start_module(
        "services",
        "doctor",
        env={
            "DISCORD_TOKEN": "Bot something-secret",
            "REDIS_URL": f"redis://:hush-hush@127.0.0.1:{free_port()}/0",
            "API_PORT": "0",
            "WS_PORT": "0",
            "CARDS_PORT": "0",
        },
    )
    assert await process.ended() == 1
    printed = "\n".join(process.lines)
    assert "starts with the word 'Bot'" in printed
    assert "something-secret" not in printed
    assert "hush-hush" not in printed


@pytest.mark.parametrize(
    ("url", "enabled", "levels"),
    [
        ("https://[2606:4700::1]", False, ["warning"]),
        ("https://[2606:4700::1]", True, ["ok"]),
        ("https://192.0.2.1", False, []),
        ("http://127.0.0.1:8080", False, []),
        ("", False, []),
    ],
)
async def test_ipv6_clients_that_docker_hides_are_reported(
    url: str, enabled: bool, levels: list[str]
) -> None:
    """With an IPv6 address, and without IPv6 at the front door."""
    found = await urls.check_dual_stack(url, enabled=enabled)
    assert [one.level for one in found] == levels
