"""Whether Redis lets this process in: asked once, before it listens.

A Redis that is away is waited for. One that is there and refuses (the password, the certificate, a
right that is missing) will do so for ever, so that is said and the process ends.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from shared.config import ConfigError
from shared.redis import keys
from shared.redis.url import parse

ASK_WITHIN: Final = 1.0  # seconds
_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")

_NO_RIGHT: Final = re.compile(
    "can't (run this|access at least)|ACL failure"
)  # said inside a script

NO_TLS: Final = (
    "REDIS_URL: there is no TLS at the other end. Begin with redis:// instead of rediss://, or "
    "name the port that takes TLS."
)

Command = tuple[str | int, ...]

# Each leaves Redis as it was: nobody has the id 0.
READER: Final[Sequence[Command]] = (
    ("PING",),
    ("HMGET", keys.presence(0), "version"),
)
FOLLOWER: Final[Sequence[Command]] = (*READER, ("SUBSCRIBE", keys.FEED, keys.presence(0)))
WRITER: Final[Sequence[Command]] = (
    ("PING",),
    ("SREM", keys.USERS, 0),
    ("SREM", keys.GUILDS, 0),
    ("SCAN", 0, "COUNT", 1),
    ("EVAL", "return redis.call('DEL', KEYS[1])", 1, keys.presence(0)),
    ("SET", keys.lease(0, 0), 0, "PX", 1),
)


def check(url: str, commands: Sequence[Command]) -> None:
    """Raises ConfigError when Redis refuses us, or one of these.

    Of several servers (Sentinels, a cluster) none is asked: which one it would be may change.
    """
    _check_files(url)
    if parse(url).kind != "server":
        return
    redis = Redis.from_url(
        url,
        protocol=2,
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=ASK_WITHIN,
        socket_timeout=ASK_WITHIN,
    )
    try:
        with redis:
            for command in commands:
                redis.execute_command(*command)  # type: ignore[no-untyped-call]
    except AuthenticationError:
        raise ConfigError(
            "REDIS_URL: Redis does not accept the name or the password. Write them as "
            "redis://name:password@host:port/0, with special characters percent-encoded."
        ) from None
    except (RedisError, OSError) as error:
        if isinstance(error, NoPermissionError) or _NO_RIGHT.search(str(error)):
            raise ConfigError(
                f"REDIS_URL: Redis does not let this user do what is needed ({error}). "
                "deploy/redis/users.acl has the rights of each service."
            ) from None
        cause = _tls_error(error)
        if cause is not None:
            raise ConfigError(_in_plain_words(cause)) from None
        if isinstance(error, RedisTimeout) and _answers_without_tls(url):
            raise ConfigError(NO_TLS) from None


def _check_files(url: str) -> None:
    options = parse_qs(urlsplit(url).query)
    for name in _FILES:
        if name in options and not Path(options[name][-1]).is_file():
            raise ConfigError(f"REDIS_URL: there is no such file as {name} names")


def _answers_without_tls(url: str) -> bool:
    """A Redis without TLS takes the first bytes of TLS for a command that is not whole yet."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return False
    address = (parts.hostname or "localhost", parts.port or 6379)
    try:
        with socket.create_connection(address, ASK_WITHIN) as line:
            line.sendall(b"PING\r\n")
            return line.recv(1) in (b"+", b"-")
    except OSError:
        return False


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _in_plain_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"REDIS_URL: the certificate of Redis is not to be trusted ({error.verify_message}). "
            "If an authority of your own signed it, name that one's file: "
            "rediss://…?ssl_ca_certs=/path/ca.pem"
        )
    return f"REDIS_URL: TLS with Redis fails ({error.reason or error})"
