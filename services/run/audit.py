"""`make audit`: looks for known vulnerabilities in the pinned dependencies. Needs the internet.

pip-audit compares the lock files with the advisories on PyPI. It has its own environment, because
`.venv` holds only what the lock files pin.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

AUDIT_VENV = Path(".run/audit")
REQUIREMENTS = Path("requirements")
VULNERABLE, UNKNOWN = 1, 2  # exit status

NO_TOOL = (
    "audit: pip-audit could not be installed, so nothing was checked. See pip's message above."
)
NO_DATA = (
    "audit: {count} of {all} dependencies could not be checked, because the advisories cannot be "
    "reached. pip-audit reads them from PyPI: run `make audit` where PyPI is reachable."
)


def main() -> int:
    """Returns 0: no known vulnerability. VULNERABLE: some. UNKNOWN: not all could be checked."""
    python = AUDIT_VENV / "bin" / "python"
    if not python.exists():
        venv.create(AUDIT_VENV, with_pip=True)
    tool = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*tool, "pip-audit"], check=False).returncode:
        print(NO_TOOL, file=sys.stderr)
        return UNKNOWN
    found: list[dict[str, Any]] = []
    for lock in sorted(REQUIREMENTS.glob("*.lock")):
        command = [str(python), "-m", "pip_audit", "--disable-pip", "--require-hashes"]
        command += ["--progress-spinner", "off", "--format", "json", "--requirement", str(lock)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        try:
            found += json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            found.append({"name": str(lock), "skip_reason": "pip-audit failed"})
    text, status = verdict(found)
    print(text, file=sys.stderr if status else sys.stdout)
    return status


def verdict(found: list[dict[str, Any]]) -> tuple[str, int]:
    """The text and the exit status for pip-audit's list of dependencies.

    pip-audit's own exit status is 0 even if it could look nothing up.
    """
    vulnerabilities = {
        f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in "
        f"{', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for one in found
        for vulnerability in one.get("vulns", [])
    }
    skipped = [one["name"] for one in found if "skip_reason" in one]
    if vulnerabilities:
        lines = ["audit: known vulnerabilities in pinned dependencies:", *sorted(vulnerabilities)]
        return "\n".join(lines), VULNERABLE
    if skipped or not found:
        return NO_DATA.format(count=len(skipped), all=len(found)), UNKNOWN
    return f"audit: no known vulnerability in {len(found)} pinned dependencies", 0


if __name__ == "__main__":
    sys.exit(main())
