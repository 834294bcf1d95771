"""What Discord refuses in the answer to an interaction. Sources: components/reference,
interactions/receiving-and-responding, resources/message.

Pure. Each problem is a path and a sentence; an empty list means that the answer is accepted.
"""

from typing import Any, Final

from simulator.model import Json

ACTION_ROW: Final = 1
BUTTON: Final = 2
STRING_SELECT: Final = 3
TEXT_INPUT: Final = 4
TEXT_DISPLAY: Final = 10
LABEL: Final = 18
LINK: Final = 5  # a button's style

MAX_CONTENT: Final = 2000
MAX_EMBEDS: Final = 10
MAX_EMBED_TEXT: Final = 4096
MAX_EMBEDS_TOTAL: Final = 6000
MAX_ROWS: Final = 5

_FLAGS: Final = 4 | 64 | 4096 | 32768


def problems_of_message(data: Any) -> list[str]:
    """Of a new message, or of an edit."""
    if not isinstance(data, dict):
        return ["data: an object is needed"]
    found = _length("content", data.get("content"), 0, MAX_CONTENT)
    if data.get("flags", 0) & ~_FLAGS:
        found.append("flags: not allowed here")
    found += _embeds(data.get("embeds") or [])
    rows = data.get("components") or []
    if len(rows) > MAX_ROWS:
        found.append("components: at most 5 rows")
    custom_ids: list[str] = []
    for index, row in enumerate(rows):
        found += _row(f"components[{index}]", row, custom_ids)
    if len(set(custom_ids)) < len(custom_ids):
        found.append("components: custom_id is not unique")
    return found


def problems_of_modal(data: Any) -> list[str]:
    """Of a modal."""
    if not isinstance(data, dict):
        return ["data: an object is needed"]
    found = _length("custom_id", data.get("custom_id"), 1, 100)
    found += _length("title", data.get("title"), 1, 45)
    parts = data.get("components") or []
    if not 1 <= len(parts) <= MAX_ROWS:
        found.append("components: 1 to 5")
    for index, part in enumerate(parts):
        found += _modal_part(f"components[{index}]", part)
    return found


def _modal_part(path: str, part: Json) -> list[str]:
    match part.get("type"):
        case 10:
            return _length(f"{path}.content", part.get("content"), 1, 4000)
        case 18:
            found = _length(f"{path}.label", part.get("label"), 1, 45)
            found += _length(f"{path}.description", part.get("description", "-"), 1, 100)
            inner = part.get("component") or {}
            return found + _input(f"{path}.component", inner)
        case 1:
            [inner] = part.get("components") or [{}]
            return _input(f"{path}.components[0]", inner)
    return [f"{path}.type: not allowed in a modal"]


def _input(path: str, item: Json) -> list[str]:
    found = _length(f"{path}.custom_id", item.get("custom_id"), 1, 100)
    if item.get("type") == STRING_SELECT:
        return found + _select(path, item)
    if item.get("type") != TEXT_INPUT:
        return found
    if item.get("style") not in (1, 2):
        found.append(f"{path}.style: 1 or 2")
    most = item.get("max_length", 4000)
    if not 1 <= most <= 4000:
        found.append(f"{path}.max_length: 1 to 4000")
    found += _length(f"{path}.placeholder", item.get("placeholder", "-"), 1, 100)
    return found + _length(f"{path}.value", item.get("value", ""), 0, most)


def _row(path: str, row: Json, custom_ids: list[str]) -> list[str]:
    if row.get("type") != ACTION_ROW:
        return [f"{path}.type: an action row is needed"]
    inside = row.get("components") or []
    selects = sum(item.get("type") == STRING_SELECT for item in inside)
    if not 1 <= len(inside) <= MAX_ROWS or (selects and len(inside) > 1):
        return [f"{path}: 1 to 5 buttons, or 1 select"]
    found = []
    for index, item in enumerate(inside):
        at = f"{path}.components[{index}]"
        if item.get("type") == BUTTON:
            found += _length(f"{at}.label", item.get("label"), 1, 80)
        elif item.get("type") == STRING_SELECT:
            found += _select(at, item)
        if item.get("style") == LINK:
            found += _length(f"{at}.url", item.get("url"), 1, 512)
            if not str(item.get("url")).startswith(("http://", "https://", "discord://")):
                found.append(f"{at}.url: the scheme is not supported")
        else:
            found += _length(f"{at}.custom_id", item.get("custom_id"), 1, 100)
            custom_ids.append(str(item.get("custom_id")))
    return found


def _select(path: str, item: Json) -> list[str]:
    options = item.get("options") or []
    found = _length(f"{path}.placeholder", item.get("placeholder", "-"), 1, 150)
    if not 1 <= len(options) <= 25:
        found.append(f"{path}.options: 1 to 25")
    least, most = item.get("min_values", 1), item.get("max_values", 1)
    if not 0 <= least <= most <= len(options):
        found.append(f"{path}.max_values: not more than there are options")
    if len({option.get("value") for option in options}) < len(options):
        found.append(f"{path}.options: a value is there twice")
    if sum(bool(option.get("default")) for option in options) > most:
        found.append(f"{path}.options: more defaults than max_values")
    for index, option in enumerate(options):
        for field in ("label", "value"):
            found += _length(f"{path}.options[{index}].{field}", option.get(field), 1, 100)
        description = option.get("description", "-")
        found += _length(f"{path}.options[{index}].description", description, 1, 100)
    return found


def _embeds(embeds: list[Json]) -> list[str]:
    found = [] if len(embeds) <= MAX_EMBEDS else ["embeds: at most 10"]
    total = 0
    for index, embed in enumerate(embeds):
        found += _length(f"embeds[{index}].title", embed.get("title", ""), 0, 256)
        text = embed.get("description", "")
        found += _length(f"embeds[{index}].description", text, 0, MAX_EMBED_TEXT)
        total += len(text or "") + len(embed.get("title", "") or "")
    return found if total <= MAX_EMBEDS_TOTAL else [*found, "embeds: at most 6000 characters"]


def _length(path: str, text: Any, least: int, most: int) -> list[str]:
    if text is None and least == 0:
        return []
    if isinstance(text, str) and least <= len(text) <= most:
        return []
    return [f"{path}: must be {least} to {most} characters long"]
