"""Ports that no other test takes."""

from __future__ import annotations

import socket
import sys

from testing.free_port import free_port
from testing.process import Process


def test_each_is_given_once() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20


def test_a_port_in_use_is_passed_over() -> None:
    first = free_port()
    with socket.create_server(("127.0.0.1", first + 1)):
        assert free_port() != first + 1


async def test_processes_have_blocks_of_their_own() -> None:
    """Also at the same time, and whichever asks first."""
    code = "from testing.free_port import free_port; print([free_port() for _ in range(50)])"
    ours = {free_port() for _ in range(50)}
    process = await Process.start(sys.executable, "-c", code)
    assert await process.ended() == 0
    theirs = {int(port) for port in process.stdout[0].strip("[]").split(",")}
    assert len(theirs) == 50
    assert not ours & theirs


async def test_the_block_is_given_back() -> None:
    """As the process ends: no socket is left for Python to complain about."""
    code = "from testing.free_port import free_port; free_port()"
    process = await Process.start(sys.executable, "-X", "dev", "-c", code)
    assert await process.ended() == 0
    assert process.stderr == []
