"""The messages and the numbers that the documents quote are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from websockets.http11 import MAX_LINE_LENGTH

from services.api.endpoints import check
from services.api.endpoints.presence import INFO
from services.doctor import discord as doctor_discord
from services.gateway.runner import FATAL
from services.ws import handshake, notices
from services.ws.limits import WsLimits
from services.ws.limits import from_settings as ws_limits
from services.ws.protocol import ErrorNotice
from shared.config import ApiSettings, CardsSettings, WsSettings
from shared.http.connection_limits import ConnectionLimits
from shared.http.errors import CONNECTION_ERRORS, ERRORS, RATE_LIMITED
from tests.documents import DOCUMENTS, ROOT, blocks, prose, rows

API, WEBSOCKET, OPERATIONS, UPKEEP = (
    ROOT / "docs" / f"{name}.md" for name in ("api", "websocket", "operations", "upkeep")
)
MAKEFILE = (ROOT / "Makefile").read_text()

REST_MESSAGES = {error.message for error in (*ERRORS.values(), *CONNECTION_ERRORS, RATE_LIMITED)}
MENTION = check.not_an_id("<@161092844126208001>")
WS_MESSAGES = {
    *(handshake.DRAINING, handshake.AT_LIMIT, handshake.FLOOD),
    *(one.message for one in vars(notices).values() if isinstance(one, ErrorNotice)),
}


def messages(value: Any) -> list[str]:
    """The message of each error, and `info`, in a decoded example."""
    if isinstance(value, list):
        return [found for one in value for found in messages(one)]
    if not isinstance(value, dict):
        return []
    own = [
        value[key] for key in ("message", "info") if key in value and "schemaVersion" not in value
    ]
    return own + [found for one in value.values() for found in messages(one)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_quoted_messages_are_sent(document: Path) -> None:
    """Each `message` and `info` of an example, in the words of the code."""
    sent = {*(WS_MESSAGES if document == WEBSOCKET else REST_MESSAGES), INFO, MENTION}
    examples = [block for block in blocks(document) if block.language == "json"]
    quoted = {text for block in examples for text in messages(json.loads(block.text))}
    assert quoted <= sent


def test_the_quoted_report_of_the_doctor() -> None:
    """The advice, and each line about Discord, as the doctor prints them."""
    (quoted,) = (block.text for block in blocks(OPERATIONS) if block.text.startswith("Discord\n"))
    assert doctor_discord.SWITCH_ON in " ".join(quoted.split())
    source = (
        Path(doctor_discord.__file__).read_text()
        + (ROOT / "services/doctor/machine.py").read_text()
    )
    for message in re.findall(r"^  (?:ok|warning|failure) +(.+)$", quoted, re.MULTILINE):
        said = re.split(r"Discord's|this machine's|Presence Intent|grux \(\d+\)", message)
        assert all(part.strip() in source for part in said), message


def _shown(bytes_: int) -> str:
    return f"{bytes_ // 1024} KiB"


def test_the_limits_of_the_api() -> None:
    """Those of docs/api.md, with their settings. The limits of cards are the same."""
    settings, cards, limits = ApiSettings(), CardsSettings(), ConnectionLimits()
    wanted = {
        "requests of one address in a minute": str(settings.api_requests_per_minute),
        "connections of one address at once": str(settings.api_connections_per_address),
        "writes of one user's [key-value store](lanyard.md#the-key-value-store) in a minute": str(
            settings.kv_writes_per_minute
        ),
        "URL and headers together": _shown(limits.max_head_bytes),
        "headers": str(limits.max_headers),
        "requests sent ahead of their responses": str(limits.max_pipelined),
        "seconds until a request is complete": f"{limits.head_timeout_s:.0f}",
        "seconds to read a response": f"{limits.response_timeout_s:.0f}",
    }
    table = {row[0]: row[1] for row in rows(API, "Limits")}
    assert table == {**wanted, "connections of one process": "as many as it may open files"}
    assert settings.api_max_connections == 0
    assert limits.max_connections_per_address == settings.api_connections_per_address
    assert (cards.cards_requests_per_minute, cards.cards_connections_per_address) == (
        settings.api_requests_per_minute,
        settings.api_connections_per_address,
    )
    codes = {(error.status, error.code) for error in (*CONNECTION_ERRORS, RATE_LIMITED)}
    for _, _, _, beyond in rows(API, "Limits"):
        code = re.fullmatch(r"(\d+) `(\w+)", beyond)
        assert beyond == "the connection is closed" or (code and (int(code[1]), code[2]) in codes)


def test_the_limits_of_the_websocket() -> None:
    """Those of docs/websocket.md, and what its other sentences repeat of them."""
    limits = ws_limits(WsSettings(), files=1 << 30)
    assert limits == WsLimits(connections=limits.connections, notice=limits.notice)
    wanted = {
        "users on one connection": str(limits.users),
        "connections of one address at once": str(limits.connections_per_address),
        "handshakes of one address in a minute": str(limits.handshakes_per_address),
        "users that one address adds or removes in a minute, over all its connections": str(
            limits.changes_per_address
        ),
        "of these, users that the process does not follow yet, known or not": str(
            limits.lookups_per_address
        ),
        "connections of one process": "as many as it may open files",
        "messages of one connection in a minute, pongs included": str(limits.frames),
        "messages of one address in a minute, over all its connections": str(
            limits.frames_per_address
        ),
        "a message": _shown(limits.message_size),
        "messages that wait while the client does not read": str(limits.waiting_messages),
        "URL and headers of the handshake": _shown(limits.handshake_size),
        "the URL, or one header": _shown(MAX_LINE_LENGTH),
        "seconds until the handshake is complete": f"{limits.handshake_within:.0f}",
        "seconds between two pings, and until the pong": f"{limits.ping_every:.0f}",
        "seconds without reading, while frames wait": f"{limits.slow_within:.0f}",
    }
    assert {row[0]: row[1] for row in rows(WEBSOCKET, "Limits")} == wanted
    text = " ".join(prose(WEBSOCKET).split())
    assert f"up to {limits.users} users on one connection" in text
    assert f"there are more than {limits.users}" in text
    assert f"larger than {_shown(limits.message_size)}" in text


def test_every_setting_of_a_limit_is_named() -> None:
    """In the column that is for it."""
    named = {row[2] for document in (API, WEBSOCKET) for row in rows(document, "Limits")}
    limits = {
        name.upper()
        for kind in (ApiSettings, WsSettings)
        for name in kind.__struct_fields__
        if re.search(r"_(per_minute|per_address|max_connections)$", name)
    }
    assert named - {""} == limits


def test_close_codes_that_end_the_gateway_are_explained() -> None:
    """By the log, which names the code."""
    assert all(f"(close code {code})" in text for code, text in FATAL.items())


def test_what_make_update_pulls() -> None:
    """docs/upkeep.md says that it pulls base images, and the Makefile does so."""
    assert "deploy/update.sh --pull" in MAKEFILE
    assert (
        "`make update` builds on newer base images of Python, Caddy and HAProxy, because it pulls "
        "them" in (" ".join(UPKEEP.read_text().split()))
    )
