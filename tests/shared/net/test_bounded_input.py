"""Lists that clients write are read up to a bound, and whole items only."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ws.handshake import parse_user_ids
from services.ws.protocol import ErrorNotice
from shared.net.bounded_input import (
    MAX_LIST_CHARS,
    MAX_LIST_ITEMS,
    MAX_QUERY_CHARS,
    MAX_QUERY_PARAMETERS,
    is_long_query,
    list_items,
    query_parameters,
)


@given(st.text(",;a =", max_size=MAX_LIST_ITEMS - 1))
def test_a_short_list_is_read_whole(value: str) -> None:
    """As `split` reads it."""
    assert list_items(value) == [item.strip() for item in value.split(",")]


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (",".join("a" * MAX_LIST_ITEMS), ["a"] * MAX_LIST_ITEMS),
        (",".join("a" * (MAX_LIST_ITEMS + 1)), ["a"] * MAX_LIST_ITEMS),
        ("text/html;q=0," + "a" * (MAX_LIST_CHARS - 14), ["text/html;q=0", "a" * 2034]),
        ("text/html;q=0," + "a" * (MAX_LIST_CHARS - 13), ["text/html;q=0"]),
        ("a" * (MAX_LIST_CHARS + 1), []),
        ("a" * MAX_LIST_CHARS + ",b", ["a" * MAX_LIST_CHARS]),
    ],
)
def test_the_end_of_a_long_list_is_ignored(value: str, items: list[str]) -> None:
    """No item is cut: `q=0.001` must not become `q=0.0`."""
    assert list_items(value) == items


@given(st.text("&=+%4a;", max_size=MAX_QUERY_PARAMETERS))
def test_a_short_query_is_read_whole(query: str) -> None:
    """As `parse_qsl` reads it."""
    assert is_long_query(query) or query_parameters(query) == parse_qsl(
        query, keep_blank_values=True
    )


def test_the_end_of_a_long_query_is_ignored() -> None:
    """Whether it has too many parameters or too many characters."""
    exact = "&".join(["a=1"] * MAX_QUERY_PARAMETERS)
    assert not is_long_query(exact)
    assert query_parameters(exact) == [("a", "1")] * MAX_QUERY_PARAMETERS
    assert is_long_query(f"{exact}&b=2")
    assert query_parameters(f"{exact}&b=2") == [("a", "1")] * MAX_QUERY_PARAMETERS
    long = "a=1&b=" + "2" * MAX_QUERY_CHARS
    assert is_long_query(long)
    assert query_parameters(long) == [("a", "1")]


def test_a_watcher_is_told_when_its_query_is_too_long() -> None:
    """A user at the end of it would be missing without a word."""
    query = "&".join(["user_id=80351110224678912"] * (MAX_QUERY_PARAMETERS + 1))
    notice = parse_user_ids(query, 50)
    assert isinstance(notice, ErrorNotice)
    assert "too long" in notice.message
