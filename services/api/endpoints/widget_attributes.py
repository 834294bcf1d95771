"""The attributes of the widget's tag, as query parameters of /overlay/:id and /embed/:id.

The widget itself says which there are: the lists are read from web/widget/element.js, so that an
attribute that is added there is a parameter here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from shared.net.bounded_input import list_items

ELEMENT: Final = "element.js"
NO_PARAMETERS: Final = ("user", "server", "socket")
"""The path names the user, and the page shows those of its own server only."""

LISTS: Final = ("hide",)
"""The attributes that hold several words. Any other one holds one."""

_OBSERVED: Final = re.compile(r"observedAttributes = \[([^\]]*)\]")
_KNOWN_WORDS: Final = re.compile(r"const KNOWN_WORDS = \{([^}]*)\}")
_ENTRY: Final = re.compile(r'(\w+): "([^"]*)"')
_OFF: Final = frozenset({"false", "0", "no"})

Attributes = Mapping[str, tuple[str, ...]]
"""By name: the words that an attribute may hold. One without words is on or off."""


def read_attributes(widget_dir: Path) -> Attributes:
    """The attributes that may be parameters, in alphabetical order."""
    source = (widget_dir / ELEMENT).read_text()
    observed, known = _OBSERVED.search(source), _KNOWN_WORDS.search(source)
    if observed is None or known is None:
        raise ValueError(f"{ELEMENT} does not list its attributes as this module expects")
    words = {name: tuple(text.split()) for name, text in _ENTRY.findall(known[1])}
    names = set(re.findall(r'"([\w-]+)"', observed[1])).difference(NO_PARAMETERS)
    return {name: words.get(name, ()) for name in sorted(names)}


def parameters_of(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of two with one name, the last counts; the values of a list are all of its items."""
    parameters: dict[str, str] = {}
    for name, value in query:
        is_more = name in LISTS and name in parameters
        parameters[name] = f"{parameters[name]},{value}" if is_more else value
    return parameters


def chosen_attributes(
    attributes: Attributes, parameters: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """What the parameters choose, and the names of those that hold an unknown word.

    Only words of the widget's own list are part of it, and nothing else that a client has written.
    """
    chosen: dict[str, str] = {}
    unusable: list[str] = []
    for name, words in attributes.items():
        if name not in parameters:
            continue
        if not words:
            if parameters[name] not in _OFF:
                chosen[name] = ""
            continue
        asked = [word for item in list_items(parameters[name]) for word in item.split()]
        found = [word for word in words if word in asked]
        is_one_too_many = len(found) > 1 and name not in LISTS
        if found and not is_one_too_many:
            chosen[name] = " ".join(found)
        if is_one_too_many or not set(asked) <= set(words):
            unusable.append(name)
    return chosen, unusable
