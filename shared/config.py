"""Settings: one typed struct per process, read from the environment once, validated before use."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints
from urllib.parse import SplitResult, parse_qs, parse_qsl, unquote, urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta, Struct

from shared.net.client_address import Networks, networks
from shared.redis import url

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]

Limit = Annotated[int, Meta(ge=0, le=10_000_000)]
"""0: no limit."""

SECRETS = frozenset({"discord_token", "redis_url", "profile_upstream_url"})
"""Settings whose value never stands in a message: they are, or may carry, a password."""

SHORTEST_SECRET = 4  # characters: to blot out every "a" would hide a log from its reader


class ConfigError(Exception):
    """Raised when a setting cannot be used; the text names the setting and says what it takes."""


class Settings(Struct, frozen=True, kw_only=True):
    """What every process reads. Field names are the variables' names in lower case."""

    discord_token: str = ""
    discord_api_url: str = "https://discord.com/api/v10"
    discord_cdn_url: str = "https://cdn.discordapp.com"
    redis_url: str = "redis://localhost:6379/0"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    metrics_host: str = "0.0.0.0"  # noqa: S104 (a scraper is elsewhere)
    metrics_port: Port = 0


class ProfileSettings(Settings, frozen=True, kw_only=True):
    """What the two processes read that show a whole profile."""

    profile_ttl: Seconds = 300
    profile_source: Literal["discord", "upstream", "off"] = "discord"
    profile_upstream_url: str = ""

    def __post_init__(self) -> None:
        if self.profile_source == "upstream" and "{user_id}" not in self.profile_upstream_url:
            raise ConfigError(
                "PROFILE_UPSTREAM_URL must be set when PROFILE_SOURCE is 'upstream': "
                "a URL with {user_id} in it, such as https://profiles.example.org/{user_id}"
            )


class FrontSettings(ProfileSettings, frozen=True, kw_only=True):
    """What the two processes read that anybody may reach."""

    trusted_proxies: str = ""
    drain_seconds: Annotated[int, Meta(ge=0, le=60)] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.proxies()

    def proxies(self) -> Networks:
        """Those whose X-Forwarded-For is believed."""
        try:
            return networks(self.trusted_proxies)
        except ValueError as error:
            raise ConfigError(
                "TRUSTED_PROXIES takes addresses and networks separated by commas, such as "
                f"10.0.0.0/8,192.168.0.7: {error}"
            ) from None


class GatewaySettings(Settings, frozen=True, kw_only=True):
    """Settings of services/gateway."""

    guild_ids: str = ""
    shard_count: Annotated[int, Meta(ge=0, le=16_000)] = 0
    shard_ids: str = ""

    def __post_init__(self) -> None:
        self.guilds()
        if self.shard_ids and not self.shard_count:
            raise ConfigError(
                "SHARD_COUNT must be set when SHARD_IDS is: every gateway process has to agree "
                "on how many shards there are"
            )
        for shard in self.shards() or ():
            if shard >= self.shard_count:
                raise ConfigError(
                    f"SHARD_IDS must be below SHARD_COUNT ({self.shard_count}), got {shard}"
                )

    def guilds(self) -> frozenset[int]:
        """The ids in GUILD_IDS; empty means every guild the bot is in."""
        return frozenset(_numbers("GUILD_IDS", self.guild_ids))

    def shards(self) -> list[int] | None:
        """The shards this process runs, or None for all of them. `0-3,7` means 0, 1, 2, 3, 7."""
        if not self.shard_ids:
            return None
        shards: set[int] = set()
        for part in self.shard_ids.split(","):
            first, dash, last = part.strip().partition("-")
            ends = _numbers("SHARD_IDS", f"{first},{last}" if dash else first)
            shards.update(range(ends[0], ends[-1] + 1))
        return sorted(shards)


class ApiSettings(FrontSettings, frozen=True, kw_only=True):
    """Settings of services/api."""

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    api_requests_per_minute: Limit = 1200
    discord_cdn_fetch_url: str = ""
    api_connections_per_address: Limit = 200
    api_max_connections: Limit = 0
    public_url: str = ""
    public_ws_url: str = ""
    discord_invite: str = ""
    example_users: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.examples()

    def examples(self) -> tuple[int, ...]:
        """The people whom the start page offers to look at."""
        return tuple(_numbers("EXAMPLE_USERS", self.example_users))


