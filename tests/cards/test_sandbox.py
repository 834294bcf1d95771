"""A render process that is taken over finds no secret, no network and no other program."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from services.cards.render import sandbox
from testing.process import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have other means")

PREFIX = """\
import os, socket, sys
from services.cards.render import sandbox
print(*sandbox.confine(), flush=True)
"""


def confined(code: str) -> tuple[set[str], str]:
    """What the kernel enforced, and what the code printed in a confined process."""
    done = subprocess.run(
        [sys.executable, "-c", PREFIX + code],
        cwd=ROOT,
        env={"TOKEN": "hunter2"},
        capture_output=True,
        text=True,
        check=False,
    )
    first, _, rest = done.stdout.partition("\n")
    return set(first.split()), rest + done.stderr


@pytest.mark.parametrize(
    ("layer", "attempt"),
    [
        ("landlock", "open(f'/proc/{os.getppid()}/environ', 'rb').read()"),
        ("landlock", "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)"),
        ("landlock", "open('/proc/1/environ', 'rb').read()"),
        ("landlock", "open('.env', 'rb').read() if os.path.exists('.env') else open('Makefile')"),
        ("landlock", "open('/etc/passwd').read()"),
        ("landlock", "os.listdir('/')"),
        ("landlock", "open('/tmp/grux-sandbox-test', 'w')"),
        ("landlock", "open(sandbox.__file__, 'a')"),
        ("seccomp", "socket.socket()"),
        ("seccomp", "socket.socket(socket.AF_UNIX)"),
        ("seccomp", "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)"),
        ("seccomp", "socket.socketpair()"),
        ("seccomp", "os.execv(sys.executable, [sys.executable, '-c', ''])"),
    ],
)
def test_it_can_reach_nothing(layer: str, attempt: str) -> None:
    """Not even as root. A kernel without that layer skips its tests."""
    enforced, said = confined(attempt)
    if layer not in enforced:
        pytest.skip(f"this kernel has no {layer}")
    assert "PermissionError" in said


def test_it_signals_no_other_process() -> None:
    """Since Landlock's sixth version."""
    _, said = confined("os.kill(os.getppid(), 0)\nprint('sent')")
    if "sent" in said:
        pytest.skip("this kernel's Landlock does not restrict signals")
    assert "PermissionError" in said


def test_it_can_still_read_its_code_and_fonts() -> None:
    """Modules and fonts are loaded when they are first needed."""
    code = (
        "import colorsys, wave\n"
        "from pathlib import Path\n"
        "from services.cards import app\n"
        "import services.cards.render.fonts as fonts\n"
        "folder = Path(sandbox.__file__).parents[1] / 'fonts'\n"
        "print(sum(len(one.read_bytes()) > 0 for one in folder.glob('*.ttf')) > 5)"
    )
    assert confined(code)[1] == "True\n"


def test_the_filter_refuses_other_architectures() -> None:
    """32-bit calls have other numbers. Each jump leads to one of the last two instructions."""
    calls = sandbox._SYSCALLS.get(platform.machine())
    if calls is None:
        pytest.skip("no filter for this architecture")
    program = sandbox._filter(calls)
    allow, refuse = len(program) - 2, len(program) - 1
    assert 1 + 1 + program[1][3] == refuse
    assert 3 + 1 + program[3][2] == refuse
    for index in range(4, allow):
        assert index + 1 + program[index][2] == refuse


SERVICE = """\
import ctypes, os
from services.cards.render import sandbox
if os.getuid() == 0:  # root may read everything
    os.setuid(65534)
ctypes.CDLL(None).prctl(sandbox.PR_SET_DUMPABLE, 1, 0, 0, 0)  # as after a start without setuid
if {hidden}:
    sandbox.hide_memory()
if os.fork() == 0:
    print(open(f'/proc/{{os.getppid()}}/environ').read())
else:
    os.wait()
"""


@pytest.mark.parametrize("hidden", [True, False])
def test_the_service_hides_its_environment(hidden: bool) -> None:
    """From processes of the same user, where Landlock is missing."""
    done = subprocess.run(
        [sys.executable, "-c", SERVICE.format(hidden=hidden)],
        cwd=ROOT,
        env={"TOKEN": "hunter2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("hunter2" in done.stdout) is not hidden
    assert ("PermissionError" in done.stderr) is hidden
