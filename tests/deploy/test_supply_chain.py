"""What Grux is built from: base images, their pins, and what a release checks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.run import image_pins
from tests.documents import ROOT

DIGEST = "sha256:" + "a1" * 32
OTHER = "sha256:" + "b2" * 32
RELEASE = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM python:3.13-slim AS base\n", f"FROM python:3.13-slim@{DIGEST} AS base\n"),
        (f"FROM caddy:2@{OTHER} AS caddy\n", f"FROM caddy:2@{DIGEST} AS caddy\n"),
        ("    image: redis:8-alpine\n", f"    image: redis:8-alpine@{DIGEST}\n"),
        ("    image: prom/prometheus:v3.5.4\n", f"    image: prom/prometheus:v3.5.4@{DIGEST}\n"),
        ("FROM base AS services\n", "FROM base AS services\n"),
        ("  image: grux:${GRUX_VERSION:-latest}\n", "  image: grux:${GRUX_VERSION:-latest}\n"),
        ("  image: grux-cards:0.1.0\n", "  image: grux-cards:0.1.0\n"),
    ],
)
def test_images_of_others_are_pinned(before: str, after: str) -> None:
    """New ones, and those whose tag has moved. Stages and our own images are left alone."""
    assert image_pins.pinned(before, lambda name: DIGEST) == after
    assert set(image_pins.images(after).values()) <= {True}


def test_every_image_is_found() -> None:
    """No file that is built or deployed names one that `make pins` does not see."""
    named = {
        name for path in image_pins.FILES for name in image_pins.images((ROOT / path).read_text())
    }
    assert {name.partition(":")[0] for name in named} == {
        *("python", "caddy", "haproxy", "redis", "prom/prometheus", "grafana/grafana"),
    }


def test_an_unreachable_registry_changes_nothing(tmp_path: Path) -> None:
    """The message is Docker's; the files stay as they are."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'no such host' >&2\nexit 1\n")
    docker.chmod(0o755)
    before = [(ROOT / path).read_bytes() for path in image_pins.FILES]
    done = subprocess.run(
        [sys.executable, "-m", "services.run.image_pins"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Nothing was changed." in done.stderr
    assert "no such host" in done.stderr
    assert [(ROOT / path).read_bytes() for path in image_pins.FILES] == before


def test_a_release_is_checked_before_it_is_published() -> None:
    """Tests, pins, packages and the image itself; the image carries an SBOM and its provenance."""
    check, images = RELEASE["jobs"]["check"], RELEASE["jobs"]["images"]
    commands = [step.get("run") for step in check["steps"]]
    assert {".ci/run", "make audit"} <= set(commands)
    assert "python3 -m services.run.image_pins --check" in commands
    assert images["needs"] == "check"
    steps = [
        (step.get("uses", "").partition("@")[0], step.get("with", {})) for step in images["steps"]
    ]
    names = [name for name, _ in steps]
    publish = next(index for index, (_, given) in enumerate(steps) if given.get("push"))
    assert names.index("anchore/scan-action") < publish
    assert steps[publish][1]["sbom"] is True
    assert steps[publish][1]["provenance"] == "mode=max"


def test_a_release_has_no_more_rights_than_it_needs() -> None:
    """Only the job that publishes may write, and only packages."""
    assert RELEASE["permissions"] == {"contents": "read"}
    assert "permissions" not in RELEASE["jobs"]["check"]
    assert RELEASE["jobs"]["images"]["permissions"] == {
        "contents": "read",
        "packages": "write",
        "id-token": "write",
    }
    checkouts = [
        step["with"]
        for job in RELEASE["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout")
    ]
    assert checkouts == [{"persist-credentials": False}] * 2


def test_updates_of_everything_are_proposed() -> None:
    """Each kind of dependency, in a folder that exists."""
    updates: list[dict[str, Any]] = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())[
        "updates"
    ]
    kinds = {update["package-ecosystem"] for update in updates}
    assert kinds == {"docker", "docker-compose", "github-actions", "pip", "npm"}
    for update in updates:
        for folder in update.get("directories", [update.get("directory")]):
            assert (ROOT / folder.strip("/")).is_dir()
