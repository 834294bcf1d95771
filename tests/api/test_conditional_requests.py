"""ETag and If-None-Match over the wire. RFC 9110, 13.1.2 and 15.4.5."""

from __future__ import annotations

import pytest

from shared.redis.store import Fields, Save, Store
from tests.api.golden import BOT, RICH
from tests.api.http_client import EXPOSED_HEADERS, ask

PATH = f"/user/{RICH.user_id}"
ETAG = RICH.user_etag


@pytest.mark.parametrize(
    "headers",
    [
        [f"If-None-Match: {ETAG}"],
        [f"If-None-Match: W/{ETAG}"],
        ["If-None-Match: *"],
        [f'If-None-Match: "x", {ETAG}'],
        [f'If-None-Match: W/"x" ,W/{ETAG},, "y"'],
        [f'If-None-Match: "a,b", {ETAG}'],
        ['If-None-Match: "x"', f"If-None-Match: {ETAG}"],
    ],
)
async def test_a_matching_tag_gets_304(port: int, headers: list[str]) -> None:
    """304 with the headers that a cache needs, and no body."""
    answer = await ask(port, PATH, *headers)
    assert answer.status == 304
    assert answer.body == b""
    assert answer.headers == [
        ("etag", ETAG),
        ("cache-control", "no-cache"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED_HEADERS),
        ("connection", "close"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        '"x"',
        "",
        ETAG.strip('"'),
        ETAG.upper(),
        f'"{ETAG}"',
        ETAG[:-2] + '"',
        "W/*",
        "**",
        '"*"',
        "x" * 5000,
    ],
)
async def test_any_other_tag_gets_the_response(port: int, value: str) -> None:
    """Anything but the tag itself, including what is not a tag."""
    answer = await ask(port, PATH, f"If-None-Match: {value}")
    assert answer.status == 200
    assert answer.body == RICH.user


async def test_a_change_ends_the_304(port: int, store: Store) -> None:
    """The tag of the previous response no longer matches."""
    await store.save([Save(RICH.user_id, Fields(RICH.profile, BOT.presence, b"{}"))])
    answer = await ask(port, PATH, f"If-None-Match: {ETAG}")
    assert answer.status == 200
    assert answer.header("etag") != ETAG


async def test_head_may_be_conditional(port: int) -> None:
    """HEAD gets 304 where GET does."""
    answer = await ask(port, PATH, f"If-None-Match: {ETAG}", method="HEAD")
    assert answer.status == 304


async def test_dates_are_left_alone(port: int) -> None:
    """There is no Last-Modified, so If-Modified-Since changes nothing."""
    answer = await ask(port, PATH, "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")
    assert answer.status == 200
