"""docker-compose.yml brought up under a name of its own, and what a test may do to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from testing.free_port import free_port

ROOT = Path(__file__).parents[2]
UP_WITHIN = 200  # seconds, with the images
ASKED_WITHIN = 60  # seconds that any one command may take

REDIS = "redis:8-alpine"
GRUX = ("gateway", "api", "ws")
OURS = (*GRUX, "simulator")

FETCH = "import sys,urllib.request as u;print(u.urlopen(u.Request(*sys.argv[1:2],sys.argv[2].encode() or None)).read().decode())"  # noqa: E501
"""A program that fetches an address from inside a container: GET, or POST when there is a body."""


class Project:
    """`with Project() as project:` builds the images, and takes all of it away at the end."""

    def __init__(self) -> None:
        self.name = f"grux-test-{os.getpid()}"
        self.port, self.https_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="grux-compose-")
        override = Path(self._folder.name) / "override.yml"
        override.write_text(_override())
        self.env = {
            **{name: value for name, value in os.environ.items() if not _is_setting(name)},
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_FILE": f"{ROOT / 'docker-compose.yml'}:{override}",
            "COMPOSE_ENV_FILES": os.devnull,  # what a developer's .env says is not tried here
            "GRUX_VERSION": self.name,
            "HTTP_ADDRESS": f"127.0.0.1:{self.port}",
        }

    def __enter__(self) -> Self:
        try:
            self._make_redis_volume()
            scaled = ("--scale", "api=2", "--scale", "ws=2")
            self.said = self.run("deploy/up.sh", *scaled, within=UP_WITHIN)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.compose("down", "--volumes", "--timeout", "5", check=False)
        images = [f"{name}:{self.name}" for name in ("grux", "grux-caddy", "grux-simulator")]
        self.run("docker", "rmi", "--force", *images, check=False)
        self._folder.cleanup()

    def run(
        self,
        *command: str,
        check: bool = True,
        stderr: bool = False,
        within: float = ASKED_WITHIN,
        settings: Mapping[str, str] | None = None,
    ) -> str:
        """What a command prints, with `stderr` what it complains of as well."""
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**self.env, **(settings or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            )
        return done.stdout + (done.stderr if stderr else "")

    def compose(
        self, *arguments: str, check: bool = True, settings: Mapping[str, str] | None = None
    ) -> str:
        demo = ("docker", "compose", "--profile", "demo")
        return self.run(*demo, *arguments, check=check, settings=settings)

    def containers(self, service: str = "") -> list[str]:
        """The ids of those that run."""
        return self.compose("ps", "--quiet", *([service] if service else [])).split()

    def inspect(self, container: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", container))
        return found[0]

    def service(self, container: str) -> str:
        labels = self.inspect(container)["Config"]["Labels"]
        return str(labels["com.docker.compose.service"])

    def inside(self, container: str, *command: str, check: bool = True) -> str:
        """What a command prints that is run in a container."""
        return self.run("docker", "exec", container, *command, check=check)

    def metric(self, container: str, name: str) -> float:
        """A number that a part of Grux tells of itself."""
        page = self.inside(container, "python", "-c", FETCH, "http://127.0.0.1:9100/metrics", "")
        return next(float(line.split()[1]) for line in page.splitlines() if line.startswith(name))

    def control(self, verb: str, **fields: object) -> None:
        """Tell the simulator: docs/simulator.md, Control."""
        url = f"http://127.0.0.1:8100/control/{verb}"
        (simulator,) = self.containers("simulator")
        self.inside(simulator, "python", "-c", FETCH, url, json.dumps(fields))

    def crash(self, container: str) -> None:
        """End its processes at once. Unlike `docker kill`, which counts as the operator's wish."""
        os.kill(self.inspect(container)["State"]["Pid"], signal.SIGKILL)

    def starts(self, container: str) -> tuple[int, str]:
        """How often it was started again by Docker, and whether it is well."""
        state = self.inspect(container)
        return state["RestartCount"], state["State"].get("Health", {}).get("Status", "")

    def _make_redis_volume(self) -> None:
        """Where the Redis image does not give /data to its user, as the official one does."""
        writes = ("run", "--rm", "--user", "redis", REDIS, "test", "-w", "/data")
        if subprocess.run(["docker", *writes], capture_output=True, check=False).returncode == 0:
            return
        volume = f"{self.name}_redis"
        project = f"com.docker.compose.project={self.name}"
        labels = ("--label", project, "--label", "com.docker.compose.volume=redis")
        self.run("docker", "volume", "create", *labels, volume)
        give = "chown redis /data && touch /data/made"  # an empty volume would be given back
        self.run("docker", "run", "--rm", "-v", f"{volume}:/data", REDIS, "sh", "-c", give)


def _override() -> str:
    """What a test needs to be different, in compose's own terms."""
    init = ["docker", "run", "--rm", "--init", "python:3.13-slim", "true"]
    has_init = subprocess.run(init, capture_output=True, check=False).returncode == 0
    lines = ["services:"]
    for name in ("redis", "caddy", *OURS):
        lines += [f"  {name}:", f"    init: {str(has_init).lower()}"]
        if name in GRUX:
            lines += ["    env_file: !reset []"]
        if name == "api":
            lines += ["    environment: {API_REQUESTS_PER_MINUTE: 30}"]
    return "\n".join(lines) + "\n"


def _is_setting(name: str) -> bool:
    """Whether docker-compose.yml might take this variable of the developer's."""
    return f"${{{name}:" in (ROOT / "docker-compose.yml").read_text() and name != "PIP_CONFIG_FILE"
