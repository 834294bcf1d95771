"""Settings: one typed struct for each service, read from the environment and checked at the start.

Field names are the variables' names in lower case. .env.example explains every setting.

Long because every setting of every service is here, in one place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeVar, get_args, get_type_hints
from urllib.parse import SplitResult, parse_qs, urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta, Struct

from shared.discord import snowflake
from shared.masking import REDIS_SETTINGS, SECRET_SETTINGS, masked, secrets_in
from shared.model.history import HISTORY_MAX_DAYS
from shared.model.key_value import KV_MAX_BYTES
from shared.model.user_settings import Consent
from shared.net.client_address import Networks, networks
from shared.redis import url
from shared.webhook_endpoints import Endpoint, parse_endpoints

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]

HistoryDays = Annotated[int, Meta(ge=1, le=HISTORY_MAX_DAYS)]

Limit = Annotated[int, Meta(ge=0, le=10_000_000)]
"""0: no limit."""


ALL_GUILDS: Final = "all"
"""The value of GUILD_IDS that approves every guild, now and later."""


SECRET_KEY_MIN_CHARS: Final = 32
"""Fewer could be guessed: 32 characters of base64 are 192 bits."""


class ConfigError(Exception):
    """Raised when a setting cannot be used. The text names it, and says what to write."""


class Settings(Struct, frozen=True, kw_only=True):
    """What every service reads."""

    discord_token: str = ""
    discord_api_url: str = "https://discord.com/api/v10"
    discord_cdn_url: str = "https://cdn.discordapp.com"
    redis_url: str = "redis://localhost:6379/0"
    durable_redis_url: str = ""
    presence_max_silence: Annotated[int, Meta(ge=60, le=31_536_000)] = 86_400
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    metrics_host: str = "127.0.0.1"  # containers set 0.0.0.0: their scraper is elsewhere
    metrics_port: Port = 0


class ProfileSettings(Settings, frozen=True, kw_only=True):
    """What the services read that show whole profiles."""

    profile_ttl: Seconds = 300
    profile_source: Literal["discord", "upstream", "off"] = "discord"
    profile_upstream_url: str = ""

    def __post_init__(self) -> None:
        if self.profile_source == "upstream" and "{user_id}" not in self.profile_upstream_url:
            raise ConfigError(
                "PROFILE_UPSTREAM_URL must be set when PROFILE_SOURCE is 'upstream': a URL with "
                "{user_id} in it, such as https://profiles.example.org/{user_id}"
            )


class FrontSettings(ProfileSettings, frozen=True, kw_only=True):
    """What the services read that are open to the public."""

    trusted_proxies: str = ""
    drain_seconds: Annotated[int, Meta(ge=0, le=60)] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.proxies()

    def proxies(self) -> Networks:
        """The proxies whose X-Forwarded-For header is trusted."""
        try:
            return networks(self.trusted_proxies)
        except ValueError as error:
            raise ConfigError(
                "TRUSTED_PROXIES must be addresses and networks separated by commas, such as "
                f"10.0.0.0/8,192.168.0.7: {error}"
            ) from None


class GatewaySettings(Settings, frozen=True, kw_only=True):
    """Settings of services/gateway."""

    guild_ids: str = ""
    shard_count: Annotated[int, Meta(ge=0, le=16_000)] = 0
    shard_ids: str = ""
    presence_check_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 300
    consent: Consent = "joining"
    history_days: HistoryDays = HISTORY_MAX_DAYS
    public_url: str = ""

    def __post_init__(self) -> None:
        self.guilds()
        if self.shard_ids and not self.shard_count:
            raise ConfigError(
                "SHARD_COUNT must be set when SHARD_IDS is set: the number of all shards, the same "
                "for every gateway process"
            )
        for shard in self.shards() or ():
            if shard >= self.shard_count:
                raise ConfigError(
                    f"SHARD_IDS must be from 0 to {self.shard_count - 1}, as SHARD_COUNT is "
                    f"{self.shard_count}; got {shard}"
                )

    def guilds(self) -> frozenset[int]:
        """The ids in GUILD_IDS; empty: the guilds that the operator has approved, or all."""
        if self.publishes_all_guilds:
            return frozenset()
        return frozenset(_numbers("GUILD_IDS", self.guild_ids, "or the word all"))

    @property
    def publishes_all_guilds(self) -> bool:
        """Whether every guild is monitored that anybody adds the bot to."""
        return self.guild_ids.lower() == ALL_GUILDS

    def shards(self) -> list[int] | None:
        """The shards of this process, None for all. `0-3,7` means 0, 1, 2, 3, 7."""
        if not self.shard_ids:
            return None
        shards: set[int] = set()
        for part in re.sub(r"\s*-\s*", "-", self.shard_ids).replace(",", " ").split():
            found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part, re.ASCII)
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
            if first > last:
                raise ConfigError(
                    "SHARD_IDS must be numbers of shards and ranges of them, separated by commas, "
                    f"such as 0-3,7; got {part!r}"
                )
            shards.update(range(first, last + 1))
        if not shards:
            raise ConfigError("SHARD_IDS names no shard. Leave it empty for all of them.")
        return sorted(shards)


class ApiSettings(FrontSettings, frozen=True, kw_only=True):
    """Settings of services/api."""

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    api_requests_per_minute: Limit = 1200
    api_connections_per_address: Limit = 200
    api_max_connections: Limit = 0
    cards_url: str = ""
    ws_url: str = ""
    public_url: str = ""
    public_ws_url: str = ""
    discord_invite: str = ""
    consent: Consent = "joining"
    history_days: HistoryDays = HISTORY_MAX_DAYS
    discord_client_secret: str = ""
    discord_authorize_url: str = "https://discord.com/oauth2/authorize"
    secret_key: str = ""
    join_guild_id: str = ""
    example_users: str = ""
    kv_max_bytes: Annotated[int, Meta(ge=1024, le=16_777_216)] = KV_MAX_BYTES
    kv_writes_per_minute: Limit = 600

    def __post_init__(self) -> None:
        super().__post_init__()
        self.examples()
        self.secret_keys()
        self.guild_to_join()

    def secret_keys(self) -> tuple[str, ...]:
        """The parts of SECRET_KEY: the first one encrypts, and each of them decrypts."""
        found = (
            tuple(part.strip() for part in self.secret_key.split(",")) if self.secret_key else ()
        )
        for number, part in enumerate(found, start=1):
            if len(part) < SECRET_KEY_MIN_CHARS:
                raise ConfigError(
                    f"SECRET_KEY must be at least {SECRET_KEY_MIN_CHARS} random characters, or "
                    f"several such keys separated by commas; key {number} of {len(found)} has "
                    f"{len(part)}. This makes one: openssl rand -base64 33"
                )
        return found

    def guild_to_join(self) -> int | None:
        """The guild that people may join when they have signed in; None: there is none."""
        if not self.join_guild_id:
            return None
        if snowflake.parse(self.join_guild_id) is None:
            raise ConfigError(
                "JOIN_GUILD_ID must be one whole number, the id of the server that people join: "
                f"{snowflake.FORM}"
            )
        return int(self.join_guild_id)

    def examples(self) -> tuple[int, ...]:
        """The users that the start page shows as examples."""
        return tuple(_numbers("EXAMPLE_USERS", self.example_users))


class WsSettings(FrontSettings, frozen=True, kw_only=True):
    """Settings of services/ws."""

    ws_host: str = "127.0.0.1"
    ws_port: Port = 8001
    ws_connections_per_address: Limit = 500
    ws_max_connections: Limit = 0
    ws_messages_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 120
    lanyard_subscribe_all: bool = False
    discord_invite: str = ""


class CardsSettings(FrontSettings, frozen=True, kw_only=True):
    """Settings of services/cards."""

    cards_host: str = "127.0.0.1"
    cards_port: Port = 8002
    cards_requests_per_minute: Limit = 1200
    cards_connections_per_address: Limit = 200
    cards_max_connections: Limit = 0
    discord_cdn_fetch_url: str = ""
    discord_invite: str = ""


class WebhooksSettings(Settings, frozen=True, kw_only=True):
    """Settings of services/webhooks."""

    webhooks: str = ""

    def __post_init__(self) -> None:
        self.endpoints()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where presences are sent; none: the service is not started."""
        try:
            return parse_endpoints(self.webhooks) if self.webhooks else ()
        except ValueError as error:
            raise ConfigError(str(error)) from None


