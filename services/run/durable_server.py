"""Where the durable Redis of `make run` listens, and the other one, for commands beside it.

The runner notes it in `.run/`. The note names the server's process: a port of a runner that was
killed may belong to another server by now.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from shared.config import Settings, from_env
from shared.redis.trial import process_id

RUN_FOLDER: Final = ".run"
FOLDER: Final = f"{RUN_FOLDER}/durable"
"""Of its append-only file."""

_NOTE: Final = Path(FOLDER) / "server.json"


class _Server(Struct, frozen=True):
    url: str
    process_id: int
    presence_url: str = ""  # of the Redis that holds the presences


def note(url: str, presence_url: str) -> None:
    """The server at `url`, which answers, is that of this folder."""
    found = process_id(url)
    if found is not None:
        _NOTE.write_bytes(msgspec.json.encode(_Server(url, found, presence_url)))


def find() -> str | None:
    """The URL of the server that runs for this folder; None if there is none."""
    server = _find()
    return server.url if server else None


def _find() -> _Server | None:
    try:
        server = msgspec.json.decode(_NOTE.read_bytes(), type=_Server)
    except (OSError, msgspec.DecodeError):
        return None
    return server if process_id(server.url) == server.process_id else None


def url_for_commands(env: Mapping[str, str]) -> str:
    """The durable Redis that the settings name, else that of `make run`, else the default.

    Raises ConfigError.
    """
    settings = from_env(Settings, env)
    if settings.durable_redis_url or env.get("REDIS_URL", "").strip():
        return settings.durable_redis_url or settings.redis_url
    return find() or settings.redis_url


def presence_url_for_commands(env: Mapping[str, str]) -> str:
    """The presence Redis that the settings name, else that of `make run`, else the default.

    Raises ConfigError.
    """
    settings = from_env(Settings, env)
    if env.get("REDIS_URL", "").strip():
        return settings.redis_url
    server = _find()
    return (server.presence_url if server else "") or settings.redis_url
