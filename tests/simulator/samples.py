"""Discord's samples: ours in testing/data, third-party ones beside the repository, if at all."""

import json
from pathlib import Path
from typing import Any

import pytest

_OURS = Path(__file__).parents[2] / "testing" / "data"
_BESIDE = Path(__file__).parents[3] / "shared" / "discord" / "data"


def sample(name: str) -> Any:
    """The content of a sample file; skips the test where there is none."""
    return json.loads(sample_path(name).read_text())


def sample_path(name: str) -> Path:
    """Where a sample file is; skips the test where it is not."""
    path = _OURS / name
    if not path.exists():
        path = _BESIDE / name
    if not path.exists():
        pytest.skip(f"{name} is not here: it lies beside the repository, not in it")
    return path