class WsSettings(FrontSettings, frozen=True, kw_only=True):
    """Settings of services/ws."""

    ws_host: str = "127.0.0.1"
    ws_port: Port = 8001
    ws_connections_per_address: Limit = 500
    ws_max_connections: Limit = 0
    ws_messages_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 120


Config = TypeVar("Config", bound=Settings)

URLS = {
    "discord_api_url": ("http", "https"),
    "discord_cdn_url": ("http", "https"),
    "discord_cdn_fetch_url": ("http", "https"),
    "profile_upstream_url": ("http", "https"),
    "public_url": ("http", "https"),
    "public_ws_url": ("ws", "wss"),
    "discord_invite": ("http", "https"),
    "redis_url": url.SCHEMES,
}


def environment() -> dict[str, str]:
    """The process's environment over the `.env` file of the working directory."""
    dotenv = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return {**dotenv, **os.environ}


def from_env(kind: type[Config], env: Mapping[str, str]) -> Config:
    """Read `kind` from `env`. An empty variable counts as unset. Raises ConfigError."""
    given = {
        field.name: env[field.name.upper()].strip()
        for field in msgspec.structs.fields(kind)
        if env.get(field.name.upper(), "").strip()
    }
    for name, value in given.items():
        _check_url(name, value)
        given[name] = value.rstrip("/") if name in URLS else value
    if "log_level" in given:
        given["log_level"] = given["log_level"].upper()
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(_in_plain_words(error, kind, given)) from None


def in_words(settings: Settings) -> str:
    """The settings that are not the defaults, for the log: no secrets."""
    changed = []
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        if value != field.default:
            changed.append(f"{field.name.upper()}={_harmless(field.name, value)}")
    return " ".join(changed) or "all settings are the defaults"


def secrets_in(settings: Settings) -> list[str]:
    """What must never be printed: token, passwords, and URLs that may carry one."""
    found = [settings.discord_token, getattr(settings, "profile_upstream_url", "")]
    parts = urlsplit(settings.redis_url)
    of_query = [value for name, value in parse_qsl(parts.query) if name.endswith("password")]
    for password in (parts.password or "", unquote(parts.password or ""), *of_query):
        if len(password) >= SHORTEST_SECRET:
            found.append(password)
    return [secret for secret in found if secret]


def _harmless(name: str, value: object) -> object:
    if name == "redis_url":  # its query, too, may hold a password
        parts = urlsplit(str(value))
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{'***@' if '@' in parts.netloc else ''}{host}{parts.path}"
    return "***" if name in SECRETS else value


def _check_url(name: str, value: str) -> None:
    schemes = URLS.get(name)
    if schemes is None:
        return
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and (bool(parts.hostname) or parts.scheme == "unix")
    except ValueError:
        usable = False
    if not usable:
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ConfigError(f"{name.upper()} must be a URL that starts with {wanted}")
    if name == "redis_url":
        _check_options(parts)
        try:
            url.parse(value)
        except ValueError as error:
            raise ConfigError(f"REDIS_URL cannot be used: {error}") from None


def _check_options(parts: SplitResult) -> None:
    for option in parse_qs(parts.query, keep_blank_values=True):
        if option not in url.OPTIONS:
            raise ConfigError(
                f"REDIS_URL takes no {option!r} behind its ?. What it takes: "
                f"{', '.join(sorted(url.OPTIONS))}"
            )
        if option.startswith("ssl_") and not parts.scheme.startswith("rediss"):
            raise ConfigError(f"REDIS_URL must start with rediss when it has {option}")


def _in_plain_words(
    error: msgspec.ValidationError, kind: type[Settings], given: Mapping[str, Any]
) -> str:
    what, _, path = str(error).partition(" - at `$.")
    name = path.rstrip("`")
    if not name:  # raised by a __post_init__: its text is a sentence already
        return what
    choices = get_args(get_type_hints(kind)[name])
    if choices:
        takes = f"one of {', '.join(choices)}"
    else:
        bound = what.partition(", got ")[0].removeprefix("Expected `int`")
        takes = f"a whole number{bound.replace(' <=', ', up to').replace(' >=', ', from')}"
    shown = "" if name in SECRETS else f", got {given.get(name)!r}"
    return f"{name.upper()} takes {takes}{shown}"


def _numbers(name: str, text: str) -> list[int]:
    parts = [part for part in re.split(r"[,\s]+", text) if part]
    for part in parts:
        if not re.fullmatch(r"[0-9]{1,20}", part):
            raise ConfigError(f"{name} must be numbers separated by commas, got {part!r}")
    return [int(part) for part in parts]
