"""The page's and the widget's JavaScript: its own tests, run by Node.js, and the pinned tools."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
NODE = shutil.which("node")
OLDEST_NODE = 20


def _node_is_missing() -> str:
    """Why the tests cannot run here; empty if they can."""
    if NODE is None:
        return "no node on the PATH"
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    major = int(version.removeprefix("v").partition(".")[0])
    return "" if major >= OLDEST_NODE else f"node {version.strip()} is older than {OLDEST_NODE}"


def test_node_tests() -> None:
    """`node --test` passes, and has found the tests."""
    if missing := _node_is_missing():
        pytest.skip(missing)
    assert NODE is not None
    command = [NODE, "--test", "--test-reporter=tap"]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (passed,) = re.findall(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    (skipped,) = re.findall(r"^# skipped (\d+)$", done.stdout, re.MULTILINE)
    if (WEB / "node_modules" / "typescript").exists():
        assert skipped == "0"
    written = sum(
        len(re.findall(r"^test\(", path.read_text(), re.MULTILINE))
        for path in (WEB / "tests").glob("*.test.js")
    )
    assert int(passed) + int(skipped) == written > 0


@pytest.mark.parametrize("script", ["lint", "format"])
def test_without_node_the_checks_are_skipped(tmp_path: Path, script: str) -> None:
    """One line says so, and nothing fails."""
    dirname = shutil.which("dirname")
    assert dirname is not None
    (tmp_path / "dirname").symlink_to(dirname)
    command = ["/bin/sh", str(WEB / "npm.sh"), script]
    env = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"Skipped: {script} of web/, because Node.js")


def test_the_tools_are_pinned() -> None:
    """Every package has an integrity hash, and no download address."""
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    tools = {name: package for name, package in packages.items() if name}
    assert tools
    assert [name for name, package in tools.items() if "integrity" not in package] == []
    assert "://" not in "".join(str(package.get("resolved", "")) for package in tools.values())
