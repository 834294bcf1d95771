"""Children of the tests: both ways to start one, and what reaches it."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest

from testing.eventually import eventually
from testing.process import CAN_FORK, ROOT, Process, ProcessEnded

FORK = [False, pytest.param(True, marks=pytest.mark.skipif(not CAN_FORK, reason="needs Linux"))]

both_ways = pytest.mark.parametrize("fork", FORK)


async def start(folder: Path, code: str, *arguments: str, fork: bool) -> Process:
    """Run this code as a module. With the code of before, it may still be read by another."""
    program = folder / "program.py"
    if not program.exists():
        program.write_text(code)
    return await Process.start_module("program", *arguments, cwd=folder, fork=fork)


@both_ways
async def test_output_and_status_are_those_of_the_child(tmp_path: Path, fork: bool) -> None:
    code = "import sys\nprint('out', *sys.argv[1:])\nprint('err', file=sys.stderr)\nsys.exit(7)\n"
    process = await start(tmp_path, code, "a", "b c", fork=fork)
    assert await process.ended() == 7
    assert (process.stdout, process.stderr) == (["out a b c"], ["err"])
    assert sorted(process.lines) == ["err", "out a b c"]


@both_ways
async def test_an_exception_ends_it_with_a_traceback(tmp_path: Path, fork: bool) -> None:
    process = await start(tmp_path, "raise ValueError('a bug')\n", fork=fork)
    assert await process.ended() == 1
    assert process.stderr[0] == "Traceback (most recent call last):"
    assert process.stderr[-1] == "ValueError: a bug"


@both_ways
async def test_handlers_at_exit_run(tmp_path: Path, fork: bool) -> None:
    """Text in a buffer is flushed, too."""
    code = "import atexit\natexit.register(print, 'at exit')\nprint('no newline', end='')\n"
    process = await start(tmp_path, code, fork=fork)
    assert await process.ended() == 0
    assert process.stdout == ["no newlineat exit"]


@both_ways
async def test_it_has_a_pid_and_a_session_of_its_own(tmp_path: Path, fork: bool) -> None:
    code = "import os\nprint(os.getpid(), os.getsid(0), __name__, __import__('sys').argv[0])\n"
    process = await start(tmp_path, code, fork=fork)
    assert await process.ended() == 0
    pid, session, name, *_ = process.stdout[0].split()
    assert (int(pid), int(session), name) == (process.pid, process.pid, "__main__")


@both_ways
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_signals_end_it(tmp_path: Path, fork: bool, number: signal.Signals) -> None:
    """Python's own dispositions: a Ctrl-C is an exception there, and then a signal."""
    code = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"
    process = await start(tmp_path, code, fork=fork)
    await process.line_with("up")
    assert process.running
    assert await process.stop(number) == -number
    assert not process.running
    process.send(signal.SIGTERM)  # does nothing


@both_ways
async def test_a_stopped_process_goes_on(tmp_path: Path, fork: bool) -> None:
    code = (
        "import signal\nsignal.signal(signal.SIGCONT, lambda *_: print('on', flush=True))\n"
        "print('up', flush=True)\nwhile True: signal.pause()\n"
    )
    process = await start(tmp_path, code, fork=fork)
    await process.line_with("up")
    process.send(signal.SIGSTOP)
    process.send(signal.SIGCONT)
    await process.line_with("on")
    await process.kill()


@both_ways
async def test_many_run_at_once(tmp_path: Path, fork: bool) -> None:
    """Each has its own output and end."""
    code = "import sys\nprint(sys.argv[1])\nsys.exit(int(sys.argv[1]))\n"
    processes = [await start(tmp_path, code, str(number), fork=fork) for number in range(5)]
    assert await asyncio.gather(*(process.ended() for process in processes)) == [*range(5)]
    assert [process.stdout for process in processes] == [[str(number)] for number in range(5)]


@both_ways
async def test_what_it_never_writes_is_not_waited_for(tmp_path: Path, fork: bool) -> None:
    """Once it has ended; the error has what it did write."""
    process = await start(tmp_path, "print('something else')\n", fork=fork)
    with pytest.raises(ProcessEnded, match="something else"):
        await process.line_with("listening")
    assert await process.ended() == 0


@both_ways
async def test_no_file_descriptor_is_inherited(tmp_path: Path, fork: bool) -> None:
    """Not even of children that started earlier."""
    code = "import os, time\nprint(len(os.listdir('/proc/self/fd')), flush=True)\ntime.sleep(600)\n"
    processes = [await start(tmp_path, code, fork=fork) for _ in range(3)]
    for process in processes:
        assert await process.next_line() == "4"  # with the one that lists them
    for process in processes:
        await process.kill()


