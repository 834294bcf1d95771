"""/openapi.json describes the event stream that ws serves."""

from __future__ import annotations

import re

from services.api.openapi import events
from services.api.openapi.document import document
from services.ws.events import endpoint, wire
from services.ws.limits import WsLimits
from testing.event_stream import EventStreamHead, EventStreamParser
from tests.api.contract import METHODS

DOCUMENT = document("https://grux.example.org")


def test_the_event_stream_is_described() -> None:
    """Its limit, its methods and its headers are those of ws."""
    described = DOCUMENT["paths"][endpoint.PATH]
    assert WsLimits().users == events.MAX_USERS
    assert {method.upper() for method in METHODS & described.keys()} == {"GET", "HEAD"}
    head = EventStreamHead(wire.HEAD)
    (media,) = described["get"]["responses"]["200"]["content"]
    assert head.headers["content-type"] == f"{media}; charset=utf-8"
    assert re.fullmatch(
        DOCUMENT["components"]["headers"]["Cache-Control"]["schema"]["pattern"],
        head.headers["cache-control"],
    )
    (example,) = described["get"]["responses"]["200"]["content"][media]["examples"].values()
    (event,) = EventStreamParser().feed(example["value"].encode())
    assert event.frame["op"] == "presence_update"
