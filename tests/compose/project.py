"""docker-compose.yml, started under its own project name, and what tests do to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from testing.free_port import free_port

ROOT = Path(__file__).parents[2]
UP_WITHIN = 200  # seconds, including building the images
ASKED_WITHIN = 60  # seconds for any one command

ROBIN = "161092844126208001"
XENIA = "890756507421900801"  # a simulated user that changes only when told to

REDIS = "redis:8-alpine"
GRUX = ("gateway", "api", "ws", "cards")
OURS = (*GRUX, "simulator")
FRONT_DOORS = ("caddy", "haproxy")
REDIS_USERS = ("ADMIN", *(name.upper() for name in GRUX), "WEBHOOKS")

FETCH = "import sys,urllib.request as u;print(u.urlopen(u.Request(*sys.argv[1:2],sys.argv[2].encode() or None)).read().decode())"  # noqa: E501
"""A program that requests a URL from inside a container: GET, or POST if there is a body."""


class Project:
    """`with Project() as project:` builds and starts everything, and removes it at the end."""

    def __init__(self) -> None:
        self.name = f"grux-test-{os.getpid()}"
        self.port, self.https_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="grux-compose-")
        self.folder = Path(self._folder.name)
        self.said = ""  # what `make up` printed last
        override = self.folder / "override.yml"
        override.write_text(_override())
        self.env = {
            **{name: value for name, value in os.environ.items() if not _is_setting(name)},
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_FILE": f"{ROOT / 'docker-compose.yml'}:{override}",
            "COMPOSE_ENV_FILES": os.devnull,  # a developer's .env must not influence the tests
            "GRUX_VERSION": self.name,
            "GRUX_REVISION": "first",
            "API_REPLICAS": "2",
            "WS_REPLICAS": "2",
            "HTTP_ADDRESS": f"127.0.0.1:{self.port}",
            "DUAL_STACK_SUBNET": f"fd67:7275:{os.getpid() % 65536:x}::/64",
            **{f"REDIS_{user}_PASSWORD": f"of{user}" for user in REDIS_USERS},
        }

    def __enter__(self) -> Self:
        try:
            self._make_redis_volume()
            self.open(FRONT_DOORS[0])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.compose("down", "--volumes", "--timeout", "5", check=False)
        parts = ("cards", "caddy", "haproxy", "simulator")
        images = [f"{name}:{self.name}" for name in ("grux", *(f"grux-{one}" for one in parts))]
        self.run("docker", "rmi", "--force", *images, check=False)
        self._folder.cleanup()

    def open(self, front_door: str) -> None:
        """`make up` with this FRONT_DOOR."""
        self.env["FRONT_DOOR"] = front_door
        self.said = self.run("deploy/up.sh", within=UP_WITHIN)

    def add(self, compose_file: Path) -> None:
        """Compose reads this file too from now on."""
        self.env["COMPOSE_FILE"] += f":{compose_file}"

    def run(
        self,
        *command: str,
        check: bool = True,
        stderr: bool = False,
        within: float = ASKED_WITHIN,
        settings: Mapping[str, str] | None = None,
    ) -> str:
        """The output of a command; with `stderr`, its error output too."""
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
        """The ids of the running containers."""
        return self.compose("ps", "--quiet", *([service] if service else [])).split()

    def inspect(self, container: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", container))
        return found[0]

    def service(self, container: str) -> str:
        labels = self.inspect(container)["Config"]["Labels"]
        return str(labels["com.docker.compose.service"])

    def inside(self, container: str, *command: str, check: bool = True) -> str:
        """The output of a command that runs in a container."""
        return self.run("docker", "exec", container, *command, check=check)

    def metric(self, container: str, name: str) -> float:
        """The value of a metric of a service."""
        page = self.inside(container, "python", "-c", FETCH, "http://127.0.0.1:9100/metrics", "")
        return next(float(line.split()[1]) for line in page.splitlines() if line.startswith(name))

    def await_users(self, *user_ids: str) -> None:
        """Return when all of these are served."""
        deadline = time.monotonic() + ASKED_WITHIN
        for user_id in user_ids:
            while (status := self._status(f"/user/{user_id}")) != 200:
                assert time.monotonic() < deadline, f"{user_id} is not served: {status}"
                time.sleep(0.05)

    def control(self, verb: str, **fields: object) -> None:
        """Send a command to the simulator (docs/simulator.md, Control)."""
        url = f"http://127.0.0.1:8100/control/{verb}"
        (simulator,) = self.containers("simulator")
        self.inside(simulator, "python", "-c", FETCH, url, json.dumps(fields))

    def crash(self, container: str) -> None:
        """Kill its processes. Unlike `docker kill`, after this Docker restarts the container."""
        os.kill(self.inspect(container)["State"]["Pid"], signal.SIGKILL)

    def starts(self, container: str) -> tuple[int, str]:
        """How often Docker restarted it, and its health."""
        state = self.inspect(container)
        return state["RestartCount"], state["State"].get("Health", {}).get("Status", "")

    def _status(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ASKED_WITHIN)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def _make_redis_volume(self) -> None:
        """For Redis images in which, unlike the official one, /data belongs to root."""
        writes = ("run", "--rm", "--user", "redis", REDIS, "test", "-w", "/data")
        if subprocess.run(["docker", *writes], capture_output=True, check=False).returncode == 0:
            return
        volume = f"{self.name}_redis"
        project = f"com.docker.compose.project={self.name}"
        labels = ("--label", project, "--label", "com.docker.compose.volume=redis")
        self.run("docker", "volume", "create", *labels, volume)
        give = "chown redis /data && touch /data/made"  # not empty: keeps its owner
        self.run("docker", "run", "--rm", "-v", f"{volume}:/data", REDIS, "sh", "-c", give)


def _override() -> str:
    """A compose file with what tests need to be different."""
    init = ["docker", "run", "--rm", "--init", "python:3.13-slim", "true"]
    has_init = subprocess.run(init, capture_output=True, check=False).returncode == 0
    lines = ["services:"]
    for name in ("redis", *FRONT_DOORS, *OURS):
        lines += [f"  {name}:", f"    init: {str(has_init).lower()}"]
        if name in GRUX:
            lines += ["    env_file: !reset []"]
        if name == "api":
            lines += ["    environment: {API_REQUESTS_PER_MINUTE: 30}"]
    return "\n".join(lines) + "\n"


def _is_setting(name: str) -> bool:
    """Whether docker-compose.yml could read this variable of the developer's environment."""
    return f"${{{name}:" in (ROOT / "docker-compose.yml").read_text() and name != "PIP_CONFIG_FILE"
