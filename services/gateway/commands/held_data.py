"""What is held of a person, as a message with a file. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.gateway.commands.replies import Reply, link_button, row, timestamp
from shared.commands.texts import HeldTexts, Texts
from shared.model import user_settings
from shared.model.user_settings import DEFAULTS

MAX_FILE_BYTES: Final = 8 << 20
FILE_MARGIN_BYTES: Final = 1 << 16  # of a request, beside the file


def data_reply(
    held: Mapping[str, Any], public_url: str, attachment_limit_bytes: int, texts: Texts
) -> Reply:
    """`held`: from shared.redis.user_data.export_user. `public_url`: of api; "": not known.
    `attachment_limit_bytes`: of the interaction; 0: not known."""
    said = texts.data
    lines = [f"- {line}" for line in _lines(held, said.sections)]
    file = msgspec.json.format(msgspec.json.encode(held))
    limit = min(attachment_limit_bytes or MAX_FILE_BYTES, MAX_FILE_BYTES)
    fits = len(file) <= limit - FILE_MARGIN_BYTES
    end = said.file if fits else said.too_large.format(url=f"{public_url}/me/export")
    privacy = link_button(f"{public_url}/privacy", texts.links.privacy)
    return Reply(
        content="\n".join([said.held, *lines, end]) if lines else said.nothing,
        rows=(row(privacy),) if public_url else (),
        file=file if fits and lines else None,
    )


def _lines(held: Mapping[str, Any], said: HeldTexts) -> list[str]:
    lines = []
    if held["settings"] != user_settings.as_json(DEFAULTS):
        lines.append(said.settings)
    if held["connections"]:
        lines.append(said.connections.format(count=len(held["connections"])))
    if held["kv"]:
        lines.append(said.kv.format(count=len(held["kv"])))
    if held["key"]:
        lines.append(said.key.format(since=timestamp(held["key"]["created_at"] or 0)))
    if held["sign_in"]:
        lines.append(said.sign_in)
    if held["presence"]:
        lines.append(said.presence.format(count=len(held["presence"]["servers"])))
    if held["history"]:
        lines.append(said.history.format(count=len(held["history"]["recent"])))
    if held["profile_source"]:
        lines.append(said.profile_source)
    return lines
