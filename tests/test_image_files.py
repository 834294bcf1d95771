"""What the services read is in the images: .dockerignore leaves out everything else."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from services.api.endpoints import static
from services.api.endpoints.docs import guides
from tests.documents import ROOT

PATTERNS = [
    line
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]


def is_sent(path: str) -> bool:
    """Whether it is part of the build: the last pattern for it, or for a parent, decides."""
    parts = path.split("/")
    parents = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    sent = True
    for pattern in PATTERNS:
        wanted = pattern.removeprefix("!").removeprefix("**/")
        depth = wanted.count("/")
        names = parts if pattern.startswith("**/") else parents
        found = [name for name in names if pattern.startswith("**/") or name.count("/") == depth]
        if any(fnmatch.fnmatchcase(name, wanted) for name in found):
            sent = pattern.startswith("!")
    return sent


READ = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [
        *static._FILES,
        *(guide.path for guide in guides.read_guides()),
        *guides.images().values(),
        *static.WIDGET_DIR.iterdir(),
        *static.PAGE_DIR.iterdir(),
    ]
)


@pytest.mark.parametrize("path", READ)
def test_what_is_read_is_in_the_image(path: str) -> None:
    """Else a container would not start, although the checkout does."""
    assert is_sent(path)
    top = path.partition("/")[0]
    assert f"COPY {top} {top}" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize(
    "path", [".env", "docs/decisions/0001-raw-shards.md", "docs/flames/ws.svg", "tests/conftest.py",
             "web/tests/card.test.js", "services/__pycache__/x.cpython-311.pyc", "web/package.json"]
)  # fmt: skip
def test_everything_else_is_not(path: str) -> None:
    """Secrets above all."""
    assert not is_sent(path)


def test_the_pattern_names_folders_that_exist() -> None:
    """A folder that was renamed would be missing in the image."""
    kept = [pattern[1:] for pattern in PATTERNS if pattern.startswith("!")]
    assert [name for name in kept if not list(Path(ROOT).glob(name))] in ([], ["docs/recipes"])
