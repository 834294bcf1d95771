"""One line of what the doctor says: how bad it is, what was found, and what to do about it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warning", "failure"]


class Finding(Struct, frozen=True):
    """`failure`: Grux does not work, or not rightly, before it is mended."""

    level: Level
    what: str
    do: str = ""


def ok(what: str) -> Finding:
    return Finding("ok", what)


def warning(what: str, do: str) -> Finding:
    return Finding("warning", what, do)


def failure(what: str, do: str) -> Finding:
    return Finding("failure", what, do)
