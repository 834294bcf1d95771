"""How a service starts and stops, shown with one that does nothing."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.version import VERSION
from testing.eventually import PATIENCE

ROOT = Path(__file__).parents[3]

SERVICE = """
import asyncio, sys, time
from shared.config import ConfigError, Settings
from shared.net.listen import CannotListen
from shared.startup import bootstrap

class Refused(Exception): pass

def check(settings):
    if settings.log_format == "json":
        raise ConfigError("LOG_FORMAT must be console here")

async def serve(process):
    print("serving", flush=True)
    {body}
    return "3 deeds"

sys.exit(bootstrap.run(
    "idler",
    Settings,
    serve,
    redis_commands=(("PING",),),
    durable_commands=(("PING",),),
    check=check,
    operator_errors=(Refused,),
))
"""


@asynccontextmanager
async def service(folder: Path, body: str, **settings: str) -> AsyncIterator[Process]:
    """The process, in a folder without a .env file and with no other settings."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVICE.replace("{body}", body)),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "REDIS_URL": "redis://127.0.0.1:1", **settings},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def printed(process: Process, *lines: str) -> None:
    """Wait for these lines."""
    assert process.stdout is not None
    for line in lines:
        assert await process.stdout.readline() == f"{line}\n".encode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it(tmp_path: Path, number: signal.Signals) -> None:
    """It stops in its own way, logs its totals in the last line, and exits with 0."""
    body = "stop = asyncio.Event(); process.on_stop(stop.set); print('armed', flush=True)"
    async with service(tmp_path, f"{body}; await stop.wait()") as process:
        await printed(process, "serving", "armed")
        process.send_signal(number)
        _, errors = await process.communicate()
    assert process.returncode == 0
    assert re.fullmatch(r".* idler    INFO    stopped after 0 s: 3 deeds\n", errors.decode())


async def test_a_second_signal_ends_it_though_its_loop_is_blocked(tmp_path: Path) -> None:
    """The first signal is taken up when the loop turns again; the second needs no loop."""
    body = "process.on_stop(lambda: None); print('blocked', flush=True); time.sleep(600)"
    async with service(tmp_path, body) as process:
        await printed(process, "serving", "blocked")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 1


async def test_a_signal_before_it_serves_ends_it(tmp_path: Path) -> None:
    """There is nothing to drain yet: exit code 0, and no line."""
    async with service(tmp_path, "await asyncio.sleep(600)") as process:
        await printed(process, "serving")
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"METRICS_PORT": "many"}, "idler: METRICS_PORT must be a whole number"),
        ({"LOG_FORMAT": "json"}, "idler: LOG_FORMAT must be console here"),
        ({"METRICS_PORT": "9", "METRICS_HOST": "192.0.2.1"}, "idler: METRICS_HOST '192.0.2.1' is"),
    ],
)
async def test_a_setting_that_cannot_be_used(
    tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    """One line that names the setting, and exit code 2. It never serves."""
    async with service(tmp_path, "pass", **settings) as process:
        out, errors = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert errors.decode().startswith(message)
    assert errors.count(b"\n") == 1


async def test_it_cannot_listen(tmp_path: Path) -> None:
    """One line, and exit code 1."""
    async with service(tmp_path, "raise CannotListen('IDLER_PORT 1 is taken')") as process:
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (1, b"idler: IDLER_PORT 1 is taken\n")


@pytest.mark.parametrize(
    "body",
    ["raise Refused('the token')", "raise ExceptionGroup('', [Refused('the token'), Refused()])"],
)
async def test_what_only_the_operator_can_fix(tmp_path: Path, body: str) -> None:
    """One log line without a traceback, and exit code 1."""
    async with service(tmp_path, body) as process:
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert re.fullmatch(r".* idler    ERROR   the token\n", errors.decode())


async def test_a_bug_ends_it_with_its_traceback(tmp_path: Path) -> None:
    """Also one that comes together with what the operator can fix. Exit code 1."""
    body = "raise ExceptionGroup('', [Refused('the token'), ValueError('a bug')])"
    async with service(tmp_path, body) as process:
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"CRITICAL" in errors
    assert b"ValueError: a bug" in errors


async def test_the_version_starts_nothing(tmp_path: Path) -> None:
    """`--version` is answered whatever the settings are; other arguments are refused in a line."""
    script = SERVICE.replace("{body}", "pass")
    for argument, status in (("--version", 0), ("--verson", 2)):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, argument),
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "REDIS_URL": "nowhere"},
            stdout=PIPE,
            stderr=PIPE,
        )
        async with asyncio.timeout(PATIENCE):
            out, errors = await process.communicate()
        assert process.returncode == status
        if status == 0:
            assert (out.decode(), errors) == (f"Grux {VERSION}\n", b"")
        else:
            assert out == b""
            assert errors.startswith(b"idler: there are no arguments but --version")


@pytest.mark.parametrize(
    ("location", "reason"),
    [("{host}/99", "Redis does not have the database"), ("nobody:wrong@{host}/0", "Redis rejects")],
)
async def test_a_durable_redis_that_refuses(
    tmp_path: Path, redis_url: str, location: str, reason: str
) -> None:
    """Before it serves: otherwise each write would fail later, and nothing would say why."""
    host = redis_url.removeprefix("redis://").partition("/")[0]
    durable = "redis://" + location.format(host=host)
    async with service(tmp_path, "pass", DURABLE_REDIS_URL=durable) as process:
        out, errors = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert errors.decode().startswith(f"idler: DURABLE_REDIS_URL: {reason}")
    assert b"wrong" not in errors
