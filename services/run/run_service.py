"""One service alone, as a container runs it: `python -m services gateway`, `api`, `ws` …"""

from __future__ import annotations

import os
import runpy
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from services.run.demo_settings import simulated
from shared import config

PARTS: Final = ("gateway", "api", "ws", "cards", "doctor")

USAGE: Final = """\
python -m services            everything on this machine, in one command
python -m services gateway    Discord's presences into Redis
python -m services api        the REST API
python -m services ws         the WebSocket server
python -m services cards      cards and badges, drawn in processes of their own
python -m services doctor     whether all is set up as it should be, and what to do if not
Every setting is explained in .env.example."""

LOOK_FOR: Final = 2.0  # seconds


def run(arguments: Sequence[str]) -> None:
    """Become that part. Ends the process when it ends."""
    name = arguments[0]
    if name in ("-h", "--help"):
        print(USAGE)
        sys.exit(0)
    if name not in PARTS:
        print(f"There is no part called {name!r}.\n\n{USAGE}", file=sys.stderr)
        sys.exit(2)
    os.environ.update(demo(config.environment()))
    sys.argv = sys.argv[1:]
    runpy.run_module(f"services.{name}", run_name="__main__", alter_sys=True)


def demo(env: Mapping[str, str]) -> dict[str, str]:
    """The settings that a simulated Discord changes, where there is one and no token.

    SIMULATOR_URL is where docker-compose.yml has it, when its profile `demo` is on.
    """
    url = env.get("SIMULATOR_URL", "")
    if not url or env.get("DISCORD_TOKEN", "").strip() or not _answers(url):
        return {}
    token = env.get("SIMULATOR_TOKEN", "")
    return simulated(env, url, token, cdn_url=f"{env.get('PUBLIC_URL', '').rstrip('/')}/cdn")


def _answers(url: str) -> bool:
    place = urlsplit(url)
    try:
        with socket.create_connection((place.hostname or "", place.port or 80), LOOK_FOR):
            return True
    except OSError:
        return False
