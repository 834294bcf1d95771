"""Why a server cannot listen at an address, in words that name the settings to change."""

from __future__ import annotations

import errno
import socket

from msgspec import Struct


class CannotListen(Exception):
    """Raised when an address cannot be listened at; the text names the setting to change."""


class ListenProblem(Struct, frozen=True):
    """What is wrong, and what to do. `str()` makes one sentence of both."""

    cause: str  # begins with the setting's name
    remedy: str  # an imperative, in lower case

    def __str__(self) -> str:
        return f"{self.cause}: {self.remedy}"


def listen_problem(error: OSError, host: str, port: int, port_setting: str) -> ListenProblem:
    """Explain `error`, raised by resolving `host` or by binding `host` and `port`.

    `port_setting` is the name of the port's setting, such as API_PORT; API_HOST then is the host's.
    """
    host_setting = port_setting.replace("PORT", "HOST")
    if error.errno == errno.EADDRINUSE:
        return port_taken(port, port_setting)
    if error.errno == errno.EACCES:
        return ListenProblem(
            f"{port_setting} {port} is not allowed for this account",
            f"set {port_setting} to 1024 or more",
        )
    remedy = f"set {host_setting} to an address of this machine, such as 127.0.0.1"
    if isinstance(error, socket.gaierror):
        return ListenProblem(f"{host_setting} {host!r} is not known ({error.strerror})", remedy)
    return ListenProblem(
        f"{host_setting} {host!r} is not an address of this machine ({error.strerror})", remedy
    )


def port_taken(port: int, port_setting: str) -> ListenProblem:
    """Another program listens there."""
    return ListenProblem(
        f"{port_setting} {port} is in use by another program",
        f"stop that program, or set {port_setting} to a free port",
    )