Config = TypeVar("Config", bound=Settings)

_SWITCH: Final = {"on": "true", "yes": "true", "off": "false", "no": "false"}

URL_SCHEMES: Final = {
    "discord_api_url": ("http", "https"),
    "discord_cdn_url": ("http", "https"),
    "discord_cdn_fetch_url": ("http", "https"),
    "discord_authorize_url": ("http", "https"),
    "profile_upstream_url": ("http", "https"),
    "cards_url": ("http", "https"),
    "ws_url": ("ws",),
    "public_url": ("http", "https"),
    "public_ws_url": ("ws", "wss"),
    "discord_invite": ("http", "https"),
    "redis_url": url.SCHEMES,
    "durable_redis_url": url.SCHEMES,
}


def environment() -> dict[str, str]:
    """The variables of the process, which win over the `.env` file of the working directory.

    Raises ConfigError if there is such a file, and it cannot be read.
    """
    given = {name: value for name, value in dotenv().items() if value is not None}
    return {**given, **os.environ}


def dotenv() -> dict[str, str | None]:
    """The `.env` file of the working directory; empty if there is none. Raises ConfigError."""
    try:
        return dotenv_values(".env", encoding="utf-8-sig")  # editors of Windows write a BOM
    except OSError as error:
        raise ConfigError(
            f"The file .env cannot be read ({error.strerror}). Let the user who runs this own it: "
            "sudo chown $USER .env"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError("The file .env is not UTF-8. Save it as UTF-8 in your editor.") from None


def from_env(kind: type[Config], env: Mapping[str, str]) -> Config:
    """Read `kind` from `env`. An empty variable counts as unset. Raises ConfigError."""
    given = {
        field.name: env[field.name.upper()].strip()
        for field in msgspec.structs.fields(kind)
        if env.get(field.name.upper(), "").strip()
    }
    for name, value in given.items():
        _check_url(name, value)
        given[name] = value.rstrip("/") if name in URL_SCHEMES else value
        if get_type_hints(kind)[name] is bool:
            given[name] = _SWITCH.get(value.lower(), value)
    if "log_level" in given:
        given["log_level"] = given["log_level"].upper()
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(error, kind, given)) from None


