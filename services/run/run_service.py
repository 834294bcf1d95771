"""One service alone, as in a container, or one command: `python -m services gateway`, `… key`."""

from __future__ import annotations

import os
import runpy
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from services.run import durable_server
from services.run.demo_settings import demo_settings
from shared import config

PROGRAMS: Final = ("gateway", "api", "ws", "cards", "webhooks", "doctor")

COMMANDS: Final = {
    "key": "services.run.key",
    "import-lanyard": "services.run.import_lanyard",
    "backup": "services.run.backup",
    "restore": "services.run.restore",
    "export": "services.run.export",
    "erase": "services.run.erase",
}
"""What does something once, to what users have written."""

USAGE: Final = """\
python -m services            start everything on this machine
python -m services gateway    start the gateway: it stores Discord's presences in Redis
python -m services api        start the REST API
python -m services ws         start the WebSocket server
python -m services cards      start the renderer of cards and badges
python -m services webhooks   send presences to the endpoints of WEBHOOKS
python -m services doctor     check the setup, and say what to fix
python -m services key ID     print a new key, with which a user writes the key-value store
python -m services import-lanyard redis://...    take over the pairs and keys of a Lanyard
python -m services backup > FILE     write what users have written to a file
python -m services restore < FILE    replace it by what is in the file
python -m services export ID > FILE  write all that is held of one user to a file
python -m services erase ID  erase what one user has written, chosen and granted
python -m services --version  print the version of Grux
.env.example explains every setting."""

CONNECT_TIMEOUT_S: Final = 2.0


def run(arguments: Sequence[str]) -> None:
    """Run the program that the first argument names, in this process."""
    name = arguments[0]
    if name in ("-h", "--help"):
        print(USAGE)
        sys.exit(0)
    if name in COMMANDS:
        sys.argv = sys.argv[1:]
        runpy.run_module(COMMANDS[name], run_name="__main__", alter_sys=True)
        return
    if name not in PROGRAMS:
        print(f"There is no service {name!r}. Use one of these:\n\n{USAGE}", file=sys.stderr)
        sys.exit(2)
    try:
        os.environ.update(simulator_settings(config.environment()))
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if name == "doctor":
        os.environ.update(_durable_of_make_run(config.environment()))
    sys.argv = sys.argv[1:]
    runpy.run_module(f"services.{name}", run_name="__main__", alter_sys=True)


def _durable_of_make_run(env: Mapping[str, str]) -> dict[str, str]:
    """The setting for the durable Redis that `make run` has started; none if there is another."""
    if any(env.get(name, "").strip() for name in ("REDIS_URL", "DURABLE_REDIS_URL")):
        return {}
    url = durable_server.find()
    return {"DURABLE_REDIS_URL": url} if url else {}


def simulator_settings(env: Mapping[str, str]) -> dict[str, str]:
    """The settings to change so that a service uses the simulator; none if it must not or cannot.

    A token means the real Discord. docker-compose.yml always sets SIMULATOR_URL, but the simulator
    runs only with the profile `demo`.
    """
    url = env.get("SIMULATOR_URL", "")
    if not url or env.get("DISCORD_TOKEN", "").strip() or not _accepts_connections(url):
        return {}
    token = env.get("SIMULATOR_TOKEN", "")
    return demo_settings(env, url, token, browser_url=env.get("PUBLIC_URL", "").rstrip("/"))


def _accepts_connections(url: str) -> bool:
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)
    try:
        with socket.create_connection(address, CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False
