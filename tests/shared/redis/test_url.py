"""What REDIS_URL may contain."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection

from shared.config import ConfigError, Settings, from_env, non_defaults, secrets_of
from shared.redis.trial import Refusal, try_commands
from shared.redis.url import RedisTarget, parse


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", RedisTarget("server", (("localhost", 6379),), {})),
        (
            "redis://:pass@redis.example.org:6380/2",
            RedisTarget("server", (("redis.example.org", 6380),), {"password": "pass", "db": 2}),
        ),
        ("rediss://r", RedisTarget("server", (("r", 6379),), {"connection_class": SSLConnection})),
        (
            "unix:///run/redis.sock",
            RedisTarget(
                "server",
                (),
                {"path": "/run/redis.sock", "connection_class": UnixDomainSocketConnection},
            ),
        ),
        (
            "redis+sentinel://one,two:1,[::1]:2/grux",
            RedisTarget("sentinel", (("one", 26379), ("two", 1), ("::1", 2)), {}, "grux"),
        ),
        (
            "rediss+sentinel://me:p%40ss@one/grux/3?ssl_ca_certs=ca.pem&sentinel_password=other",
            RedisTarget(
                "sentinel",
                (("one", 26379),),
                {
                    "username": "me",
                    "password": "p@ss",
                    "db": 3,
                    "ssl_ca_certs": "ca.pem",
                    "connection_class": SSLConnection,
                },
                "grux",
                {"ssl": True, "ssl_ca_certs": "ca.pem", "password": "other"},
            ),
        ),
        (
            "redis+cluster://:pass@one:7000,two",
            RedisTarget("cluster", (("one", 7000), ("two", 6379)), {"password": "pass"}),
        ),
    ],
)
def test_what_a_url_says(url: str, place: RedisTarget) -> None:
    """The hosts, and the options of every connection."""
    assert parse(url) == place


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://one,two", "the name of the service is missing"),
        ("redis+sentinel://one,,two/grux", "a host is missing between two commas"),
        ("redis+cluster://one/2", "a Redis Cluster has no databases"),
        ("redis+other://one", "must be a URL that starts with"),
        ("redis+cluster://one:port", "REDIS_URL cannot be used: a host or its port is invalid"),
        ("redis://:6379", "the host is missing"),
        ("unix://", "the path of the socket is missing"),
        ("redis://host/abc", "the database must be a number"),
        ("redis://host/1/2", "the database must be a number"),
        ("redis://host/-1", "the database must be a number"),
        ("redis://host?db=abc", "the database must be a number"),
        ("redis+sentinel://one/grux/abc", "the database must be a number"),
    ],
)
def test_what_is_missing_is_said(url: str, words: str) -> None:
    """Before anything listens, with the name of the setting."""
    with pytest.raises(ConfigError, match=words):
        from_env(Settings, {"REDIS_URL": url})


def test_passwords_are_not_told() -> None:
    """Where hosts are logged."""
    url = "redis+sentinel://me:hunter22@one,two/grux?sentinel_password=hunter23"
    assert str(parse(url)) == "grux of the Sentinels one:26379, two:26379"
    settings = from_env(Settings, {"REDIS_URL": url})
    assert "hunter2" not in non_defaults(settings)
    assert {"hunter22", "hunter23"} <= set(secrets_of(settings))


FORMS = (
    "redis://user:{}@host/0",
    "rediss://:{}@host:6379",
    "unix://user:{}@/run/redis.sock",
    "redis+sentinel://user:{}@one:1,two/grux/0",
    "rediss+cluster://user:{}@one:1,two?ssl_check_hostname=no",
)

REFUSED = ("redis://host:x", "redis://x?z@y=", "redis://x/z", "redis://x?z=", "redis://", "unix://")


@pytest.mark.parametrize("form", FORMS)
@example("12345/etpw")
@example("pa#ssword")
@example("pa?ssword")
@example("1234?ssl_pass=word")
@example("pa[ssword")
@example("[secret]word")
@example("1234:secret/word")
@example("se@cret/word")
@example("\u2100secret")
@given(st.text("secret1234/?#@:[]%&=\u2100 ", min_size=4))
def test_a_password_that_is_not_encoded(form: str, password: str) -> None:
    """It is the password that is used, or the setting is refused without a word of it."""
    settings = _read(form.format(password))
    if isinstance(settings, str):
        assert settings in {_read(url) for url in REFUSED}, "the text depends on the password"
        return
    used = str(parse(settings.redis_url).options.get("password", ""))
    assert used in (password, unquote(password))
    if len(password.strip()) >= 4:
        assert password not in str(parse(settings.redis_url))
        assert password not in non_defaults(settings)
        assert password in secrets_of(settings)


def _read(url: str) -> Settings | str:
    try:
        return from_env(Settings, {"REDIS_URL": url})
    except ConfigError as error:
        return str(error)


def test_a_database_that_the_server_does_not_have(redis_url: str) -> None:
    """The server says so when it is asked: how many it has is its own setting."""
    refused = try_commands(f"{redis_url.rpartition('/')[0]}/99", [("PING",)])
    assert refused == Refusal("database", "DB index is out of range")
