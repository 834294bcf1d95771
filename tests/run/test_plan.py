"""What `python -m services` starts, depending on the settings."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator, Mapping

import pytest

from services.run import plan, ports, redis_binary
from services.run.child_process import ProcessSpec
from services.run.demo_settings import DEMO_USER_ID, DEMO_USER_IDS
from shared.config import ConfigError
from simulator import DEFAULT_CLIENT_SECRET
from simulator.__main__ import parse
from simulator.oauth_requests import redirect_uris
from simulator.oauth_routes import AUTHORIZE_PATH
from simulator.options import Options
from simulator.people import FIRST_GUILDS, population
from testing.free_port import free_port

ANY_PORTS = {"API_PORT": "0", "WS_PORT": "0", "CARDS_PORT": "0"}
ENDPOINTS = '[{"url": "https://example.org", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}]'
REAL_TOKEN = "OTcwMTEyMzE2MjExMjAwMDA4.not-a-real.token"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is in use."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def services(made: plan.Plan) -> Mapping[str, ProcessSpec]:
    return {spec.name: spec for spec in made.services}


def test_without_a_token_discord_is_simulated_for_every_service() -> None:
    """All services get the simulator's address and token; the simulator gets the token."""
    made = plan.make_plan({**ANY_PORTS, "GUILD_IDS": "123456789012345678", "DISCORD_TOKEN": " "})
    assert made.simulator is not None
    assert made.token in made.simulator.arguments
    for command in made.services:
        assert command.env["DISCORD_TOKEN"] == made.token
        assert command.env["DISCORD_API_URL"] == f"{made.simulator_url}/api/v10"
        assert command.env["DISCORD_CDN_URL"] == f"{made.simulator_url}/cdn"
        assert command.env["PROFILE_SOURCE"] == "upstream"
        assert command.env["PROFILE_UPSTREAM_URL"] == made.simulator_url + "/profiles/{user_id}"
        assert command.env["GUILD_IDS"] == "all"
        assert command.env["PUBLIC_WS_URL"] == made.ws_url


@pytest.mark.parametrize(
    ("api_host", "host", "url"),
    [
        ("127.0.0.1", "127.0.0.1", "http://127.0.0.1"),
        ("localhost", "127.0.0.1", "http://127.0.0.1"),
        ("0.0.0.0", "0.0.0.0", "http://127.0.0.1"),
    ],
)
def test_simulated_images_are_where_the_page_is(api_host: str, host: str, url: str) -> None:
    """Browsers that load the page from this machine load its images from there; nothing else."""
    made = plan.make_plan({**ANY_PORTS, "API_HOST": api_host})
    assert made.simulator is not None
    arguments = made.simulator.arguments
    assert arguments[arguments.index("--host") + 1] == host
    assert ("--remote-images-only" in arguments) == (host == "0.0.0.0")
    assert made.simulator_url.rpartition(":")[0] == url


def test_people_sign_in_at_the_simulator() -> None:
    """It sends browsers back to this api, by each name of this machine, and knows the secret."""
    made = plan.make_plan(ANY_PORTS)
    assert made.simulator is not None
    options = parse(made.simulator.arguments[3:])
    port = made.api_url.rpartition(":")[2]
    assert redirect_uris(options) == tuple(
        f"http://{host}:{port}/auth/callback" for host in ("127.0.0.1", "localhost", "[::1]")
    )
    env = services(made)["api"].env
    assert env["DISCORD_CLIENT_SECRET"] == options.client_secret == DEFAULT_CLIENT_SECRET
    assert env["DISCORD_AUTHORIZE_URL"] == f"{made.simulator_url}{AUTHORIZE_PATH}"
    assert env["JOIN_GUILD_ID"] == FIRST_GUILDS[0]
    assert options.newcomers == 2
    assert options.keeps_history == str(DEMO_USER_ID)
    assert options.event_webhooks_url == f"{made.api_url}/webhooks/discord"


def test_people_come_back_to_the_public_address() -> None:
    """If there is one, it alone."""
    made = plan.make_plan({**ANY_PORTS, "PUBLIC_URL": "https://presence.example.org/grux/"})
    assert made.simulator is not None
    assert redirect_uris(parse(made.simulator.arguments[3:])) == (
        "https://presence.example.org/grux/auth/callback",
    )


def test_the_simulated_token_names_the_bot_and_differs_each_time() -> None:
    """A bot token begins with the bot's id in base64; the rest cannot be guessed."""
    first, second = plan.make_plan(ANY_PORTS).token, plan.make_plan(ANY_PORTS).token
    name = first.split(".")[0]
    assert base64.b64decode(name + "=" * (-len(name) % 4)) == str(plan.SIMULATED_BOT_ID).encode()
    assert first != second


