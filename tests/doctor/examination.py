"""Runs the doctor, and finds lines in its report."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from msgspec import Struct

from services.doctor.__main__ import examine
from services.doctor.report import Report


class Examination(Struct, frozen=True):
    """The printed report, and the exit status."""

    printed: str
    status: int

    def level(self, words: str) -> str:
        """The level of the only line that has these words: ok, warning or failure."""
        (found,) = re.findall(rf"^  (\w+) +[^\n]*{re.escape(words)}", self.printed, re.MULTILINE)
        return str(found)

    def advice(self, words: str) -> str:
        """The indented text below the first line that has these words."""
        lines = self.printed.splitlines()
        at = next(number for number, line in enumerate(lines) if words in line) + 1
        below = []
        while lines[at].startswith(" " * 11):
            below.append(lines[at].strip())
            at += 1
        return " ".join(below)


async def examined(env: Mapping[str, str], *, in_compose: bool = False) -> Examination:
    """Run the doctor with the settings in `env` alone."""
    out = io.StringIO()
    report = Report(out, env)
    await examine(env, report, in_compose=in_compose)
    status = report.end()
    return Examination(out.getvalue(), status)