def non_defaults(settings: Settings) -> str:
    """`NAME=value` of each setting that is not at its default, for the log. Secrets are masked."""
    changed = []
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        if value != field.default:
            changed.append(f"{field.name.upper()}={masked(field.name, value)}")
    return " ".join(changed) or "all settings are at their defaults"


def secrets_of(settings: Settings) -> list[str]:
    """What must never be printed: the token, passwords, and URLs that may hold one."""
    names = (field.name for field in msgspec.structs.fields(settings))
    return secrets_in((name, str(getattr(settings, name))) for name in names)


def _check_url(name: str, value: str) -> None:
    schemes = URL_SCHEMES.get(name)
    if schemes is None:
        return
    if name in REDIS_SETTINGS and value.partition("://")[0].lower() in schemes:
        _check_redis_url(name.upper(), value)
        return
    try:
        parts = urlsplit(value)
        has_port = parts.port is not None
        usable = parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        usable = has_port = False
    if not usable:
        expected = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ConfigError(f"{name.upper()} must be a URL that starts with {expected}")
    if has_port and "@" in value and "@" not in parts.netloc:  # user:12345/6@host
        raise ConfigError(
            f"{name.upper()} has an @ where its path or its query is. {url.PERCENT_ENCODE}"
        )


def _check_redis_url(setting: str, value: str) -> None:
    """The message holds nothing of the URL: any part of it may be a part of the password."""
    try:
        url.check(value)
        _check_options(setting, urlsplit(value))
        url.parse(value)
    except ValueError as error:
        raise ConfigError(f"{setting} cannot be used: {error}") from None


def _check_options(setting: str, parts: SplitResult) -> None:
    for option in parse_qs(parts.query, keep_blank_values=True):
        if option not in url.OPTIONS:
            raise ConfigError(
                f"{setting} has an unknown option after its ?. Its options are: "
                f"{', '.join(sorted(url.OPTIONS))}"
            )
        if option.startswith("ssl_") and not parts.scheme.startswith("rediss"):
            raise ConfigError(f"{setting} must start with rediss (TLS) to use {option}")


def _explain(error: msgspec.ValidationError, kind: type[Settings], given: Mapping[str, str]) -> str:
    text, _, path = str(error).partition(" - at `$.")
    name = path.rstrip("`")
    if not name:  # raised by a __post_init__, with a text of ours
        return text
    hint = get_type_hints(kind, include_extras=True)[name]
    bounds = next((one for one in get_args(hint) if isinstance(one, Meta)), None)
    if hint is bool:
        expected = "true or false"
    elif bounds is None:
        expected = f"one of {', '.join(get_args(hint))}"
    else:
        expected = f"a whole number from {bounds.ge} to {bounds.le}"
    got = "" if name in SECRET_SETTINGS else f", got {given[name]!r}"
    return f"{name.upper()} must be {expected}{got}"


def _numbers(name: str, text: str, otherwise: str = "") -> list[int]:
    parts = [part for part in re.split(r"[,\s]+", text) if part]
    for part in parts:
        if not re.fullmatch(r"[0-9]{1,20}", part):
            expected = " ".join(filter(None, ("whole numbers separated by commas", otherwise)))
            raise ConfigError(f"{name} must be {expected}, got {part!r}")
    return [int(part) for part in parts]
