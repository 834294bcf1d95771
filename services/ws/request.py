"""Which users a client asks for."""

from __future__ import annotations

from urllib.parse import parse_qsl

from services.ws.protocol import INVALID_USER_ID, ErrorNotice
from shared.discord import snowflake

SHOWN = 64  # characters of a malformed id that the answer repeats

HOW = "Connect with ?user_id=<Discord id>; several ids are separated by commas."


def user_ids(query: str, at_most: int) -> tuple[int, ...] | ErrorNotice:
    """The ids in `user_id=A&user_id=B,C`, each once, in the order in which they came."""
    pairs = parse_qsl(query, keep_blank_values=True)
    texts = [text for name, value in pairs if name == "user_id" for text in value.split(",")]
    if not any(texts):
        return ErrorNotice(INVALID_USER_ID, f"No user_id was given. {HOW}")
    ids: dict[int, None] = {}
    for text in texts:
        user_id = snowflake.parse(text)
        if user_id is None:
            return ErrorNotice(
                INVALID_USER_ID,
                "This is not a Discord id: those are 15 to 20 digits. "
                "Copy it in Discord with 'Copy User ID' (developer mode).",
                text[:SHOWN],
            )
        ids[user_id] = None
    if len(ids) > at_most:
        return ErrorNotice(
            INVALID_USER_ID,
            f"{len(ids)} users were asked for, and one connection carries {at_most}. "
            "Open another connection for the rest.",
        )
    return tuple(ids)
