"""The version of Grux. Imports nothing, so that `--version` works before anything is installed."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
