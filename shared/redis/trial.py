"""Whether a Redis server accepts this client: the password, the certificate, the rights."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

TRIAL_TIMEOUT_S: Final = 1.0  # to connect, and for each reply

Command = tuple[str | int, ...]

_NO_PERMISSION: Final = re.compile("can't (run this|access at least)|ACL failure")
"""The errors of commands inside a script, which redis-py does not tell from others."""

_NO_DATABASE: Final = re.compile("DB index|SELECT is not allowed")
"""The errors of SELECT, which redis-py sends if the URL names another database than 0."""


class Refusal(Struct, frozen=True):
    """Why Redis will refuse this client for as long as nothing is changed."""

    cause: Literal["credentials", "permission", "database", "certificate", "tls", "no_tls"]
    detail: str = ""  # in the words of Redis or OpenSSL


def try_commands(url: str, commands: Sequence[Command]) -> Refusal | None:
    """Connect to the one server of `url` and send each command. Blocks.

    None: Redis accepts all of them, or cannot be reached, which may change.
    """
    try:
        with _client(url) as redis:
            for command in commands:
                redis.execute_command(*command)
    except AuthenticationError:
        return Refusal("credentials")
    except (RedisError, OSError) as error:
        return _refusal(error, url)
    return None


def process_id(url: str) -> int | None:
    """Of the one server of `url`; None if it does not answer. Blocks."""
    try:
        with _client(url) as redis:
            return int(redis.info("server")["process_id"])
    except (RedisError, OSError):
        return None


def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        protocol=2,
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=TRIAL_TIMEOUT_S,
        socket_timeout=TRIAL_TIMEOUT_S,
    )


def _refusal(error: Exception, url: str) -> Refusal | None:
    if isinstance(error, NoPermissionError) or _NO_PERMISSION.search(str(error)):
        return Refusal("permission", str(error))
    if is_database_error(error):
        return Refusal("database", str(error))
    cause = _tls_error(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Refusal("certificate", cause.verify_message)
    if cause is not None:
        return Refusal("tls", cause.reason or str(cause))
    if isinstance(error, RedisTimeout) and _answers_without_tls(url):
        return Refusal("no_tls")
    return None


def is_database_error(error: BaseException | None) -> bool:
    """Whether the server does not have the database that the URL names."""
    return isinstance(error, ResponseError) and bool(_NO_DATABASE.search(str(error)))


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _answers_without_tls(url: str) -> bool:
    """A Redis without TLS waits: it takes the first bytes of TLS for an incomplete command."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return False
    address = (parts.hostname or "localhost", parts.port or 6379)
    try:
        with socket.create_connection(address, TRIAL_TIMEOUT_S) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(1) in (b"+", b"-")
    except OSError:
        return False
