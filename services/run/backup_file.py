"""The file of `backup` and `restore`: a line of JSON for each key, between a head and an end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from shared.redis import durable_backup
from shared.redis.durable_backup import DurableEntry
from shared.version import VERSION

FORMAT: Final = 1

_encode: Final = msgspec.json.Encoder().encode
_decode_entry: Final = msgspec.json.Decoder(DurableEntry).decode


class NoBackup(Exception):
    """Raised for what is no whole backup. The text says why."""


class _Head(Struct, frozen=True):
    grux_backup: int  # FORMAT
    version: str  # of Grux
    made_at: str  # ISO 8601


class _End(Struct, frozen=True):
    entries: int
    sha256: str = ""  # of the lines between head and end; empty: of an earlier version


class BackupLines:
    """The lines of a file that is being written."""

    def __init__(self) -> None:
        self.count = 0  # keys so far
        self._digest = hashlib.sha256()

    def head(self) -> bytes:
        """The first line."""
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        return _encode(_Head(FORMAT, VERSION, made_at)) + b"\n"

    def line(self, entry: DurableEntry) -> bytes:
        """The line of a key."""
        line = _encode(entry) + b"\n"
        self.count += 1
        self._digest.update(line)
        return line

    def end(self) -> bytes:
        """The last line. Without it, the file is not whole."""
        return _encode(_End(self.count, self._digest.hexdigest())) + b"\n"


def read(lines: Iterable[bytes]) -> list[DurableEntry]:
    """The keys of a whole file. Raises NoBackup."""
    first, *rest = list(lines) or [b""]
    try:
        found = msgspec.json.decode(first, type=_Head)
    except msgspec.DecodeError:
        raise NoBackup("This is not a backup of Grux.") from None
    if found.grux_backup > FORMAT:
        raise NoBackup(f"This backup was made by a newer Grux ({found.version}). Update first.")
    try:
        last = msgspec.json.decode(rest[-1], type=_End) if rest else None
        entries = [_decode_entry(one) for one in rest[:-1]]
    except msgspec.DecodeError:
        last, entries = None, []
    if last is None or last.entries != len(entries):
        raise NoBackup("This backup is not whole: its end is missing, or lines in it are damaged.")
    if last.sha256 and last.sha256 != hashlib.sha256(b"".join(rest[:-1])).hexdigest():
        raise NoBackup("This backup was changed after it was made: its checksum is another one.")
    for entry in entries:
        if why := durable_backup.problem(entry):
            raise NoBackup(f"This backup is damaged: it has {why}.")
    if not entries:
        raise NoBackup("This backup holds no keys: restoring it would only delete what there is.")
    return entries
