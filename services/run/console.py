"""What the person who typed the command sees: each line with the name of who said it."""

from __future__ import annotations

import contextlib
import os
import sys

COLOURS = {"redis": 31, "simulator": 35, "gateway": 33, "api": 36, "ws": 32, "cards": 34}
"""ANSI colours of the names."""


class Screen:
    """Names and colours on a terminal; the bare lines elsewhere, so that JSON logs stay JSON."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._colours = self._terminal and not os.environ.get("NO_COLOR")

    def line(self, name: str, text: str) -> None:
        """A line that a process wrote."""
        self.say(f"{self._name(name)} {text}" if self._terminal else text)

    def say(self, text: str) -> None:
        """A line of the runner's own."""
        with contextlib.suppress(OSError):  # nobody reads any more: that ends no service
            print(text, flush=True)

    def _name(self, name: str) -> str:
        padded = f"{name:<9} |"
        return f"\033[{COLOURS.get(name, 0)}m{padded}\033[0m" if self._colours else padded
