"""/asyncapi.json describes Lanyard's protocol as services/ws/lanyard speaks it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.api.asyncapi import lanyard
from services.ws import protocol as own
from services.ws.lanyard import protocol
from services.ws.lanyard.protocol import Encoding, Initialize, Unsubscribe, decode_message
from services.ws.limits import WsLimits
from services.ws.protocol import CloseReason
from tests.api.contract import resolved, validation_errors
from tests.api.test_asyncapi import DOCUMENT, mismatches, payload
from tests.documents import ROOT, rows
from tests.shared.model.test_lanyard import GOLDEN

CHANNEL = DOCUMENT["channels"]["lanyard"]
ID = "172002275412279296"
PRESENCES = sorted(GOLDEN["presences"].items())


def test_every_message_is_described() -> None:
    """Those of the server in one operation, those of clients in the other, with examples."""
    assert set(CHANNEL["messages"]) == set(lanyard.MESSAGES)
    operations = {
        one["action"]: {part["$ref"].rpartition("/")[2] for part in one["messages"]}
        for name, one in DOCUMENT["operations"].items()
        if name not in ("follow", "choose")
    }
    assert operations == {"send": set(lanyard.SENT), "receive": set(lanyard.RECEIVED)}
    for reference in CHANNEL["messages"].values():
        message = resolved(DOCUMENT, reference)
        (example,) = message["examples"]
        assert mismatches(example["payload"], message["name"]) == []


@pytest.mark.parametrize(("case", "shown"), PRESENCES, ids=[case for case, _ in PRESENCES])
def test_frames_match_their_schema(case: str, shown: dict[str, Any]) -> None:
    """Each of Discord's samples, in every frame that may show it."""
    presence = msgspec.json.encode(shown)
    states = protocol.user_map([(ID, presence)]), protocol.user_map([]), presence
    built = [
        ("lanyard_presence_update", protocol.presence_update(presence)),
        ("lanyard_init_state", protocol.init_state(states[0])),
        ("lanyard_init_state", protocol.init_state(states[1])),
        ("lanyard_init_state", protocol.init_state(protocol.NOBODY)),
        ("lanyard_init_state_of_one", protocol.init_state(states[2])),
    ]
    for name, text in built:
        assert mismatches(msgspec.json.decode(text), name) == []


def test_hello_matches_its_schema() -> None:
    assert mismatches(payload(protocol.hello(Encoding.JSON)), "lanyard_hello") == []


def test_a_wrong_presence_does_not_match() -> None:
    """The schema is as exact as the contract."""
    _, shown = PRESENCES[0]
    right = {"op": 0, "t": "PRESENCE_UPDATE", "d": shown}
    assert mismatches(right, "lanyard_presence_update") == []
    for wrong in (
        {**right, "op": 1},
        {**right, "t": "INIT_STATE"},
        {**right, "s": 1},
        {**right, "d": {**shown, "kv": {"a": 1}}},
        {**right, "d": {key: value for key, value in shown.items() if key != "spotify"}},
        {**right, "d": {}},
    ):
        assert mismatches(wrong, "lanyard_presence_update")


@pytest.mark.parametrize(
    "said",
    [
        {"op": 2, "d": {"subscribe_to_ids": [ID, "1"]}},
        {"op": 2, "d": {"subscribe_to_ids": []}},
        {"op": 2, "d": {"subscribe_to_id": ID}},
        {"op": 2, "d": {"subscribe_to_all": True}},
        {"op": 2},
        {"op": 2, "d": {}},
        {"op": 2, "d": None},
        {"op": 2, "d": {"subscribe_to_ids": ID}},
        {"op": 3},
        {"op": 3, "d": {"x": 1}},
        {"op": 3, "d": None},
        {"op": 4, "d": {"unsubscribe_from_ids": [ID]}},
        {"op": 4, "d": {"unsubscribe_from_id": ID}},
        {"op": 4, "d": {"unsubscribe_from_all": True}},
        {"op": 0, "t": "INIT_STATE", "d": {}},
        {"op": 1, "d": {"heartbeat_interval": 30000}},
        {"op": 5},
        {},
    ],
)
def test_the_server_understands_what_the_schema_allows(said: dict[str, Any]) -> None:
    """And closes for what no schema of a client's message allows."""
    fits = [name for name in lanyard.RECEIVED if not mismatches(said, name)]
    understood = decode_message(msgspec.json.encode(said))
    expected: dict[str, type] = {
        "lanyard_initialize": Initialize,
        "lanyard_heartbeat": type(None),
        "lanyard_unsubscribe": Unsubscribe,
    }
    if fits:
        (name,) = fits
        assert (
            understood is None if name not in expected else isinstance(understood, expected[name])
        )
    else:
        assert isinstance(understood, CloseReason)


def test_every_close_code_is_described() -> None:
    """With the codes of the server and the texts of docs/lanyard.md."""
    own_to_both = [own.NO_PONG, own.RATE_LIMITED, own.RESTART]
    of_protocol = [one for one in vars(protocol).values() if isinstance(one, CloseReason)]
    sent = {one.close_code: one.name for one in [*of_protocol, *own_to_both]}
    assert {close.code: close.reason for close in lanyard.CLOSE_CODES} == {**sent, 1009: ""}
    table = [tuple(row) for row in rows(ROOT / "docs/lanyard.md", "When the socket closes")]
    words = [(str(c.code), c.reason, c.when.replace("`", ""), c.then) for c in lanyard.CLOSE_CODES]
    assert words == [(code, name, when.replace("`", ""), then) for code, name, when, then in table]
    assert CHANNEL["x-close-codes"] == msgspec.to_builtins(lanyard.CLOSE_CODES)
    assert all(f"| {close.code} |" in CHANNEL["description"] for close in lanyard.CLOSE_CODES)
    assert f"{WsLimits().lanyard_message_size // 1024} KiB" in str(lanyard.CLOSE_CODES)


def test_the_query_is_described() -> None:
    """The example is the only value that compresses."""
    schema = CHANNEL["bindings"]["ws"]["query"]["properties"]["compression"]
    assert schema["examples"] == [Encoding.ZLIB.value]
    assert validation_errors(DOCUMENT, schema, Encoding.ZLIB.value) == []
