"""One compose project for all of these tests, because building and starting it is slow."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.project import FRONT_DOORS, ROBIN, XENIA, Project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test` skips these tests (pyproject.toml); `make test-compose` runs them."""
    for item in items:
        if "tests/compose" in item.path.as_posix():
            item.add_marker(pytest.mark.compose)


@pytest.fixture(scope="session")
def started() -> Iterator[Project]:
    asked = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        pytest.skip(f"there is no Docker engine: {asked.stderr.strip()}")
    with Project() as project:
        project.control("rate", rate=0)
        yield project


@pytest.fixture
def project(started: Project) -> Project:
    """The demo, with two api and two ws; users change only when a test changes them.

    The test before may have emptied Redis or stopped containers.
    """
    started.await_users(ROBIN, XENIA)
    return started


@pytest.fixture(scope="session", params=FRONT_DOORS)
def front_door(request: pytest.FixtureRequest, started: Project) -> str:
    """The service that visitors reach: pytest runs the tests of each in a row."""
    name = str(request.param)
    started.open(name)
    return name
