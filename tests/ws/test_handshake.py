"""The users that a query names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ws.handshake import parse_user_ids, requested_users
from services.ws.protocol import INVALID_USER_ID, ErrorNotice
from tests.ws.ws_fixture import ANNA, BERT, CARL


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (f"user_id={ANNA}", (ANNA,)),
        (f"user_id={ANNA},{BERT}", (ANNA, BERT)),
        (f"user_id={BERT}&user_id={ANNA}", (BERT, ANNA)),
        (f"user_id={ANNA}%2C{BERT}", (ANNA, BERT)),
        (f"utm_source=x&user_id={ANNA}&v=1", (ANNA,)),
        (f"user_id={ANNA},{BERT}&user_id={BERT},{CARL},{ANNA}", (ANNA, BERT, CARL)),
        (f"user_id={ANNA},", (ANNA,)),
        (f"user_id=,,{ANNA}", (ANNA,)),
        (f"user_id={ANNA}, {BERT}", (ANNA, BERT)),
        (f"user_id={ANNA},+{BERT}", (ANNA, BERT)),
        (f"user_id={ANNA}%2C%20{BERT}%20", (ANNA, BERT)),
        (f"user_id=&user_id={ANNA}", (ANNA,)),
    ],
)
def test_good_queries(query: str, ids: tuple[int, ...]) -> None:
    """Ids are in the order of the query, each once."""
    assert parse_user_ids(query, 50) == ids


@pytest.mark.parametrize(
    "query",
    [
        "",
        "user_id",
        "user_id=",
        "user_id=,",
        "user_id=, ,",
        f"user_id={ANNA} {BERT}",
        f"USER_ID={ANNA}",
        f"user_id={ANNA};{BERT}",
        f"user_id=0{ANNA}",
        "user_id=1",
        "user_id=18446744073709551616",
        "user_id=18446744073709551615",
        "user_id=١٢٧٤١٥٠٢١٩٤٨٢٦٦٠٨٩٧",
        f"user_id={ANNA},{BERT},{CARL}",
    ],
)
def test_bad_queries(query: str) -> None:
    """Anything else is an ErrorNotice, and so are three users where two are allowed."""
    notice = parse_user_ids(query, 2)
    assert isinstance(notice, ErrorNotice)
    assert notice.close_reason is INVALID_USER_ID


def test_a_websocket_without_a_user() -> None:
    """Only an empty value says so. No `user_id`, and nothing but commas, is still an error."""
    for query in ("user_id=", "v=1&user_id=&w=2"):
        assert requested_users(query, 50) == ()
    for query in ("", "v=1", "user_id=,", "user_id=+", "user_id=&user_id=", "&" * 200 + "user_id="):
        assert isinstance(requested_users(query, 50), ErrorNotice)
    assert requested_users(f"user_id=&user_id={ANNA}", 50) == (ANNA,)


@given(st.text())
def test_any_query(query: str) -> None:
    """No query raises an exception."""
    assert isinstance(parse_user_ids(query, 50), tuple | ErrorNotice)
