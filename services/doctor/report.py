"""What the doctor found, printed for a person; the exit status is for scripts. Prints no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Final, Literal, TextIO

from msgspec import Struct

from shared.masking import secrets_in

WIDTH_COLUMNS: Final = 96
INDENT: Final = " " * 11
COLOURS: Final = {"ok": "32", "warning": "33", "failure": "31"}  # ECMA-48 section 8.3.117

Level = Literal["ok", "warning", "failure"]


class Finding(Struct, frozen=True):
    """The result of one check. `failure`: Grux does not work correctly until this is fixed."""

    level: Level
    message: str  # what is so, and why it matters
    remedy: str = ""  # what to do about it


def ok(message: str) -> Finding:
    return Finding("ok", message)


def warning(message: str, remedy: str) -> Finding:
    return Finding("warning", message, remedy)


def failure(message: str, remedy: str) -> Finding:
    return Finding("failure", message, remedy)


class Report:
    """Prints findings as they come, and counts them."""

    def __init__(self, out: TextIO, env: Mapping[str, str]) -> None:
        """The secrets in `env` are never printed, whatever a finding says."""
        self._out = out
        # Read from the raw settings: one that is invalid may carry a secret too.
        self._secrets = secrets_in((name.lower(), value) for name, value in env.items())
        self._coloured = out.isatty()
        self._count = {"ok": 0, "warning": 0, "failure": 0}

    def section(self, title: str, findings: Sequence[Finding]) -> None:
        self._print(title)
        for finding in findings:
            self._count[finding.level] += 1
            first, *rest = _wrapped(finding.message) or [""]
            self._print(f"  {self._colour(finding.level)} {first}")
            for line in [*rest, *_wrapped(finding.remedy)]:
                self._print(INDENT + line)

    def end(self) -> int:
        """Print the sum, and return the exit status: 1 if there is a failure, else 0."""
        failures, warnings = self._count["failure"], self._count["warning"]
        if failures:
            self._print(f"\nFailures: {failures}; warnings: {warnings}. Fix the failures first.")
        elif warnings:
            self._print(f"\nGrux can run. Warnings: {warnings}.")
        else:
            self._print("\nEverything is set up correctly.")
        return 1 if failures else 0

    def _colour(self, level: str) -> str:
        word = f"{level:<8}"
        return f"\x1b[{COLOURS[level]}m{word}\x1b[0m" if self._coloured else word

    def _print(self, line: str) -> None:
        for secret in self._secrets:
            line = line.replace(secret, "***")
        print(line, file=self._out, flush=True)


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH_COLUMNS - len(INDENT), break_on_hyphens=False)
