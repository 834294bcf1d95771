"""The large form works in a small one: every run has figures, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from bench import kernel
from bench.child import ProcessFailed
from bench.figures import Results
from bench.scale import crowds
from bench.scale.__main__ import SOCKETS, WS
from shared.net.connection_limiter import RESERVED_FILES
from testing.process import Process
from tests.bench.test_bench import measures

LOST_NOTHING = 0


@pytest.fixture
def short_path() -> Iterator[Path]:
    """The path of a Unix socket has 97 characters at most, for HAProxy."""
    with tempfile.TemporaryDirectory(prefix="grux-") as folder:
        yield Path(folder)


async def scale(folder: Path, *arguments: str) -> Mapping[str, float]:
    """The figures of a run in small form, by name."""
    file = folder / "results.json"
    process = await Process.start_module("bench.scale", *arguments, "--quick", "--json", str(file))
    assert await process.ended(within=120) == LOST_NOTHING, process.lines
    results = msgspec.json.decode(file.read_bytes(), type=Results)
    return {figure.name: figure.value for figure in results.figures}


@measures
async def test_clients_survive_a_rolling_restart(tmp_path: Path) -> None:
    """Behind HAProxy, if it is installed. No client stays away, and none has an old state."""
    found = await scale(tmp_path, "sockets")
    assert found["clients without the newest state after it"] == 0
    assert found["changes that went back to an older state"] == 0
    assert found["a rolling restart of 2 ws"] > 0
    assert found["200 sockets, CPU of a frame, ws"] > 0
    assert found["200 sockets, CPU of a connect, ws"] > 0


@measures
async def test_every_change_of_a_watched_user_reaches_its_client(tmp_path: Path) -> None:
    found = await scale(tmp_path, "changes")
    assert found["clients that do not show the newest state at the end"] == 0
    assert {f"CPU of {name} a second" for name in ("gateway", "Redis", "ws")} < set(found)
    assert all(value > 0 for name, value in found.items() if " of " in name)


@measures
async def test_saves_are_counted_by_masters(tmp_path: Path) -> None:
    found = await scale(tmp_path, "masters")
    for servers in ("one server", "a cluster of 2 masters"):
        assert found[f"Redis, {servers}: saves a second, with a core for each"] > 0
        assert found[f"Redis, {servers}: CPU of a save, all masters"] > 0


@measures
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_that_is_stopped_leaves_nothing(
    short_path: Path, number: signal.Signals
) -> None:
    """No process, and no file."""
    process = await Process.start_module(
        "bench.scale", "sockets", "--quick", "--sockets", "20", env={"TMPDIR": str(short_path)}
    )
    await process.line_with("20 sockets are open")
    started = kernel.family(process.pid)[1:]
    assert len(started) >= 4  # Redis, two ws, the clients
    process.send(number)
    assert await process.ended(within=60) == 130, process.lines
    assert [pid for pid in started if kernel.threads(pid)] == []
    assert os.listdir(short_path) == []


def test_no_process_needs_more_files_than_it_may_open() -> None:
    """A proxy needs two for a client. During a restart, the others hold what one of them held."""
    layout = crowds.layout(SOCKETS, 20_000, ws=WS, proxied=True, tls=True)
    assert (layout.ws, layout.proxies, layout.clients) == (6, 14, 6)
    assert layout.sockets / layout.ws < 20_000 - RESERVED_FILES
    small = crowds.layout(200, 1024, ws=2, proxied=False, tls=True)
    assert (small.ws, small.proxies, small.clients, small.tls) == (2, 0, 1, False)


def test_without_room_for_connections_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that tracks them drops the packets of those that it has no room for."""
    room = {"nf_conntrack_count": "70000", "nf_conntrack_max": "262144"}
    monkeypatch.setattr(Path, "read_text", lambda path: room[path.name])
    crowds.check_tracking(50_000)
    with pytest.raises(ProcessFailed, match="unshare --net"):
        crowds.check_tracking(100_000)
