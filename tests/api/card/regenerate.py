"""`make goldens`: draw the golden cards anew, and those in the documents.

Look at them before they are committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.api.card.drawing.badge import badge
from services.api.card.drawing.card import card, notice
from services.api.card.jobs import DrawBadge, DrawCard
from tests.api.card.golden_cards import CASES, FOLDER, rendered
from tests.api.card.people import like

DOCUMENTS: Final = Path(__file__).parents[3] / "docs" / "images"
SHOWN: Final = {
    "card-dark": "playing-dark",
    "card-light": "spotify-light",
    "card-scripts": "fancy",
    "card-right-to-left": "right-to-left",
    "card-nameplate": "nameplate-wide",
    "card-problem": "not-monitored",
}
"""By the picture's name in the documents: the case."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for name, picture in rendered():
        (FOLDER / f"{name}.png").write_bytes(picture)
    DOCUMENTS.mkdir(exist_ok=True)
    for name, case in SHOWN.items():
        job = like(CASES[case], png=False)
        svg = card(job) if isinstance(job, DrawCard) else notice(job)
        (DOCUMENTS / f"{name}.svg").write_text(svg)
    drawn = badge(DrawBadge("discord", "listening to 夜の図書館", "#1db954", "flat"))
    (DOCUMENTS / "badge.svg").write_text(drawn)


if __name__ == "__main__":
    main()
