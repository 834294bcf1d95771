"""What `python -m services` will start, decided from the settings before anything starts."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from services.run import durable_server, ports, redis_binary
from services.run.child_process import ProcessSpec
from services.run.demo_settings import DEMO_USER_ID, demo_settings
from services.run.durable_server import RUN_FOLDER
from shared import config
from shared.discord import bot_token
from shared.net.loopback import is_loopback

SIMULATED_BOT_ID: Final = 970112316211200008
REDIS_PORT: Final = 6379
DURABLE_PORT: Final = 6380
SIMULATOR_PORT: Final = 8100
METRICS_PORT: Final = 9100
WEBHOOK_PATH: Final = "/webhooks/discord"
NEWCOMERS: Final = 2  # simulated people who are in no guild yet
LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")  # those a browser here may name
SERVICES: Final = ("gateway", "api", "ws", "cards")  # in the order of their metrics ports
WEBHOOKS: Final = "webhooks"  # the last one, if any endpoint is set


class Plan(Struct, frozen=True, kw_only=True):
    """What to start, in this order, and where it will listen."""

    redis: ProcessSpec | None  # None: REDIS_URL is set
    redis_url: str
    durable: ProcessSpec | None  # None: a setting names one, or another runner has started it
    durable_url: str  # "": the Redis of `redis_url`
    simulator: ProcessSpec | None  # None: DISCORD_TOKEN is set
    simulator_url: str
    services: tuple[ProcessSpec, ...]
    api_url: str
    ws_url: str
    cards_url: str
    metrics_url: str  # of the gateway; "": metrics are off
    token: str


class NoRedisServer(Exception):
    """Raised when a Redis has to be started, and this machine has no redis-server."""


def make_plan(env: Mapping[str, str]) -> Plan:
    """Raises config.ConfigError, ports.PortUnusable and NoRedisServer."""
    config.from_env(config.WebhooksSettings, env)
    changes: dict[str, str] = {}
    used: set[int] = set()  # ports of what will be started: nothing listens on them yet
    redis = None if _is_set(env, "REDIS_URL") else _redis(changes, used)
    chosen = _is_set(env, "REDIS_URL") or _is_set(env, "DURABLE_REDIS_URL")
    durable = None if chosen else _durable(changes, used)
    api, ws, cards = _addresses({**env, **changes}, changes, used)
    simulator = None if _is_set(env, "DISCORD_TOKEN") else _simulator(env, changes, api, used)
    if not _is_set(env, "METRICS_PORT"):
        _choose_metrics_ports(env, changes, used)
    if not _is_set(env, "PUBLIC_WS_URL"):
        # For the page and the widget. Loaded from another machine, they replace a loopback host.
        changes["PUBLIC_WS_URL"] = f"ws://{ws}"
    if not _is_set(env, "CARDS_URL"):
        changes["CARDS_URL"] = f"http://{cards}"  # no proxy in front routes pictures to cards
    if not _is_set(env, "WS_URL"):
        changes["WS_URL"] = f"ws://{ws}"  # so that one address serves REST and WebSockets
    if not _is_set(env, "DRAIN_SECONDS"):
        changes["DRAIN_SECONDS"] = "0"  # no load balancer has to notice
    env = {**env, **changes}
    settings = config.from_env(config.GatewaySettings, env)
    return Plan(
        redis=redis,
        redis_url=settings.redis_url,
        durable=durable,
        durable_url=settings.durable_redis_url,
        simulator=simulator,
        simulator_url=settings.discord_api_url.removesuffix("/api/v10"),
        services=tuple(
            ProcessSpec(
                name,
                _module(f"services.{name}"),
                {
                    **changes,
                    **_metrics_port(settings, index),
                    **_trusted_proxies(name, env),
                    **_public_url(name, env, f"http://{api}"),
                },
            )
            for index, name in enumerate(_services(env))
        ),
        api_url=f"http://{api}",
        ws_url=f"ws://{ws}",
        cards_url=f"http://{cards}",
        metrics_url=_metrics_url(settings),
        token=settings.discord_token,
    )


def _services(env: Mapping[str, str]) -> tuple[str, ...]:
    return (*SERVICES, WEBHOOKS) if _is_set(env, "WEBHOOKS") else SERVICES


def _is_set(env: Mapping[str, str], name: str) -> bool:
    return bool(env.get(name, "").strip())


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _redis(changes: dict[str, str], used: set[int]) -> ProcessSpec:
    """A Redis without persistence: the gateway rebuilds all presences from Discord."""
    binary = redis_binary.find()
    if binary is None:
        raise NoRedisServer(redis_binary.none_found())
    port = ports.free(REDIS_PORT, reserved=used)
    used.add(port)
    changes["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    return _redis_server("redis", binary, port, "--appendonly", "no", "--dir", RUN_FOLDER)


def _durable(changes: dict[str, str], used: set[int]) -> ProcessSpec | None:
    """A Redis that keeps what users write, which nothing can rebuild, in `.run/`."""
    running = durable_server.find()  # two servers must not write one file
    if running is not None:
        changes["DURABLE_REDIS_URL"] = running
        return None
    binary = redis_binary.find()
    if binary is None:
        raise NoRedisServer(redis_binary.none_found())
    port = ports.free(DURABLE_PORT, reserved=used)
    used.add(port)
    changes["DURABLE_REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    options = ("--appendonly", "yes", "--appendfsync", "everysec", "--dir", durable_server.FOLDER)
    return _redis_server("durable", binary, port, *options)


def _redis_server(name: str, binary: str, port: int, *options: str) -> ProcessSpec:
    address = ("--bind", "127.0.0.1", "--port", str(port))
    return ProcessSpec(name, (binary, *address, "--save", "", *options), show_output=False)


def _simulator(
    env: Mapping[str, str], changes: dict[str, str], api: str, used: set[int]
) -> ProcessSpec:
    """A simulated Discord, which knows the host:port of `api` as the real one's portal does."""
    port = ports.free(SIMULATOR_PORT, reserved=used)
    used.add(port)
    host = _simulator_host(config.from_env(config.ApiSettings, {**env, **changes}).api_host)
    url = f"http://{_connect_host(host)}:{port}"
    token = _simulated_token()
    changes |= demo_settings(env, url, token)
    arguments = (
        *_module("simulator", "--host", host, "--port", str(port), "--token", token),
        *("--newcomers", str(NEWCOMERS), "--redirect-uris", _redirect_uris({**env, **changes})),
        *("--event-webhooks-url", f"http://{api}{WEBHOOK_PATH}"),
        *("--keeps-history", str(DEMO_USER_ID)),
    )
    if not is_loopback(host):
        arguments = (*arguments, "--remote-images-only")
    # It prints how to connect a bot to it, which the services here do already.
    return ProcessSpec("simulator", arguments, show_output=False)


