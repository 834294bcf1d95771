"""What REDIS_URL may contain."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection

from shared.config import ConfigError, Settings, from_env, non_defaults, secrets_of
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
        ("redis+cluster://one:port", "REDIS_URL"),
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
