"""`make goldens`: redraw the golden cards and those in the documents.

Look at them before you commit them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.cards.render_jobs import DrawBadge
from tests.cards.golden_cards import CASES, FOLDER, drawing, rendered
from tests.cards.sample_users import like

DOCUMENTS: Final = Path(__file__).parents[2] / "docs" / "images"
DOCUMENTED: Final = {
    "badge": "badge",
    "card-dark": "playing-dark",
    "card-light": "spotify-light",
    "card-scripts": "fancy",
    "card-right-to-left": "right-to-left",
    "card-name-style": "name-glow",
    "card-compact": "compact-playing",
    "card-minimal": "minimal-playing",
    "card-wide": "wide",
    "card-banner": "banner",
    "card-gradient": "gradient",
    "card-nameplate": "nameplate-wide",
    "card-problem": "not-monitored",
    "now-playing": "now-playing",
    "now-playing-nothing": "now-playing-nothing",
    "now-playing-last": "now-playing-last",
}
"""Name of the image in the documents: name of the case."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for name, picture in rendered():
        (FOLDER / f"{name}.png").write_bytes(picture)
    DOCUMENTS.mkdir(exist_ok=True)
    for name, case in DOCUMENTED.items():
        job = CASES[case]
        still = job if isinstance(job, DrawBadge) else like(job, png=False)
        (DOCUMENTS / f"{name}.svg").write_text(drawing(still))


if __name__ == "__main__":
    main()
