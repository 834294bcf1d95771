"""`make goldens`: draw the golden cards anew. Look at them before they are committed."""

from __future__ import annotations

from tests.api.card.golden_cards import FOLDER, rendered


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for name, picture in rendered():
        (FOLDER / f"{name}.png").write_bytes(picture)


if __name__ == "__main__":
    main()
