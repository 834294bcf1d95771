"""``python -m simulator`` as a user runs it."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from simulator import DEFAULT_TOKEN
from simulator.__main__ import description, parse
from simulator.options import Options
from testing.eventually import PATIENCE
from testing.process import Process


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[tuple[Process, str]]:
    """The command, listening; its URL. It is killed in the end if it still runs."""
    process = await Process.start_module("simulator", "--port", "0", *arguments)
    try:
        line = await process.next_line()
        match = re.fullmatch(r"simulator: listening on (http://127\.0\.0\.1:\d+)", line)
        assert match is not None, line
        yield process, match.group(1)
    finally:
        await process.kill()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_well(signum: signal.Signals) -> None:
    """Exit 0 on Ctrl-C and SIGTERM, also with a client connected."""
    async with running("--members", "20000") as (process, url), aiohttp.ClientSession() as http:
        async with http.get(f"{url}/api/v10/gateway") as response:
            gateway = (await response.json())["url"]
        async with http.ws_connect(f"{gateway}?v=10&encoding=json") as ws:
            assert (await ws.receive_json())["op"] == 10
            process.send(signum)
            async with asyncio.timeout(PATIENCE):
                closed = await ws.receive()
                assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        assert await process.ended() == 0


async def test_it_says_how_to_use_it() -> None:
    """Token, API, CDN, profile source and control are printed after the first line."""
    async with running() as (process, url):
        await process.stop()
    for line in (
        f"DISCORD_TOKEN={DEFAULT_TOKEN}",
        f"DISCORD_API_URL={url}/api/v10",
        f"DISCORD_CDN_URL={url}/cdn",
        f"PROFILE_UPSTREAM_URL={url}/profiles/{{user_id}}",
        f"{url}/control",
        "161092844126208001",
    ):
        assert line in process.output


async def test_a_taken_port_is_named() -> None:
    """Exit 1 and the address, in a line of its own."""
    async with running() as (_, url):
        port = url.rpartition(":")[2]
        second = await Process.start_module("simulator", "--port", port)
        assert await second.ended() == 1
    [error] = second.stderr
    assert f"cannot listen on 127.0.0.1:{port}" in error


def test_flags_become_options() -> None:
    """Numbers, words and switches; ``--rate max`` is full speed."""
    options = parse(["--members", "7", "--rate", "max", "--no-allow-presences", "--token", "t"])
    assert (options.members, options.rate) == (7, None)
    assert (options.allow_presences, options.token) == (False, "t")
    assert parse([]) == Options()


@pytest.mark.parametrize("bad", [["--members", "0"], ["--port", "70000"], ["--rate", "fast"]])
def test_bad_flags_are_named(bad: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, as for every misused command, and the option's name."""
    with pytest.raises(SystemExit) as ended:
        parse(bad)
    assert ended.value.code == 2
    assert bad[0].lstrip("-") in capsys.readouterr().err


def test_every_option_is_described() -> None:
    """In the help, and on the page."""
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    for field in msgspec.structs.fields(Options):
        assert description(field.name)
        assert f"`--{field.name.replace('_', '-')}`" in page


def test_the_package_is_light() -> None:
    """Reading the default token imports nothing of the server, and no room but its own."""
    code = (
        "import sys; import simulator; assert 'aiohttp' not in sys.modules;"
        "import simulator.server; found = {name.partition('.')[0] for name in sys.modules};"
        "print(sorted(found & {'hikari', 'services', 'shared', 'redis'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
