"""Left-to-right and right-to-left text on one line: Unicode Standard Annex 9.

python-bidi resolves the levels. The text holds no formatting characters (see sanitize_text.py), so
there are no isolates to handle.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from bidi import algorithm

_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
_BOUNDARY_NEUTRAL: Final = "BN"

_CLOSES: Final = dict(zip(")]}」』》】〉", "([{「『《【〈", strict=True))
_OPENS: Final = frozenset(_CLOSES.values())

T = TypeVar("T")


def levels(text: str) -> list[int]:
    """The level of each character: even is left to right, odd right to left. Mostly 0."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    if _RIGHT_TO_LEFT.isdisjoint(kinds):
        return [0] * len(text)
    base = algorithm.get_base_level(text)
    storage: dict[str, Any] = algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = base, ("L", "R")[base]
    algorithm.get_embedding_levels(text, storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    _resolve_brackets(storage["chars"], ("L", "R")[base])
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    resolved = iter(storage["chars"])
    found: list[int] = []
    for kind in kinds:
        if kind == _BOUNDARY_NEUTRAL:  # joiners: rule X9 removes them
            found.append(found[-1] if found else base)
        else:
            found.append(next(resolved)["level"])
    return found


def _resolve_brackets(characters: list[dict[str, Any]], base: str) -> None:
    """Rule N0, which python-bidi lacks: a pair of brackets takes the direction of its content."""
    for start, end in _pairs(characters):
        strong = {_strong(inside["type"]) for inside in characters[start + 1 : end]} - {""}
        if not strong:
            continue
        turned = base
        if base not in strong:
            before = (_strong(earlier["type"]) for earlier in reversed(characters[:start]))
            turned = next((kind for kind in before if kind), base)
        characters[start]["type"] = characters[end]["type"] = turned


def _pairs(characters: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Rule BD16."""
    found: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []
    for index, character in enumerate(characters):
        sign = character["ch"]
        if sign in _OPENS:
            opened.append((sign, index))
        elif sign in _CLOSES:
            for depth in range(len(opened) - 1, -1, -1):
                if opened[depth][0] == _CLOSES[sign]:
                    found.append((opened[depth][1], index))
                    del opened[depth:]
                    break
    return sorted(found)


def _strong(kind: str) -> str:
    """Numbers count as right-to-left here."""
    return "R" if kind in ("R", "AL", "EN", "AN") else "L" if kind == "L" else ""


def visual_order(runs: Sequence[tuple[int, T]]) -> list[T]:
    """Runs with their levels, from reading order to the order from left to right: rule L2."""
    order = list(runs)
    highest = max((level for level, _ in order), default=0)
    for threshold in range(highest, 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and order[end][0] >= threshold:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = max(end, start + 1)
    return [run for _, run in order]
