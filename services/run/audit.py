"""`make audit`: whether any pinned dependency has a known hole. Needs the internet.

pip-audit compares the lock files with what PyPI knows of each version. It is kept out of `.venv`,
where the locks alone say what is installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HOME = Path(".run/audit")
REQUIREMENTS = Path("requirements")
HOLES, UNKNOWN = 1, 2  # exit status

NO_TOOL = "audit: pip-audit cannot be installed here, so nothing is known. Its words are above."
NO_DATA = (
    "audit: the data on known holes cannot be reached, so nothing is known of {count} of {all} "
    "dependencies. pip-audit asks the Python Package Index: run `make audit` where that answers."
)


def main() -> int:
    """0: no known hole. HOLES: some, printed. UNKNOWN: it cannot be said."""
    python = HOME / "bin" / "python"
    if not python.exists():
        venv.create(HOME, with_pip=True)
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
    """What pip-audit's list of dependencies comes to: a text, and the exit status.

    pip-audit itself ends with 0 when it could look nothing up.
    """
    holes = {
        f"{one['name']} {one['version']}: {hole['id']}, mended in "
        f"{', '.join(hole['fix_versions']) or 'no version yet'}"
        for one in found
        for hole in one.get("vulns", [])
    }
    skipped = [one["name"] for one in found if "skip_reason" in one]
    if holes:
        return "\n".join(["audit: known holes in what is pinned:", *sorted(holes)]), HOLES
    if skipped or not found:
        return NO_DATA.format(count=len(skipped), all=len(found)), UNKNOWN
    return f"audit: no known hole in {len(found)} pinned dependencies", 0


if __name__ == "__main__":
    sys.exit(main())
