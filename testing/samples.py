"""Discord's payloads to test with.

Synthetic ones lie in testing/data. Captured ones and Discord's own schemas are third-party
material, which lies beside the checkout, if at all: tests that need them are skipped elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

_OURS: Final = Path(__file__).parent / "data"
_BESIDE: Final = Path(__file__).parents[2] / "shared" / "discord" / "data"


def path(name: str) -> Path:
    """Where the file is; skips the test where it is not."""
    for folder in (_OURS, _BESIDE):
        if (folder / name).exists():
            return folder / name
    pytest.skip(f"{name} is third-party material and not beside this checkout")


def read(name: str) -> Any:
    """The file, decoded; skips the test where it is not."""
    return msgspec.json.decode(path(name).read_bytes())


def presence_cases() -> dict[str, dict[str, Any]]:
    """Case id to PRESENCE_UPDATE payload."""
    return {case["id"]: case["payload"]["d"] for case in read("presence-samples.json")["cases"]}


def users() -> dict[str, dict[str, Any]]:
    """Case id to user object."""
    return {case["id"]: case["user"] for case in read("user-samples.json")["users"]}


def events() -> dict[str, dict[str, Any]]:
    """Event name to inbound gateway message `{op, t, s, d}`."""
    inbound: dict[str, dict[str, Any]] = read("gateway-event-samples.json")["inbound"]
    return inbound
