"""REDIS_URL: one server, the one that Sentinels name, or a Redis Cluster.

    redis://[[user]:password@]host[:6379][/database]          rediss:// with TLS, unix:// a socket
    redis+sentinel://[…@]host[:26379],host,…/service[/database]
    redis+cluster://[…@]host[:6379],host,…

`rediss+…` with TLS. The query holds OPTIONS, which are redis-py's; the Sentinels' own user and
password are `sentinel_username` and `sentinel_password`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from msgspec import Struct
from redis.asyncio.connection import parse_url

PORT: Final = 6379
SENTINEL_PORT: Final = 26379
SCHEMES: Final = (
    *("redis", "rediss", "unix"),
    *("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
)

OPTIONS: Final = frozenset(
    {
        *("ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_keyfile", "ssl_password"),
        *("ssl_check_hostname", "db", "sentinel_username", "sentinel_password"),
    }
)
"""What may follow the `?`. Timeouts and the protocol are chosen by Grux."""

PERCENT_ENCODE: Final = (
    "Percent-encode the user name and the password: %40 for @, %3A for :, %2F for /, %3F for ?, "
    "%23 for #, %25 for %, %5B for [ and %5D for ]"
)

Address = tuple[str, int]


class RedisTarget(Struct, frozen=True):
    """The content of a URL. `options` are redis-py's, for a connection to any of the servers."""

    kind: Literal["server", "sentinel", "cluster"]
    hosts: tuple[Address, ...]  # of the server, of the Sentinels, or of some of the cluster
    options: Mapping[str, Any]
    service: str = ""  # the Sentinels' name of the server
    sentinel_options: Mapping[str, Any] = {}

    def __str__(self) -> str:
        """The hosts, without a password."""
        if not self.hosts:
            return str(self.options["path"])
        hosts = ", ".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{self.service} of the Sentinels {hosts}" if self.service else hosts


def check(url: str) -> None:
    """Raise ValueError for what `parse` and redis-py would misread or ignore.

    The text says what to change and holds nothing of the URL: where characters of a password are
    not encoded, a part of it is in the place of the port, the path, the query or the fragment.
    """
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]
        for host in hosts.split(","):
            _ = urlsplit(f"//{host.strip()}").port  # raises if it is not a number
    except ValueError:
        raise ValueError(f"a host or its port is invalid. {PERCENT_ENCODE}") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "#" in url or "@" in parts.path or any("@" in option for option in options):
        raise ValueError(f"there is an @ or a # where none may be. {PERCENT_ENCODE}")
    scheme, _, kind = parts.scheme.partition("+")
    if scheme == "unix":
        if not parts.path:
            raise ValueError("the path of the socket is missing: unix:///run/redis.sock")
    elif not kind and not parts.hostname:
        raise ValueError("the host is missing: redis://localhost:6379/0")
    path = [] if scheme == "unix" or kind == "cluster" else parts.path.strip("/").split("/")
    database = path[1:] if kind == "sentinel" else path
    for text in ("/".join(database) or "0", options.get("db", "0")):
        if not (text.isascii() and text.isdigit()):
            raise ValueError("the database must be a number, such as redis://localhost:6379/0")


def parse(url: str) -> RedisTarget:
    """The content of a URL that `check` has accepted.

    Raises ValueError, whose text says what is missing and holds nothing secret.
    """
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if not kind:
        options: dict[str, Any] = dict(parse_url(url))
        host = (str(options.pop("host", "localhost")), int(options.pop("port", PORT)))
        return RedisTarget("server", () if "path" in options else (host,), options)
    path = [part for part in parts.path.split("/") if part]
    query = dict(parse_qsl(parts.query))
    sentinel_account = {
        name.removeprefix("sentinel_"): query.pop(name)
        for name in ("sentinel_username", "sentinel_password")
        if name in query
    }
    account, _, hosts = parts.netloc.rpartition("@")
    bare = f"{scheme}://{account}@host/{'/'.join(path[1:])}?{urlencode(query)}"
    options = {name: value for name, value in parse_url(bare).items() if name != "host"}
    if kind == "sentinel":
        if not path:
            raise ValueError("the name of the service is missing: redis+sentinel://host/mymaster")
        tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
        if scheme == "rediss":
            tls["ssl"] = True
        return RedisTarget(
            "sentinel", _hosts(hosts, SENTINEL_PORT), options, path[0], tls | sentinel_account
        )
    if path:
        raise ValueError("a Redis Cluster has no databases: nothing may follow the hosts")
    return RedisTarget("cluster", _hosts(hosts, PORT), options)


def _hosts(text: str, port: int) -> tuple[Address, ...]:
    """`host`, `host:port` and `[::1]:port`, with commas between them."""
    hosts = []
    for one in text.split(","):
        parts = urlsplit(f"//{one.strip()}")
        if not parts.hostname:
            raise ValueError("a host is missing between two commas")
        hosts.append((parts.hostname, parts.port or port))
    return tuple(hosts)