@both_ways
async def test_libraries_are_shared_and_our_modules_are_not(tmp_path: Path, fork: bool) -> None:
    code = (
        "import sys\nfound = {name.partition('.')[0] for name in sys.modules}\n"
        "print('hikari' in found, found & {'services', 'shared', 'tests', 'pytest'})\n"
    )
    process = await start(tmp_path, code, fork=fork)
    assert await process.ended() == 0
    assert process.stdout == [f"{fork} set()"]


@both_ways
async def test_hikari_is_as_lazy_as_in_production(tmp_path: Path, fork: bool) -> None:
    """See services/gateway/discord/lazy_hikari.py."""
    code = (
        "import sys\nimport services.gateway.__main__\nprint('GatewayBot' in vars(sys.modules"
        "['hikari']), 'hikari.impl.gateway_bot' in sys.modules)\n"
    )
    process = await start(tmp_path, code, fork=fork)
    assert await process.ended() == 0
    assert process.stdout == ["False False"]


@both_ways
async def test_the_machine_reaches_no_child(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fork: bool
) -> None:
    """Neither its environment nor the `.env` of the directory in which the tests run."""
    hostile = {"GUILD_IDS": "123456789012345678", "DISCORD_TOKEN": "MTIz.abc.def", "WS_PORT": "x"}
    (tmp_path / ".env").write_text("".join(f"{name}={text}\n" for name, text in hostile.items()))
    monkeypatch.chdir(tmp_path)
    for name, text in hostile.items():
        monkeypatch.setenv(name, text)
    process = await Process.start_module(
        "tests.testing.print_settings", env={"API_PORT": "1"}, fork=fork
    )
    assert await process.ended() == 0
    assert process.stdout == ["API_PORT=1"]


async def test_any_program_can_be_asked_over_its_pipes() -> None:
    process = await Process.start("cat", stdin=True)
    process.write_line("a")
    process.write_line("b")
    assert [await process.next_line() for _ in range(2)] == ["a", "b"]
    assert await process.stop() == -signal.SIGTERM


async def test_settings_of_the_interpreter_take_a_fresh_one(tmp_path: Path) -> None:
    code = "import sys\nprint(sys.warnoptions)\n"
    (tmp_path / "program.py").write_text(code)
    env = {"PYTHONWARNINGS": "error", "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    process = await Process.start_module("program", env=env)
    assert await process.ended() == 0
    assert process.stdout == ["['error']"]


# What else starts programs: none of them is a process of Grux that reads settings, but that of
# test_child_process.py, which is about asyncio's own class.
OTHERS = {
    *("testing/fork_server.py", "testing/process.py", "testing/redis_server.py"),
    *("tests/deploy/nginx.py", "tests/deploy/test_prometheus.py", "tests/testing/test_process.py"),
    *("tests/run/test_child_process.py", "tests/shared/startup/test_bootstrap.py"),
    *("tests/run/test_commands.py", "tests/deploy/test_redis_users.py"),  # with a clean environment
    *("tests/lanyard_clients/node_clients.py", "tests/toolchains/conftest.py"),  # start Node
    "tests/ws/events/test_stream.py",  # starts curl
}


def test_there_is_no_other_launcher() -> None:
    """So that nothing else can pass the machine's settings on."""
    starts = re.compile(r"create_subprocess_exec\(|Popen\(")
    found = {
        str(file.relative_to(ROOT))
        for room in ("testing", "tests", "chaos", "bench")
        for file in (ROOT / room).rglob("*.py")
        if starts.search(file.read_text())
    }
    assert found <= OTHERS


@pytest.mark.skipif(not CAN_FORK, reason="needs Linux")
async def test_children_die_with_the_process_that_started_them(tmp_path: Path) -> None:
    """Even where it is killed and can end none."""
    starter = """
import asyncio
from testing.process import Process

async def main():
    for fork in (False, True):
        child = await Process.start_module("tests.testing.print_settings", "wait", fork=fork)
        print(child.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    process = await start(tmp_path, starter, fork=False)
    pids = [int(await process.next_line()) for _ in range(2)]
    await process.kill()
    await eventually(lambda: not any(_alive(pid) for pid in pids))


def _alive(pid: int) -> bool:
    """Whether it runs: a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
