"""What `make up` and `make scale` print, with a docker that only pretends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from tests.documents import ROOT

DOCKER = """\
#!/bin/sh
case "$*" in
*" config")
    echo "      DISCORD_TOKEN: \\"$TOKEN\\""
    echo "      PUBLIC_URL: http://127.0.0.1:8080" ;;
*" ps --all "*) printf "$CONTAINERS" ;;
*" logs "*) for part in "$@"; do :; done; echo "the log of $part" ;;
*" up "*) exit "${UP:-0}" ;;
esac
"""


class Run(Protocol):
    def __call__(self, script: str, *arguments: str, **env: str) -> tuple[int, str]: ...


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a script with these variables; returns the exit status and all that it printed."""
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)

    def run(script: str, *arguments: str, **env: str) -> tuple[int, str]:
        given: Mapping[str, str] = {
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "TOKEN": "",
            "CONTAINERS": "",
            **env,
        }
        done = subprocess.run(
            [str(ROOT / "deploy" / script), *arguments],
            env=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def test_scale_names_the_given_numbers(run: Run) -> None:
    """So that the line can be copied into .env."""
    status, printed = run("scale.sh", "api=2", "ws=4")
    assert status == 0
    assert printed.splitlines()[-1].endswith("write into .env: API_REPLICAS=2, WS_REPLICAS=4")


@pytest.mark.parametrize("token", ["", "a.bots.token"])
def test_up_names_the_page(run: Run, token: str) -> None:
    """With simulated users and with a bot."""
    status, printed = run("up.sh", TOKEN=token)
    assert status == 0
    assert "  http://127.0.0.1:8080/ is the page" in printed
    assert ("simulated users" in printed) == (token == "")


CONTAINERS = (
    "redis running healthy\\ngateway running healthy\\napi running unhealthy\\ncaddy created \\n"
)


def test_up_shows_the_logs_of_what_did_not_start(run: Run) -> None:
    """Not of the gateway in any case; and the setting to change if a port is taken."""
    status, printed = run("up.sh", UP="1", CONTAINERS=CONTAINERS)
    assert status == 1
    assert "api is unhealthy. Its last log lines:\nthe log of api" in printed
    assert "caddy is created. Its last log lines:\nthe log of caddy" in printed
    assert "set HTTP_ADDRESS in .env" in printed
    assert "the log of gateway" not in printed
    assert "run --rm --no-deps gateway doctor" in printed


def test_up_does_not_blame_the_port(run: Run) -> None:
    """If Caddy was not reached, or runs."""
    _, printed = run("up.sh", UP="1", CONTAINERS="redis exited \\n")
    assert "redis is exited" in printed
    assert "HTTP_ADDRESS" not in printed
