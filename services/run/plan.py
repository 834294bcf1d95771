"""From the settings to what will be started: decided in full before anything starts."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping

from msgspec import Struct

from services.run import ports, redis_binary
from services.run.child import Command
from services.run.demo_settings import simulated
from shared import config
from shared.discord import bot_token

SIMULATED_BOT = 970112316211200008
REDIS_PORT = 6379
SIMULATOR_PORT = 8100
METRICS_PORT = 9100
REDIS_FOLDER = ".run"
SERVICES = ("gateway", "api", "ws", "cards")  # in the order of their metrics ports


class Plan(Struct, frozen=True, kw_only=True):
    """What to start, from the bottom up, and where it will be found."""

    redis: Command | None  # None: the one at REDIS_URL is used
    redis_url: str
    simulator: Command | None  # None: Discord itself is used
    simulator_url: str
    services: tuple[Command, ...]
    api_url: str
    ws_url: str
    cards_url: str
    metrics_url: str  # the gateway's; "": there are none
    token: str


class NoRedisServer(Exception):
    """Raised when a Redis has to be started and there is none on this machine."""


def make(env: Mapping[str, str]) -> Plan:
    """Raises config.ConfigError, ports.PortUnusable and NoRedisServer."""
    changes: dict[str, str] = {}
    redis = None if _given(env, "REDIS_URL") else _redis(changes)
    simulator = None if _given(env, "DISCORD_TOKEN") else _simulator(env, changes)
    api, ws, cards = _addresses({**env, **changes}, changes)
    if not _given(env, "METRICS_PORT"):
        _choose_metrics_ports(env, changes)
    if not _given(env, "PUBLIC_WS_URL"):
        changes["PUBLIC_WS_URL"] = f"ws://{ws}"  # api's start page tells it
    if not _given(env, "CARDS_URL"):
        changes["CARDS_URL"] = f"http://{cards}"  # no proxy in front routes /card/ and /badge/
    if not _given(env, "DRAIN_SECONDS"):
        changes["DRAIN_SECONDS"] = "0"  # no load balancer has to notice
    env = {**env, **changes}
    settings = config.from_env(config.GatewaySettings, env)
    return Plan(
        redis=redis,
        redis_url=settings.redis_url,
        simulator=simulator,
        simulator_url=settings.discord_api_url.removesuffix("/api/v10"),
        services=tuple(
            Command(
                name,
                _module(f"services.{name}"),
                {**changes, **_metrics(settings, place), **_proxies(name, env)},
            )
            for place, name in enumerate(SERVICES)
        ),
        api_url=f"http://{api}",
        ws_url=f"ws://{ws}",
        cards_url=f"http://{cards}",
        metrics_url=_metrics_url(settings),
        token=settings.discord_token,
    )


def _given(env: Mapping[str, str], name: str) -> bool:
    return bool(env.get(name, "").strip())


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _redis(changes: dict[str, str]) -> Command:
    """A Redis of our own, that keeps nothing: presence is rebuilt from Discord."""
    binary = redis_binary.find()
    if binary is None:
        raise NoRedisServer(redis_binary.NONE_FOUND)
    port = ports.free(REDIS_PORT)
    changes["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    return Command(
        "redis",
        (
            binary,
            *("--bind", "127.0.0.1", "--port", str(port)),
            *("--save", "", "--appendonly", "no", "--dir", REDIS_FOLDER),
        ),
        shown=False,
    )


def _simulator(env: Mapping[str, str], changes: dict[str, str]) -> Command:
    """A Discord of our own."""
    port = ports.free(SIMULATOR_PORT)
    url = f"http://127.0.0.1:{port}"
    token = _simulated_token()
    changes |= simulated(env, url, token)
    arguments = _module("simulator", "--port", str(port), "--token", token)
    return Command("simulator", arguments, shown=False)  # what it says is for other bots


def _simulated_token() -> str:
    """In the shape of Discord's: the bot's id in base64, and two parts that nobody can guess."""
    first = bot_token.first_part(SIMULATED_BOT)
    return f"{first}.{secrets.token_urlsafe(4)}.{secrets.token_urlsafe(28)}"


def _addresses(env: Mapping[str, str], changes: dict[str, str]) -> tuple[str, str, str]:
    """Where api, ws and cards will answer, as host:port. A port of 0 becomes one that is free."""
    api = config.from_env(config.ApiSettings, env)
    ws = config.from_env(config.WsSettings, env)
    cards = config.from_env(config.CardsSettings, env)
    found: dict[str, str] = {}  # setting, by address
    for setting, host, wanted in (
        ("API_PORT", api.api_host, api.api_port),
        ("WS_PORT", ws.ws_host, ws.ws_port),
        ("CARDS_PORT", cards.cards_host, cards.cards_port),
    ):
        port = wanted or ports.any_free()
        changes[setting] = str(port)
        ports.check(host, port, setting)
        address = f"{_reachable(host)}:{port}"
        if address in found:
            raise ports.PortUnusable(f"{found[address]} and {setting} are both {port}: change one")
        found[address] = setting
    for place in range(len(SERVICES) if api.metrics_port else 0):
        ports.check(api.metrics_host, api.metrics_port + place, "METRICS_PORT")
    first, second, third = found
    return first, second, third


def _proxies(name: str, env: Mapping[str, str]) -> dict[str, str]:
    """The api on this machine is a proxy in front of cards: its X-Forwarded-For counts there."""
    if name != "cards":
        return {}
    return {"TRUSTED_PROXIES": f"{env.get('TRUSTED_PROXIES', '')} 127.0.0.1 ::1".strip()}


def _reachable(host: str) -> str:
    """How a program on this machine spells a host that a server listens on."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not listened on)
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _choose_metrics_ports(env: Mapping[str, str], changes: dict[str, str]) -> None:
    """The usual ones, or others near them: nobody has asked for any, so none is missed."""
    if not _given(env, "METRICS_HOST"):
        changes["METRICS_HOST"] = "127.0.0.1"  # what was not asked for is for this machine alone
    host = config.from_env(config.Settings, {**env, **changes}).metrics_host
    promised = {int(changes[name]) for name in ("API_PORT", "WS_PORT", "CARDS_PORT")}
    changes["METRICS_PORT"] = str(ports.row(host, METRICS_PORT, len(SERVICES), but=promised))


def _metrics_url(settings: config.Settings) -> str:
    place = f"{_reachable(settings.metrics_host)}:{settings.metrics_port}"
    return f"http://{place}" if settings.metrics_port else ""


def _metrics(settings: config.Settings, place: int) -> dict[str, str]:
    """Processes cannot share a port: they take METRICS_PORT and the ones after it."""
    return {"METRICS_PORT": str(settings.metrics_port + place)} if settings.metrics_port else {}
