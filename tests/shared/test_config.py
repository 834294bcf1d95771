"""Each setting that cannot be used is named, and the message says what to write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from shared import config
from shared.config import (
    ApiSettings,
    ConfigError,
    GatewaySettings,
    Settings,
    WsSettings,
    environment,
    from_env,
)

BAD: Mapping[str, tuple[type[Settings], Mapping[str, str], str]] = {
    "a word": (ApiSettings, {"API_PORT": "x"}, "API_PORT must be a whole number from 0 to 65535"),
    "a fraction": (WsSettings, {"WS_PORT": "1.5"}, "WS_PORT must be a whole number from 0 to"),
    "too large": (
        *(ApiSettings, {"PROFILE_TTL": "86401"}),
        "PROFILE_TTL must be a whole number from 1 to 86400, got '86401'",
    ),
    "too small": (
        *(ApiSettings, {"DRAIN_SECONDS": "-1"}),
        "DRAIN_SECONDS must be a whole number from 0 to 60, got '-1'",
    ),
    "a choice": (
        *(GatewaySettings, {"LOG_LEVEL": "loud"}),
        "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, got 'LOUD'",
    ),
    "a scheme": (
        *(ApiSettings, {"PUBLIC_WS_URL": "https://x.example"}),
        "PUBLIC_WS_URL must be a URL that starts with ws:// or wss://",
    ),
    "no host": (ApiSettings, {"PUBLIC_URL": "https://"}, "PUBLIC_URL must be a URL that starts"),
    "a secret": (
        *(GatewaySettings, {"REDIS_URL": "hunter2"}),
        "REDIS_URL must be a URL that starts with redis:// or ",
    ),
    "a password with a slash": (
        *(ApiSettings, {"DISCORD_API_URL": "https://user:12345/hunter2@proxy.example/api/v10"}),
        "DISCORD_API_URL has an @ where its path or its query is. Percent-encode the user name",
    ),
    "a password with a question mark": (
        *(ApiSettings, {"REDIS_URL": "redis://user:1?hunter2@host/0"}),
        "REDIS_URL cannot be used: there is an @ or a # where none may be. Percent-encode",
    ),
    "no template": (
        *(ApiSettings, {"PROFILE_SOURCE": "upstream", "PROFILE_UPSTREAM_URL": "https://x.example"}),
        "PROFILE_UPSTREAM_URL must be set when PROFILE_SOURCE is 'upstream': a URL with {user_id}",
    ),
    "ids": (
        *(GatewaySettings, {"GUILD_IDS": "1,two"}),
        "GUILD_IDS must be whole numbers separated by commas or the word all, got 'two'",
    ),
    "examples": (ApiSettings, {"EXAMPLE_USERS": "x"}, "EXAMPLE_USERS must be whole numbers"),
    "no count": (
        *(GatewaySettings, {"SHARD_IDS": "0"}),
        "SHARD_COUNT must be set when SHARD_IDS is set",
    ),
    "a shard too many": (
        *(GatewaySettings, {"SHARD_IDS": "0-4", "SHARD_COUNT": "4"}),
        "SHARD_IDS must be from 0 to 3, as SHARD_COUNT is 4; got 4",
    ),
    "short keys": (
        *(ApiSettings, {"SECRET_KEY": f"hunter2,{'x' * 32}"}),
        "SECRET_KEY must be at least 32 random characters, or several such keys separated by "
        "commas; key 1 of 2 has 7.",
    ),
    "an empty key": (
        *(ApiSettings, {"SECRET_KEY": f"{'hunter2' * 9},"}),
        "SECRET_KEY must be at least 32 random characters",
    ),
    "no guild": (ApiSettings, {"JOIN_GUILD_ID": "mine"}, "JOIN_GUILD_ID must be one whole number"),
    "two guilds": (ApiSettings, {"JOIN_GUILD_ID": "1,2"}, "JOIN_GUILD_ID must be one whole number"),
    "switch": (
        *(WsSettings, {"LANYARD_SUBSCRIBE_ALL": "maybe"}),
        "LANYARD_SUBSCRIBE_ALL must be true or false, got 'maybe'",
    ),
    "proxies": (
        *(WsSettings, {"TRUSTED_PROXIES": "10.0.0.0/8,proxy"}),
        "TRUSTED_PROXIES must be addresses and networks separated by commas",
    ),
}


@pytest.mark.parametrize(("kind", "env", "message"), BAD.values(), ids=BAD.keys())
def test_a_setting_that_cannot_be_used(
    kind: type[Settings], env: Mapping[str, str], message: str
) -> None:
    """One sentence, which begins with the setting's name and shows no secret."""
    with pytest.raises(ConfigError) as raised:
        from_env(kind, env)
    assert str(raised.value).startswith(message)
    assert "hunter2" not in str(raised.value)


