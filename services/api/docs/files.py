"""What the pages of /docs load: our scripts, and the viewers that `make vendor` brought.

They come from here and from nowhere else, so /docs works without the internet, and nobody else
learns who reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.api.http.precompressed import Compressed

_HERE: Final = Path(__file__).parent
OURS: Final = _HERE / "static"
VENDORED: Final = _HERE / "vendor"

KINDS: Final = {
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".txt": b"text/plain; charset=utf-8",
}


def load() -> dict[str, Compressed]:
    """By name. The viewers are 1 MB, and lie here as they are sent: in gzip."""
    found = {}
    for path in sorted([*OURS.iterdir(), *VENDORED.iterdir()]):
        name = path.name.removesuffix(".gz")
        kind = KINDS.get(Path(name).suffix)
        if kind is None:
            continue
        body = path.read_bytes()
        zipped = path.suffix == ".gz"
        found[name] = Compressed(body, kind) if zipped else Compressed.of(body, kind)
    return found
