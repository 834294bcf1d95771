"""One project for all of these tests, because images and containers take their time."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.project import Project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` leaves them out (pyproject.toml), `make test-compose` runs them."""
    for item in items:
        if "tests/compose" in item.path.as_posix():
            item.add_marker(pytest.mark.compose)


@pytest.fixture(scope="session")
def project() -> Iterator[Project]:
    """The demo, with two api and two ws, and nobody changing but who is told to."""
    asked = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        pytest.skip(f"there is no Docker engine: {asked.stderr.strip()}")
    with Project() as project:
        project.control("rate", rate=0)
        yield project
