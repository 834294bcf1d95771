"""The examples in the documents are what the code sends: keys, order, types, codes."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
import pytest
from msgspec import Struct

from services.api.asyncapi.frames import (
    ErrorFrame,
    InitialData,
    PresenceUpdate,
    ProfileUpdate,
    SubscribeUsers,
    UnsubscribeUsers,
)
from services.api.endpoints.oembed import OEmbed
from services.api.openapi.bodies import (
    ActivityAnswer,
    FrontAnswer,
    HealthAnswer,
    HistoryAnswer,
    ManyUsersAnswer,
    NotMonitoredAnswer,
    NowPlayingAnswer,
    UserAnswer,
    UserCheckAnswer,
)
from services.cards.badges import ShieldsBadge
from services.ws import protocol
from shared.discord import badges, snowflake
from shared.discord.cdn import Cdn
from shared.http.errors import CONNECTION_ERRORS, ERRORS, RATE_LIMITED
from shared.model.snapshot import Profile
from tests.documents import DOCUMENTS, ROOT, Block, blocks, rows

API, WEBSOCKET = ROOT / "docs/api.md", ROOT / "docs/websocket.md"


class Shard(Struct):
    id: int
    count: int
    state: Literal["connected", "connecting", "standing_by"]
    latency: float | None
    last_event: float | None


class OfEveryProcess(Struct):
    status: Literal["ok", "stuck"]
    service: str
    version: str
    uptime: float
    loop_lag: float
    worst_loop_lag: float
    ready: bool
    unready: str | None


class GatewayHealth(OfEveryProcess):
    redis: bool | None
    discord: Literal["connected", "connecting", "standing_by"]
    pending_writes: int
    users: int
    shards: list[Shard]


class ApiHealth(OfEveryProcess):
    redis: bool | None
    gateway_silent_for: int | None
    cache_valid: bool
    cached_responses: int


class WsHealth(OfEveryProcess):
    redis: bool
    connections: int
    users: int
    watchers: int


class Ready(Struct):
    ready: bool
    unready: str | None


KINDS: dict[str, type[Struct]] = {
    "GET /user/:userid": UserAnswer,
    "GET /activity/:userid": ActivityAnswer,
    "GET /users?ids=A,B": ManyUsersAnswer,
    "GET /history/:userid": HistoryAnswer,
    "GET /now-playing/:userid": NowPlayingAnswer,
    "GET /check/:userid": UserCheckAnswer,
    "GET /": FrontAnswer,
    "GET /health and GET /ready": HealthAnswer,
    "Errors": NotMonitoredAnswer,
    "GET /oembed": OEmbed,
    "GET /badge/:userid.json": ShieldsBadge,
    "The API on one screen": ActivityAnswer,
    "initial_data": InitialData,
    "presence_update": PresenceUpdate,
    "profile_update": ProfileUpdate,
    "error": ErrorFrame,
    "subscribe": SubscribeUsers,
    "unsubscribe": UnsubscribeUsers,
    "Health of a gateway": GatewayHealth,
    "Health of an api": ApiHealth,
    "Health of a ws": WsHealth,
    "Ready": Ready,
}
"""By the heading above the example."""

EXAMPLES = [
    pytest.param(block, id=f"{path.name}: {block.heading}")
    for path in DOCUMENTS
    for block in blocks(path)
    if block.language == "json"
]


def profiles(example: Any) -> list[dict[str, Any]]:
    holder = example.get("data") or example.get("d") or {}
    return [holder["profile"]] if "profile" in holder else []


@pytest.mark.parametrize("block", EXAMPLES)
def test_examples_have_the_shape_of_the_answers(block: Block) -> None:
    """No key is missing, invented or in another place, and every value has its type."""
    decoded = msgspec.json.decode(block.text, type=KINDS[block.heading])
    assert json.dumps(json.loads(block.text)) == json.dumps(msgspec.to_builtins(decoded))


@pytest.mark.parametrize("block", EXAMPLES)
def test_examples_are_true_to_themselves(block: Block) -> None:
    """What is computed from the id, the avatar and the flags fits them."""
    for shown in profiles(json.loads(block.text)):
        profile = msgspec.convert(shown, Profile)
        cdn, user_id = Cdn(), int(profile.id)
        created = snowflake.created_ms(user_id)
        assert profile.creation_date.endswith(f".{created % 1000:03}Z")
        assert profile.avatar_image == cdn.avatar(user_id, profile.avatar, None)
        assert profile.badges == badges.from_flags(profile.public_flags, cdn)
        assert profile.device == next(iter(profile.devices))


def test_every_kind_of_answer_has_an_example() -> None:
    """The documents show each answer and each frame."""
    shown = {
        block.heading for path in DOCUMENTS for block in blocks(path) if block.language == "json"
    }
    assert shown == KINDS.keys()


def test_every_error_is_documented() -> None:
    """Status and code of each error that the API answers stand in the table."""
    documented = {(int(status), code) for status, code, _ in rows(API, "Errors")}
    problems = [*ERRORS.values(), *CONNECTION_ERRORS, RATE_LIMITED]
    assert documented == {(problem.status, problem.code) for problem in problems}


def test_every_close_code_is_documented() -> None:
    """Code and name of each way in which the WebSocket server ends stand in the table."""
    table = [(int(code), name) for code, name, *_ in rows(WEBSOCKET, "When the connection closes")]
    endings = [
        (ending.close_code, ending.name)
        for ending in vars(protocol).values()
        if isinstance(ending, protocol.CloseReason)
    ]
    assert sorted(table) == sorted([*endings, (1009, "")])
