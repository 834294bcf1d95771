"""What `make up` and `make scale` print, with a docker that only pretends."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from dotenv import dotenv_values

from tests.documents import ROOT

REDIS_USERS = ("ADMIN", "GATEWAY", "API", "WS", "CARDS", "WEBHOOKS")

# As compose in a folder whose name has no Latin letter or digit: the project has to name itself.
DOCKER = """\
#!/bin/sh
case "$*" in
*" --file - config")
    given=$(cat)
    case $given in *"name: grux"*) ;; *) echo "project name must not be empty" >&2; exit 1 ;; esac
    case $given in *SITE_ADDRESS*) value=$SITE ;; *) value=$DOOR ;; esac
    printf "services:\\n  door:\\n    image: $value\\n" ;;
*" config")
    echo "      DISCORD_TOKEN: \\"$TOKEN\\""
    echo "      PUBLIC_URL: http://127.0.0.1:8080"
    echo "      WEBHOOKS: $ENDPOINTS" ;;
*" ps --all "*) printf "$CONTAINERS" ;;
*" logs "*) for part in "$@"; do :; done; echo "the log of $part" ;;
*" up "*) [ -z "$ENDPOINTS" ] || echo "docker $*"; exit "${UP:-0}" ;;
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
            "ENDPOINTS": "",
            "CONTAINERS": "",
            "DOOR": "caddy",
            "SITE": "none",
            **{f"REDIS_{one}_PASSWORD": "x" for one in REDIS_USERS},  # none is written into .env
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


@pytest.mark.parametrize("token", ["", "a.bots.token"])
def test_up_starts_webhooks_where_there_are_endpoints(run: Run, token: str) -> None:
    """With and without the simulated users."""
    endpoints = """'[{"url": "https://example.org", "secret": "whsec_x"}]'"""
    status, printed = run("up.sh", TOKEN=token, ENDPOINTS=endpoints)
    assert status == 0
    demo = "" if token else "--profile demo "
    assert f"docker compose {demo}--profile webhooks up --detach" in printed


CONTAINERS = "redis running healthy\\ngateway running healthy\\napi running unhealthy\\n"


@pytest.mark.parametrize("door", ["caddy", "haproxy"])
def test_up_shows_the_logs_of_what_did_not_start(run: Run, door: str) -> None:
    """Not of the gateway in any case; and the setting to change if a port is taken."""
    containers = f"{CONTAINERS}{door} created \\n"
    status, printed = run("up.sh", UP="1", CONTAINERS=containers, DOOR=door)
    assert status == 1
    assert "api is unhealthy. Its last log lines:\nthe log of api" in printed
    assert f"{door} is created. Its last log lines:\nthe log of {door}" in printed
    assert "set HTTP_ADDRESS in .env" in printed
    assert "the log of gateway" not in printed
    assert "run --rm --no-deps gateway doctor" in printed


def test_up_does_not_blame_the_port(run: Run) -> None:
    """If the front door was not reached, or runs."""
    _, printed = run("up.sh", UP="1", CONTAINERS="redis exited \\n")
    assert "redis is exited" in printed
    assert "HTTP_ADDRESS" not in printed


@pytest.mark.parametrize("script", ["up.sh", "update.sh", "scale.sh", "backup.sh"])
def test_an_unknown_front_door(run: Run, script: str) -> None:
    """Each script says so before it does anything."""
    status, printed = run(script, DOOR="nginx")
    assert status == 2
    assert printed == (
        "FRONT_DOOR is nginx, but must be caddy or haproxy: "
        "change it in .env (docs/self-hosting.md).\n"
    )


@pytest.mark.parametrize("site", ["https://presence.example.org", "presence.example.org:8443"])
def test_a_site_address_that_is_no_name(run: Run, site: str) -> None:
    """Compose would make https://https://… of it."""
    status, printed = run("up.sh", SITE=site)
    assert status == 2
    assert printed.startswith(f"SITE_ADDRESS is {site}, but must be a host name alone")


def test_settings_that_compose_cannot_read(run: Run) -> None:
    """Compose says what is wrong with them. It is not FRONT_DOOR."""
    assert run("up.sh", DOOR="") == (1, "")


@pytest.fixture
def passwords(tmp_path: Path) -> Callable[..., str]:
    """Runs a copy of deploy/passwords.sh in a folder of its own; returns what it printed."""
    deploy = tmp_path / "deploy"
    deploy.mkdir()
    script = shutil.copy(ROOT / "deploy" / "passwords.sh", deploy)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REDIS_")}

    def run(**env: str) -> str:
        done = subprocess.run([script], env={**clean, **env}, capture_output=True, check=True)
        return (done.stdout + done.stderr).decode()

    return run


def test_each_user_of_redis_gets_a_password_once(
    tmp_path: Path, passwords: Callable[..., str]
) -> None:
    """Random ones, in a file that others cannot read; nothing is printed."""
    assert passwords() == ""
    written = (tmp_path / ".env").read_text()
    found = dotenv_values(stream=io.StringIO(written))
    assert set(found) == {f"REDIS_{user}_PASSWORD" for user in REDIS_USERS}
    assert len(set(found.values())) == len(REDIS_USERS)
    assert all(value and re.fullmatch("[0-9a-f]{48}", value) for value in found.values())
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert passwords() == ""
    assert (tmp_path / ".env").read_text() == written


def test_a_copy_of_the_example_is_closed_to_others(
    tmp_path: Path, passwords: Callable[..., str]
) -> None:
    """It has a token by now."""
    (tmp_path / ".env").write_text("DISCORD_TOKEN=x\n")
    (tmp_path / ".env").chmod(0o644)
    passwords()
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_passwords_that_are_set_are_kept(tmp_path: Path, passwords: Callable[..., str]) -> None:
    """In .env, also without a line break at its end, and in the environment."""
    (tmp_path / ".env").write_text("DISCORD_TOKEN=x\nREDIS_API_PASSWORD=mine")
    passwords(REDIS_ADMIN_PASSWORD="theirs")
    found = dotenv_values(tmp_path / ".env")
    assert found["REDIS_API_PASSWORD"] == "mine"
    assert found["DISCORD_TOKEN"] == "x"
    assert "REDIS_ADMIN_PASSWORD" not in found
    assert found["REDIS_WS_PASSWORD"]