def _redirect_uris(env: Mapping[str, str]) -> str:
    """Where the consent page may send browsers back to: wherever people can sign in."""
    settings = config.from_env(config.ApiSettings, env)
    here = [f"http://{host}:{settings.api_port}" for host in LOOPBACK_HOSTS]
    sites = [settings.public_url] if settings.public_url else here
    return ",".join(f"{site}/auth/callback" for site in sites)


def _simulator_host(api_host: str) -> str:
    """Browsers on other machines load images from the simulator if they can load the page."""
    if is_loopback(api_host):
        return "127.0.0.1"
    return "::" if ":" in api_host else "0.0.0.0"  # noqa: S104


def _simulated_token() -> str:
    """A token in Discord's format: the bot's id in base64, and two random parts."""
    first = bot_token.first_part(SIMULATED_BOT_ID)
    return f"{first}.{secrets.token_urlsafe(4)}.{secrets.token_urlsafe(28)}"


def _addresses(
    env: Mapping[str, str], changes: dict[str, str], used: set[int]
) -> tuple[str, str, str]:
    """The host:port of api, ws and cards. A port of 0 becomes a free one."""
    api = config.from_env(config.ApiSettings, env)
    ws = config.from_env(config.WsSettings, env)
    cards = config.from_env(config.CardsSettings, env)
    settings_by_address: dict[str, str] = {}
    reserved = {api.api_port, ws.ws_port, cards.cards_port}
    for setting, host, wanted in (
        ("API_PORT", api.api_host, api.api_port),
        ("WS_PORT", ws.ws_host, ws.ws_port),
        ("CARDS_PORT", cards.cards_host, cards.cards_port),
    ):
        port = wanted or ports.any_free(reserved=used | reserved)
        changes[setting] = str(port)
        ports.check(host, port, setting)
        address = f"{_connect_host(host)}:{port}"
        other = settings_by_address.get(address)
        if other is not None:
            raise ports.PortUnusable(f"{other} and {setting} are both {port}: change one of them")
        settings_by_address[address] = setting
        used.add(port)
    for index in range(len(_services(env)) if api.metrics_port else 0):
        ports.check(api.metrics_host, api.metrics_port + index, "METRICS_PORT")
    api_address, ws_address, cards_address = settings_by_address
    return api_address, ws_address, cards_address


def _trusted_proxies(name: str, env: Mapping[str, str]) -> dict[str, str]:
    """The api here is a proxy in front of cards and ws, which trust its X-Forwarded-For."""
    if name not in ("cards", "ws"):
        return {}
    return {"TRUSTED_PROXIES": f"{env.get('TRUSTED_PROXIES', '')} 127.0.0.1 ::1".strip()}


def _public_url(name: str, env: Mapping[str, str], here: str) -> dict[str, str]:
    """For the addresses that `/grux links` names. Without it, api and the page use the address at
    which a visitor has found them."""
    return {"PUBLIC_URL": here} if name == "gateway" and not _is_set(env, "PUBLIC_URL") else {}


def _connect_host(host: str) -> str:
    """The host that a client on this machine connects to, for a server that listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not listened on)
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _choose_metrics_ports(env: Mapping[str, str], changes: dict[str, str], used: set[int]) -> None:
    """The default ports or the next free ones; off if there are none: METRICS_PORT is not set."""
    host = config.from_env(config.Settings, {**env, **changes}).metrics_host
    first = ports.free_range(host, METRICS_PORT, len(_services(env)), reserved=used)
    changes["METRICS_PORT"] = str(first)


def _metrics_url(settings: config.Settings) -> str:
    address = f"{_connect_host(settings.metrics_host)}:{settings.metrics_port}"
    return f"http://{address}" if settings.metrics_port else ""


def _metrics_port(settings: config.Settings, index: int) -> dict[str, str]:
    """Processes cannot share a port: they use METRICS_PORT and the ports after it."""
    return {"METRICS_PORT": str(settings.metrics_port + index)} if settings.metrics_port else {}
