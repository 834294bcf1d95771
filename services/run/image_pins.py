"""`make pins`: pins the base images by digest, or moves the pins to what their tags name now.

A tag may name another image tomorrow; a digest names one for ever, on every architecture. It needs
Docker with buildx, and the registries. `--check` asks neither: it lists the images that are not
pinned, and exits with status 1 if there are any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FILES: Final = ("Dockerfile", "docker-compose.yml", "deploy/kubernetes/redis/redis.yaml")
INSPECT: Final = ("docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}")

_IMAGE: Final = re.compile(
    r"^(?P<before>FROM |\s*image: )(?P<name>[a-z0-9./-]+:[\w.-]+)(?P<pin>@sha256:[0-9a-f]{64})?"
    r"(?=\s|$)",
    re.MULTILINE,
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_OURS: Final = re.compile(r"grux(-\w+)?:")


class PinError(Exception):
    """Raised when a digest cannot be found out; the text says why."""


def images(text: str) -> dict[str, bool]:
    """The images of others in a file, and whether each is pinned."""
    found = (match for match in _IMAGE.finditer(text) if not _OURS.match(match["name"]))
    return {match["name"]: match["pin"] is not None for match in found}


def pinned(text: str, digest_of: Callable[[str], str]) -> str:
    """The file with every image of others pinned. Raises PinError."""

    def pin(match: re.Match[str]) -> str:
        if _OURS.match(match["name"]):
            return match[0]
        return f"{match['before']}{match['name']}@{digest_of(match['name'])}"

    return _IMAGE.sub(pin, text)


def digest_of(name: str) -> str:
    """Of the tag's list of images for all architectures. Raises PinError."""
    try:
        done = subprocess.run([*INSPECT, name], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PinError("Docker with buildx is needed") from None
    digest = done.stdout.strip()
    if done.returncode or not _DIGEST.fullmatch(digest):
        raise PinError(f"{name}: {done.stderr.strip() or 'the registry gives no digest'}")
    return digest


def main() -> int:
    """Give the exit status."""
    texts = {path: (ROOT / path).read_text() for path in FILES}
    if "--check" in sys.argv[1:]:
        missing = [
            f"{path}: {name} is not pinned by digest"
            for path, text in texts.items()
            for name, is_pinned in images(text).items()
            if not is_pinned
        ]
        print("\n".join([*missing, "Run `make pins`."]) if missing else "All images are pinned.")
        return 1 if missing else 0
    digests: dict[str, str] = {}
    try:
        for name in sorted({name for text in texts.values() for name in images(text)}):
            digests[name] = digest_of(name)
            print(f"{name}@{digests[name]}")
    except PinError as error:
        print(f"Nothing was changed. {error}", file=sys.stderr)
        return 1
    for path, text in texts.items():
        (ROOT / path).write_text(pinned(text, digests.__getitem__))
    return 0


if __name__ == "__main__":
    sys.exit(main())
