"""Prints findings for a person, and knows how it ends for a script. Prints no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TextIO
from urllib.parse import parse_qsl, unquote, urlsplit

from services.doctor.finding import Finding

SHORTEST_SECRET = 4  # what is shorter stands in half of all words
WIDTH = 96
INDENT = " " * 11
COLOURS = {"ok": "32", "warning": "33", "failure": "31"}  # ECMA-48 section 8.3.117


class Report:
    """Findings are printed as they come."""

    def __init__(self, out: TextIO, env: Mapping[str, str]) -> None:
        """`env`: its secrets are never printed, whatever a finding says."""
        self._out = out
        self._secrets = _secrets(env)
        self._coloured = out.isatty()
        self._count = {"ok": 0, "warning": 0, "failure": 0}

    def section(self, title: str, findings: Sequence[Finding]) -> None:
        self._print(title)
        for finding in findings:
            self._count[finding.level] += 1
            first, *rest = wrap(finding.what, WIDTH - len(INDENT), break_on_hyphens=False) or [""]
            self._print(f"  {self._colour(finding.level)} {first}")
            for line in [*rest, *wrap(finding.do, WIDTH - len(INDENT), break_on_hyphens=False)]:
                self._print(INDENT + line)

    def end(self) -> int:
        """The exit status."""
        failures, warnings = self._count["failure"], self._count["warning"]
        if failures:
            self._print(f"\nFailures: {failures}; warnings: {warnings}. Mend the failures first.")
        elif warnings:
            self._print(f"\nGrux can work. Warnings: {warnings}.")
        else:
            self._print("\nEverything is as it should be.")
        return 1 if failures else 0

    def _colour(self, level: str) -> str:
        word = f"{level:<8}"
        return f"\x1b[{COLOURS[level]}m{word}\x1b[0m" if self._coloured else word

    def _print(self, line: str) -> None:
        for secret in self._secrets:
            line = line.replace(secret, "***")
        print(line, file=self._out, flush=True)


def _secrets(env: Mapping[str, str]) -> list[str]:
    """Of settings that could not be read as well, so they are taken as they stand."""
    found = [env.get(name, "").strip() for name in ("DISCORD_TOKEN", "PROFILE_UPSTREAM_URL")]
    try:
        url = urlsplit(env.get("REDIS_URL", ""))
        found += [url.password or "", unquote(url.password or "")]
        found += [value for name, value in parse_qsl(url.query) if name.endswith("password")]
    except ValueError:
        found.append(env.get("REDIS_URL", ""))
    return [secret for secret in found if len(secret) >= SHORTEST_SECRET]