def test_the_start_page_offers_simulated_users() -> None:
    """The simulator has them from the start; EXAMPLE_USERS in the settings wins."""
    people, _ = population(Options().members, Options().guilds, Options().seed, 0)
    wanted = ",".join(map(str, DEMO_USER_IDS))
    assert set(wanted.split(",")) <= {person.user.id for person in people}
    assert services(plan.make_plan(ANY_PORTS))["api"].env["EXAMPLE_USERS"] == wanted
    made = plan.make_plan({**ANY_PORTS, "EXAMPLE_USERS": "1274150219482660897"})
    assert "EXAMPLE_USERS" not in services(made)["api"].env


def test_an_explicit_profile_source_is_kept() -> None:
    """PROFILE_SOURCE in the settings wins over the simulator's."""
    made = plan.make_plan({**ANY_PORTS, "PROFILE_SOURCE": "off"})
    assert all("PROFILE_SOURCE" not in command.env for command in made.services)


def test_with_a_token_nothing_is_simulated() -> None:
    """The services connect to Discord with the token from their own environment."""
    made = plan.make_plan({**ANY_PORTS, "DISCORD_TOKEN": REAL_TOKEN})
    assert made.simulator is None
    assert made.token == REAL_TOKEN
    assert all("DISCORD_API_URL" not in command.env for command in made.services)


def test_redis_url_is_used() -> None:
    """If REDIS_URL is set, no Redis is started."""
    made = plan.make_plan({**ANY_PORTS, "REDIS_URL": "redis://redis.example.org:6380/1"})
    assert made.redis is None
    assert made.redis_url == "redis://redis.example.org:6380/1"