def test_keys_are_separated_by_commas() -> None:
    """The first one encrypts. Without a setting there are none, and one is made."""
    first, second = "1" * 32, "2" * 40
    settings = from_env(ApiSettings, {"SECRET_KEY": f" {first}, {second} "})
    assert settings.secret_keys() == (first, second)
    assert ApiSettings().secret_keys() == ()


def test_values_are_read_generously() -> None:
    """Spaces around a value, a lower-case level and a slash at a URL's end do no harm."""
    env = {"LOG_LEVEL": " debug ", "PUBLIC_URL": "https://x.example/", "API_PORT": "", "OTHER": "x"}
    settings = from_env(ApiSettings, env)
    assert settings == ApiSettings(log_level="DEBUG", public_url="https://x.example")


def test_switches() -> None:
    """In the words that people use for them."""
    for word, on in {"true": True, "On": True, "1": True, "off": False, "FALSE": False}.items():
        settings = from_env(WsSettings, {"LANYARD_SUBSCRIBE_ALL": word})
        assert settings.lanyard_subscribe_all is on


def test_ids_and_ranges() -> None:
    """Commas and spaces separate; a dash makes a range."""
    env = {"GUILD_IDS": "3, 5 7", "SHARD_COUNT": "9", "SHARD_IDS": "0-2,7"}
    settings = from_env(GatewaySettings, env)
    assert settings.guilds() == {3, 5, 7}
    assert settings.shards() == [0, 1, 2, 7]
    assert GatewaySettings().shards() is None


@pytest.mark.parametrize(
    ("text", "shards"),
    [
        ("0 2 5", [0, 2, 5]),
        ("0,2,", [0, 2]),
        (" 3 - 5 , 1", [1, 3, 4, 5]),
        ("7", [7]),
        ("2-2", [2]),
    ],
)
def test_shards(text: str, shards: list[int]) -> None:
    """Separated as the ids of GUILD_IDS are."""
    assert from_env(GatewaySettings, {"SHARD_COUNT": "8", "SHARD_IDS": text}).shards() == shards


@pytest.mark.parametrize("text", ["3-0", "-3", "3-", "x", ",", "1-2-3", "1.5", "٣", "9" * 9])
def test_shards_that_are_none(text: str) -> None:
    """None of them means all shards, or a traceback."""
    with pytest.raises(ConfigError, match=r"^SHARD_IDS "):
        from_env(GatewaySettings, {"SHARD_COUNT": "8", "SHARD_IDS": text})


def test_a_dotenv_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its editors begin the file with a byte order mark."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("GUILD_IDS=3\r\nLOG_LEVEL=debug\r\n", encoding="utf-8-sig")
    assert {"GUILD_IDS": "3", "LOG_LEVEL": "debug"}.items() <= environment().items()


@pytest.mark.parametrize(
    ("content", "said"),
    [("GUILD_IDS=3\n".encode("utf-16"), "is not UTF-8"), (None, "cannot be read (Permission")],
)
def test_a_dotenv_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    """It is named, instead of a traceback."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(content or b"")
    if content is None:  # root may read everything

        def denied(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(config, "dotenv_values", denied)
    with pytest.raises(ConfigError, match=re.escape(said)):
        environment()
