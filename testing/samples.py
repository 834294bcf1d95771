"""Discord's payloads to test with: synthetic ones beside this file, captured ones where they are.

The captured ones are third-party material that the repository does not hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

HERE = Path(__file__).parent / "data"
BESIDE = Path(__file__).parents[2] / "shared" / "discord" / "data"


def read(name: str) -> Any:
    """A file of testing/data, decoded."""
    return msgspec.json.decode((HERE / name).read_bytes())


def read_beside(name: str) -> Any:
    """A third-party file beside the checkout; skips the test where it is not there."""
    path = BESIDE / name
    if not path.exists():
        pytest.skip(f"{name} is third-party material and not beside this checkout")
    return msgspec.json.decode(path.read_bytes())


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
