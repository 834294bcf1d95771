"""Whether Redis accepts this service: asked once, before it listens.

A Redis that cannot be reached may come back, so the service starts and waits for it. One that
refuses the password, the certificate or a command will go on to do so, so the service says what to
change and exits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from shared.config import ConfigError
from shared.redis import keys
from shared.redis.permissions import PROBE
from shared.redis.trial import Command, Refusal, try_commands
from shared.redis.url import parse

_FILE_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")

# None of them changes anything: no user has the id 0.
READER: Final[Sequence[Command]] = (
    ("PING",),
    ("HMGET", keys.presence(0), "version"),
)
FOLLOWER: Final[Sequence[Command]] = (
    *READER,
    ("EXISTS", keys.presence(0)),
    ("SUBSCRIBE", keys.CONTROL_CHANNEL, keys.presence(0)),
)
NOTIFIER: Final[Sequence[Command]] = (
    ("PING",),
    ("HMGET", keys.presence(0), "version"),
    ("SSCAN", keys.USERS, 0, "COUNT", 1),
    ("SUBSCRIBE", keys.CONTROL_CHANNEL, keys.presence(0)),
    ("HDEL", keys.webhook_progress("0"), 0),
    ("GET", keys.WEBHOOK_LEASE),
)
WRITER: Final[Sequence[Command]] = (
    ("PING",),
    ("SREM", keys.USERS, 0),
    ("SREM", keys.GUILDS, 0),
    ("SCARD", keys.guilds(0)),
    ("SCAN", 0, "COUNT", 1),
    ("EVAL", PROBE.text, 1, keys.presence(0)),
    ("EVALSHA", PROBE.sha, 1, keys.presence(0)),
    ("HDEL", keys.shard(0, 0), "holder"),
)

DURABLE: Final[Sequence[Command]] = (("PING",),)
SETTINGS: Final[Sequence[Command]] = (
    *DURABLE,
    ("HMGET", keys.durable_settings(0), "settings"),
    ("ZSCAN", keys.SETTINGS_USERS, 0),
    ("SUBSCRIBE", keys.SETTINGS_CHANNEL),
)


def check(setting: str, url: str, commands: Sequence[Command]) -> None:
    """Raise ConfigError if the Redis of this setting refuses the connection or one of the commands.

    Of several servers (Sentinels, a cluster) none is asked: which one would be asked may change.
    """
    _check_files(setting, url)
    if parse(url).kind == "server" and (refusal := try_commands(url, commands)):
        raise ConfigError(f"{setting}: {_explain(refusal)}")


def _check_files(setting: str, url: str) -> None:
    options = parse_qs(urlsplit(url).query)
    for name in _FILE_OPTIONS:
        if name in options and not Path(options[name][-1]).is_file():
            raise ConfigError(f"{setting}: the file that {name} names does not exist")


def _explain(refusal: Refusal) -> str:
    match refusal.cause:
        case "credentials":
            return (
                "Redis rejects the user name or the password. Write them as "
                "redis://name:password@host:port/0, with special characters percent-encoded."
            )
        case "permission":
            return (
                f"Redis does not permit this user what the service needs ({refusal.detail}). "
                "deploy/redis/users.acl lists the permissions of each service."
            )
        case "database":
            return (
                f"Redis does not have the database after the last / ({refusal.detail}). Use 0. A "
                "server has the databases 0 to 15 unless its setting `databases` says otherwise, "
                "and a node of a cluster has only 0."
            )
        case "certificate":
            return (
                f"the certificate of Redis cannot be verified ({refusal.detail}). If an authority "
                "of your own signed it, add that authority's file: "
                "rediss://…?ssl_ca_certs=/path/ca.pem"
            )
        case "tls":
            return f"the TLS connection to Redis fails ({refusal.detail})"
        case "no_tls":
            return (
                "the server does not use TLS on this port. Start with redis:// instead of "
                "rediss://, or name the port that uses TLS."
            )