def test_a_redis_that_runs_already_is_left_alone(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the default port is taken, the new Redis uses another one."""
    monkeypatch.setattr(plan, "REDIS_PORT", taken)
    made = plan.make_plan(ANY_PORTS)
    assert made.redis is not None
    assert str(taken) not in made.redis.arguments
    assert made.redis_url in {command.env["REDIS_URL"] for command in made.services}


def test_without_a_redis_server_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """No REDIS_URL and no redis-server on this machine: the text names both solutions."""
    monkeypatch.setattr(redis_binary, "find", lambda: None)
    with pytest.raises(plan.NoRedisServer, match="REDIS_URL"):
        plan.make_plan(ANY_PORTS)


@pytest.mark.parametrize("setting", ["API_PORT", "WS_PORT", "CARDS_PORT", "METRICS_PORT"])
def test_a_taken_port_is_named(taken: int, setting: str) -> None:
    """The text names the port, and the setting to change."""
    with pytest.raises(ports.PortUnusable, match=rf"{setting} {taken} is in use .* set {setting}"):
        plan.make_plan({**ANY_PORTS, setting: str(taken)})


def test_two_services_on_one_port_are_refused() -> None:
    """The same port for two services is an error before either starts."""
    port = str(free_port())
    with pytest.raises(ports.PortUnusable, match="API_PORT and WS_PORT are both"):
        plan.make_plan({**ANY_PORTS, "API_PORT": port, "WS_PORT": port})
    with pytest.raises(ports.PortUnusable, match="API_PORT and CARDS_PORT are both"):
        plan.make_plan({**ANY_PORTS, "API_PORT": port, "CARDS_PORT": port})


def test_free_ports_differ() -> None:
    """The system gives a port on which nothing listens yet again: here, several times."""
    given: set[int] = set()
    for _ in range(500):
        given.add(ports.any_free(reserved=given))
    assert len(given) == 500
    assert ports.free(port := free_port(), reserved=()) == port
    assert ports.free(port, reserved={port}) != port


def test_a_host_of_another_machine_is_named() -> None:
    """A server cannot listen on an address that this machine does not have (TEST-NET-1)."""
    with pytest.raises(ports.PortUnusable, match="API_HOST"):
        plan.make_plan({**ANY_PORTS, "API_HOST": "192.0.2.1"})


def test_every_setting_is_read_before_anything_starts() -> None:
    """The runner already rejects a bad setting that only one service reads."""
    with pytest.raises(ConfigError, match="GUILD_IDS"):
        plan.make_plan({**ANY_PORTS, "DISCORD_TOKEN": REAL_TOKEN, "GUILD_IDS": "my server"})


def test_metrics_ports_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """METRICS_PORT is the gateway's; api, ws and cards use the next ones."""
    monkeypatch.setattr(ports, "check", lambda *_: None)
    made = plan.make_plan({"METRICS_PORT": "9100"})
    found = {name: command.env["METRICS_PORT"] for name, command in services(made).items()}
    assert found == {"gateway": "9100", "api": "9101", "ws": "9102", "cards": "9103"}
    assert all("METRICS_HOST" not in command.env for command in made.services)


def test_webhooks_are_started_where_there_are_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the metrics port after the others."""
    monkeypatch.setattr(ports, "check", lambda *_: None)
    assert "webhooks" not in services(plan.make_plan({**ANY_PORTS, "WEBHOOKS": " "}))
    made = plan.make_plan({"METRICS_PORT": "9100", "WEBHOOKS": ENDPOINTS})
    assert services(made)["webhooks"].arguments[1:] == ("-m", "services.webhooks")
    assert services(made)["webhooks"].env["METRICS_PORT"] == "9104"
    assert services(made)["webhooks"].env["REDIS_URL"] == made.redis_url
    with pytest.raises(ConfigError, match="WEBHOOKS must be a JSON list"):
        plan.make_plan({**ANY_PORTS, "WEBHOOKS": "https://example.org"})


def test_metrics_are_on_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the default ports, for this machine alone."""
    monkeypatch.setattr(ports, "check", lambda *_: None)
    made = plan.make_plan(ANY_PORTS)
    found = {name: command.env["METRICS_PORT"] for name, command in services(made).items()}
    assert found == {"gateway": "9100", "api": "9101", "ws": "9102", "cards": "9103"}
    assert all("METRICS_HOST" not in command.env for command in made.services)
    assert made.metrics_url == "http://127.0.0.1:9100"


def test_metrics_avoid_ports_in_use(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the default ports is taken: all four are others, or there are none."""
    monkeypatch.setattr(plan, "METRICS_PORT", taken - 1)
    monkeypatch.setattr(ports, "RANGE_PORTS", 12)
    made = plan.make_plan(ANY_PORTS)
    found = {int(command.env["METRICS_PORT"]) for command in made.services}
    assert found == {0} or min(found) in (taken + 3, taken + 7)


def test_metrics_avoid_the_ports_of_api_ws_and_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those are set explicitly; nothing listens there yet."""
    monkeypatch.setattr(ports, "check", lambda *_: None)
    made = plan.make_plan({"API_PORT": "9101", "WS_PORT": "9106", "CARDS_PORT": "9111"})
    found = {name: command.env["METRICS_PORT"] for name, command in services(made).items()}
    assert found == {"gateway": "9112", "api": "9113", "ws": "9114", "cards": "9115"}


def test_no_metrics_without_free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor if METRICS_PORT is 0. Everything else runs."""
    monkeypatch.setattr(ports, "RANGE_PORTS", 0)
    for settings in (ANY_PORTS, {**ANY_PORTS, "METRICS_PORT": "0"}):
        made = plan.make_plan(settings)
        assert made.metrics_url == ""
        assert {command.env.get("METRICS_PORT", "0") for command in made.services} == {"0"}


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("localhost", "localhost")]
)
def test_the_addresses_work_on_this_machine(host: str, shown: str) -> None:
    """For a server that listens on all addresses, the URL has one that a client can connect to."""
    try:
        made = plan.make_plan({**ANY_PORTS, "API_HOST": host})
    except ports.PortUnusable:
        pytest.skip(f"this machine has no {host}")
    port = services(made)["api"].env["API_PORT"]
    assert made.api_url == f"http://{shown}:{port}"


def test_the_api_passes_websockets_on() -> None:
    """One address serves REST and WebSockets. ws counts visitors by what the api says of them."""
    made = plan.make_plan(ANY_PORTS)
    env = services(made)["ws"].env
    assert services(made)["api"].env["WS_URL"] == made.ws_url
    assert made.ws_url == f"ws://127.0.0.1:{env['WS_PORT']}"
    assert env["TRUSTED_PROXIES"].split() == ["127.0.0.1", "::1"]
    made = plan.make_plan({**ANY_PORTS, "WS_URL": "ws://ws.internal:8001"})
    assert "WS_URL" not in services(made)["api"].env


def test_the_api_forwards_to_cards() -> None:
    """No proxy in front routes /card/ and /badge/. The api's X-Forwarded-For counts at cards."""
    made = plan.make_plan({**ANY_PORTS, "TRUSTED_PROXIES": "10.0.0.0/8"})
    env = services(made)["cards"].env
    assert services(made)["api"].env["CARDS_URL"] == made.cards_url
    assert made.cards_url == f"http://127.0.0.1:{env['CARDS_PORT']}"
    assert env["TRUSTED_PROXIES"].split() == ["10.0.0.0/8", "127.0.0.1", "::1"]
    assert "TRUSTED_PROXIES" not in services(made)["api"].env
    made = plan.make_plan({**ANY_PORTS, "CARDS_URL": "http://cards.internal:8002"})
    assert "CARDS_URL" not in services(made)["api"].env
