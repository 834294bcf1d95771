"""What clients write as lists: header values and query strings, read up to a bound.

A head may have 32 KiB, which is 16,000 parts of a list: reading them all takes some ten
milliseconds of the event loop. What honest clients send is far below these bounds. The rest of a
longer list is ignored.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

MAX_LIST_ITEMS: Final = 64
MAX_LIST_CHARS: Final = 2048

MAX_QUERY_PARAMETERS: Final = 100
MAX_QUERY_CHARS: Final = 8192


def list_items(value: str, max_items: int = MAX_LIST_ITEMS) -> list[str]:
    """The comma-separated items of a header or a parameter, without the spaces around them."""
    *items, rest = value[: MAX_LIST_CHARS + 1].split(",", max_items)
    if len(items) < max_items and len(value) <= MAX_LIST_CHARS:
        items.append(rest)  # else it is no whole item
    return [item.strip() for item in items]


def is_long_list(value: str, max_items: int = MAX_LIST_ITEMS) -> bool:
    """Whether `list_items` ignores the end of it."""
    return len(value) > MAX_LIST_CHARS or value.count(",") >= max_items


def query_parameters(query: str) -> list[tuple[str, str]]:
    """The decoded names and values of a URL's query, without the question mark."""
    *parameters, rest = query[: MAX_QUERY_CHARS + 1].split("&", MAX_QUERY_PARAMETERS)
    if not is_long_query(query):
        parameters.append(rest)
    return parse_qsl("&".join(parameters), keep_blank_values=True)


def is_long_query(query: str) -> bool:
    """Whether `query_parameters` ignores the end of it."""
    return len(query) > MAX_QUERY_CHARS or query.count("&") >= MAX_QUERY_PARAMETERS
