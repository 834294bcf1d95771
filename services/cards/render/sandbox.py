"""What a render process may do on Linux: compute, and read its own code and fonts.

It decodes images of strangers. If a decoder is taken over, there is nothing to gain: no secret (the
service has the same user, so /proc would show its environment), no network, no other program. The
kernel enforces it: Landlock (landlock(7), Linux 5.13) files, signals and the memory of other
processes; seccomp(2) sockets and programs. Neither needs a privilege. Where the kernel lacks one of
them, the process runs without it: its own environment is empty, and `hide_memory` hides that of the
service.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

PR_SET_DUMPABLE: Final = 4  # prctl(2)
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_SECCOMP: Final = 22
SECCOMP_MODE_FILTER: Final = 2

LANDLOCK_CREATE_RULESET: Final = 444  # the same number on every architecture
LANDLOCK_ADD_RULE: Final = 445
LANDLOCK_RESTRICT_SELF: Final = 446
LANDLOCK_CREATE_RULESET_VERSION: Final = 1
LANDLOCK_RULE_PATH_BENEATH: Final = 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3

_FS_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many, by version
_NET_VERSION: Final = 4
_SCOPE_VERSION: Final = 6

_ROOT: Final = Path(__file__).parents[3]
READABLE: Final = (
    *(str(_ROOT / name) for name in ("services", "shared")),
    *(sys.prefix, sys.base_prefix, "/usr/lib", "/usr/local/lib", "/lib", "/lib64"),
    "/etc/ld.so.cache",
    # The fonts of the machine, where it has some.
    *("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/fontconfig", "/etc/fonts"),
)


class _Syscalls(Struct, frozen=True):
    audit_arch: int  # AUDIT_ARCH_* of linux/audit.h
    denied: tuple[int, ...]


# socket, connect, socketpair, execve, execveat, ptrace, process_vm_readv, process_vm_writev,
# io_uring_setup
_SYSCALLS: Final = {
    "x86_64": _Syscalls(0xC000003E, (41, 42, 53, 59, 322, 101, 310, 311, 425)),
    "aarch64": _Syscalls(0xC00000B7, (198, 203, 199, 221, 281, 117, 270, 271, 425)),
}

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000  # SECCOMP_RET_ALLOW
_REFUSE: Final = 0x00050001  # SECCOMP_RET_ERRNO with EPERM
_NUMBER_OFFSET: Final = 0  # in struct seccomp_data
_ARCH_OFFSET: Final = 4
_X32: Final = 0x40000000  # the same system calls under other numbers


def confine() -> tuple[str, ...]:
    """Give up everything else, for good. Names what the kernel enforces now."""
    if sys.platform != "linux":
        return ()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ()
    enforced = []
    with suppress(OSError):
        _restrict_files(libc)
        enforced.append("landlock")
    with suppress(OSError, KeyError):
        _deny_syscalls(libc, _SYSCALLS[platform.machine()])
        enforced.append("seccomp")
    return tuple(enforced)


def hide_memory() -> None:
    """For the service: processes of the same user cannot read its memory and its environment."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _restrict_files(libc: ctypes.CDLL) -> None:
    """Raises OSError."""
    version = _checked(
        libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    )
    rights = (1 << _FS_RIGHTS.get(version, max(_FS_RIGHTS.values()))) - 1
    net = 0b11 if version >= _NET_VERSION else 0  # binding and connecting TCP sockets
    scoped = 0b11 if version >= _SCOPE_VERSION else 0  # abstract Unix sockets and signals
    attributes = struct.pack("=QQQ", rights, net, scoped)
    size = 24 if version >= _SCOPE_VERSION else 16 if version >= _NET_VERSION else 8
    ruleset = _checked(libc.syscall(LANDLOCK_CREATE_RULESET, attributes, size, 0))
    try:
        for path in READABLE:
            with suppress(FileNotFoundError):
                _allow_reading(libc, ruleset, path)
        _checked(libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = READ_FILE | READ_DIR if Path(path).is_dir() else READ_FILE
        rule = struct.pack("=Qi", rights, beneath)
        kind = LANDLOCK_RULE_PATH_BENEATH
        _checked(libc.syscall(LANDLOCK_ADD_RULE, ruleset, kind, rule, 0))
    finally:
        os.close(beneath)


def _deny_syscalls(libc: ctypes.CDLL, calls: _Syscalls) -> None:
    """Raises OSError."""
    program = _filter(calls)
    code = ctypes.create_string_buffer(b"".join(program))
    head = struct.pack("@HP", len(program), ctypes.addressof(code))
    _checked(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0))


def _filter(calls: _Syscalls) -> Sequence[bytes]:
    """A program in classic BPF: jumps count the instructions that they skip."""
    count = len(calls.denied)
    return [
        _instruction(_LOAD, _ARCH_OFFSET),
        _instruction(_JUMP_EQUAL, calls.audit_arch, when_not=count + 3),
        _instruction(_LOAD, _NUMBER_OFFSET),
        _instruction(_JUMP_AT_LEAST, _X32, when=count + 1),
        *(
            _instruction(_JUMP_EQUAL, number, when=count - index)
            for index, number in enumerate(calls.denied)
        ),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, _REFUSE),
    ]


def _instruction(code: int, operand: int, *, when: int = 0, when_not: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, when_not, operand)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
