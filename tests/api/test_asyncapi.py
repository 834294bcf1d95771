"""/asyncapi.json describes what the WebSocket sends and how it closes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from services.api.asyncapi import lanyard
from services.api.asyncapi.document import CLOSE_CODES, MESSAGES, RECEIVED, SENT, document
from services.ws import handshake, protocol
from services.ws.client import (
    InvalidMessage,
    SubscribeMessage,
    UnsubscribeMessage,
    decode_message,
)
from services.ws.limits import WsLimits
from shared.redis.store import Store
from tests.api.contract import closed, resolved, validation_errors
from tests.api.golden import GOLDEN
from tests.api.http_client import ask
from tests.api.replica import serving
from tests.documents import ROOT, blocks, rows

DOCUMENT = document("wss://ws.example.org")
WEBSOCKET = ROOT / "docs/websocket.md"


def payload(frame: bytes) -> dict[str, Any]:
    """The JSON of an unmasked text frame."""
    return dict(msgspec.json.decode(frame[frame.index(b'{"op"') :]))


def mismatches(frame: dict[str, Any], name: str | None = None) -> list[str]:
    """How the frame differs from the message of this name, or of its `op`."""
    whole = closed(json.loads(json.dumps(DOCUMENT)))
    schema = whole["components"]["messages"][name or frame["op"]]["payload"]
    return validation_errors(whole, schema, frame)


def test_every_message_is_described() -> None:
    """The frames that the protocol can build and the messages that the server understands, in the
    channel, and each kind in its operation."""
    built = {"initial_data", "presence_update", "profile_update", "error"}
    assert built == {name for name in built if callable(getattr(protocol, name))}
    assert set(SENT) == built
    described = set(DOCUMENT["components"]["messages"]) - set(lanyard.MESSAGES)
    assert set(MESSAGES) == described == {*built, *RECEIVED}
    channel, operations = DOCUMENT["channels"]["frames"], DOCUMENT["operations"]
    assert set(channel["messages"]) == set(MESSAGES)
    # As AsyncAPI 3 has it, the action is the server's.
    for name, action, messages in (("follow", "send", SENT), ("choose", "receive", RECEIVED)):
        operation = operations[name]
        assert operation["action"] == action
        assert {one["$ref"].rpartition("/")[2] for one in operation["messages"]} == set(messages)
        for reference in [*channel["messages"].values(), *operation["messages"]]:
            assert resolved(DOCUMENT, reference)


@pytest.mark.parametrize(
    ("name", "meant"), [("subscribe", SubscribeMessage), ("unsubscribe", UnsubscribeMessage)]
)
def test_messages_are_understood(
    name: str, meant: type[SubscribeMessage | UnsubscribeMessage]
) -> None:
    """The server takes what the document describes, and refuses what it does not."""
    (example,) = DOCUMENT["components"]["messages"][name]["examples"]
    message = example["payload"]
    assert mismatches(message) == []
    assert decode_message(json.dumps(message).encode()) == meant(message["user_ids"])
    for wrong in ({**message, "user_ids": [1]}, {**message, "user_ids": "1"}, {"op": name}):
        assert mismatches(wrong, name)
        assert isinstance(decode_message(json.dumps(wrong).encode()), InvalidMessage)


def test_no_name_is_used_twice() -> None:
    """Generators make a type of each channel and each schema, in their language's spelling."""
    names = [*DOCUMENT["channels"], *DOCUMENT["operations"], *DOCUMENT["components"]["schemas"]]
    assert len({name.casefold() for name in names}) == len(names)


def test_schemas_are_valid() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_frames_match_their_schema(name: str) -> None:
    """Every frame of the rich user, the hostile user and the bot."""
    golden = GOLDEN[name]
    frames = [
        protocol.initial_data(golden.user_id, golden.profile, golden.presence),
        protocol.presence_update(golden.user_id, golden.presence),
        protocol.profile_update(golden.user_id, golden.profile),
    ]
    for frame in frames:
        assert mismatches(payload(frame)) == []


@pytest.mark.parametrize("user_id", ["1274150219482660897", "<b>robin</b>", None])
def test_error_frames_match_their_schema(user_id: str | None) -> None:
    frame = protocol.ErrorNotice(protocol.INVALID_USER_ID, "What to do.", user_id).frame
    assert mismatches(payload(frame)) == []


def test_examples_are_those_of_the_docs_and_valid() -> None:
    """docs/websocket.md shows the same frames."""
    shown = {b.heading: b.text for b in blocks(WEBSOCKET) if b.language == "json"}
    for name in MESSAGES:
        (example,) = DOCUMENT["components"]["messages"][name]["examples"]
        assert json.dumps(example["payload"]) == json.dumps(json.loads(shown[name]))
        assert mismatches(example["payload"]) == []


def test_every_close_code_is_described() -> None:
    """With the codes of the server and the texts of docs/websocket.md."""
    sent = [
        (reason.close_code, reason.name)
        for reason in vars(protocol).values()
        if isinstance(reason, protocol.CloseReason)
    ]
    assert sorted((close.code, close.reason) for close in CLOSE_CODES) == sorted(
        [*sent, (1009, "")]
    )
    table = [tuple(row) for row in rows(WEBSOCKET, "When the connection closes")]
    words = [(str(c.code), c.reason, c.when.replace("`", ""), c.then) for c in CLOSE_CODES]
    assert words == [(code, name, when.replace("`", ""), then) for code, name, when, then in table]
    channel = DOCUMENT["channels"]["frames"]
    assert [close["code"] for close in channel["x-close-codes"]] == [c.code for c in CLOSE_CODES]
    assert all(f"| {close.code} |" in channel["description"] for close in CLOSE_CODES)


def test_the_query_is_described() -> None:
    """The schema and the server accept the same queries, with the same limit."""
    users = WsLimits().users
    query = DOCUMENT["channels"]["frames"]["bindings"]["ws"]["query"]
    schema = query["properties"]["user_id"]
    assert query["required"] == ["user_id"]
    ids = [str(1274150219482660897 + number) for number in range(users + 1)]
    for count, right in ((1, True), (2, True), (users, True), (users + 1, False), (0, True)):
        text = ",".join(ids[:count])
        assert (validation_errors(DOCUMENT, schema, text) == []) is right
        taken = handshake.requested_users(f"user_id={text}", users)
        assert isinstance(taken, tuple) is right
    for example in schema["examples"]:
        assert validation_errors(DOCUMENT, schema, example) == []


def test_the_server_is_the_public_one() -> None:
    """PUBLIC_WS_URL without its password; without that setting no server is named."""
    assert DOCUMENT["servers"]["public"] == {"host": "ws.example.org", "protocol": "wss"}
    assert "servers" not in document()
    below = document("ws://me:secret@127.0.0.1:8001/socket")["servers"]["public"]
    assert below == {"host": "127.0.0.1:8001", "protocol": "ws", "pathname": "/socket"}


async def test_it_is_served(store: Store) -> None:
    async with serving(store, public_ws_url="wss://ws.example.org") as port:
        answer = await ask(port, "/asyncapi.json")
        same = await ask(port, "/asyncapi.json", f"If-None-Match: {answer.header('etag')}")
    assert answer.header("content-type") == "application/json; charset=utf-8"
    assert answer.body == msgspec.json.encode(DOCUMENT)
    assert same.status == 304
