"""GUILD_CREATE and GUILD_MEMBERS_CHUNK, read without building what is not used.

A large server lists a hundred thousand members at a start. As dicts, each of them is three objects
that the garbage collector looks through again and again: an eighth of what a start costs. So their
users and presences stay JSON until each is read by itself, into what is kept.

Discord docs: Gateway Events, Guild Create; Guild Members Chunk.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from services.gateway.normalize import sanitize, user_json
from services.gateway.normalize.presence_json import AnyPresence
from services.gateway.normalize.sanitize import MAPPING
from services.gateway.normalize.user_json import UserId

_NAMES: Final = (b'"GUILD_MEMBERS_CHUNK"', b'"GUILD_CREATE"')
_NAMED_WITHIN_BYTES: Final = 64  # Discord sends the name first, and the data last


class ListedMember(Struct, gc=False):
    """A member of the list, without what is not used."""

    user: Raw = Raw(b"null")


class _MemberList(Struct):
    """The data of either event. A missing key is None, as in a dict that is asked for it."""

    id: Any = None
    guild_id: Any = None
    unavailable: Any = None
    large: Any = None
    member_count: Any = None
    not_found: Any = None
    nonce: Any = None
    chunk_index: Any = None
    chunk_count: Any = None
    members: list[ListedMember] | None = None
    presences: list[Raw] | None = None


class _Dispatch(Struct):
    """Discord docs: Gateway Events, Payload Structure."""

    op: Literal[0]
    t: Literal["GUILD_MEMBERS_CHUNK", "GUILD_CREATE"]
    s: int
    d: _MemberList


class _ListedUser(Struct, gc=False):
    id: UserId


class _ListedPresence(AnyPresence, gc=False):
    user: _ListedUser


_decode = msgspec.json.Decoder(_Dispatch).decode
_decode_presence = msgspec.json.Decoder(_ListedPresence).decode
_FAILURES: Final = (msgspec.DecodeError, UnicodeError, RecursionError)


def read(message: bytes | str) -> dict[str, Any] | None:
    """The message, with ListedMember for each member and msgspec.Raw for each presence. None if it
    is another event, or not as it should be."""
    if not isinstance(message, bytes):
        return None
    start = message[:_NAMED_WITHIN_BYTES]
    if not any(name in start for name in _NAMES):
        return None
    try:
        found = _decode(message)
    except _FAILURES:
        return None
    return {"op": found.op, "t": found.t, "s": found.s, "d": msgspec.structs.asdict(found.d)}


def user_of(member: Any) -> Any:
    """The user of a listed member: WholeUser if it is as it should be, else as Discord sent it."""
    if isinstance(member, ListedMember):
        user = user_json.read(member.user)
        return _decoded(member.user) if user is None else user
    return member.get("user") if isinstance(member, MAPPING) else None


def by_user(presences: Iterable[Any]) -> dict[int, Mapping[str, Any] | bytes]:
    """The listed presences by their users: JSON of presence_json.py if they are as they should be,
    else as Discord sent them."""
    shown: dict[int, Mapping[str, Any] | bytes] = {}
    for presence in presences:
        found = presence
        if isinstance(presence, Raw):
            try:
                read = _decode_presence(presence)
            except _FAILURES:
                found = _decoded(presence)
            else:
                shown[int(read.user.id)] = read.presence()
                continue
        user_id = sanitize.user_id(found.get("user")) if isinstance(found, MAPPING) else None
        if user_id is not None:
            shown[user_id] = found
    return shown


def decoded(members: Sequence[Any]) -> list[Any]:
    """The members as Discord sent them, with nothing but their user."""
    return [
        {"user": _decoded(member.user)} if isinstance(member, ListedMember) else member
        for member in members
    ]


def _decoded(raw: Raw) -> Any:
    """None if it is no JSON."""
    try:
        return msgspec.json.decode(raw)
    except _FAILURES:
        pass
    try:
        return json.loads(bytes(raw))  # accepts lone surrogates, which sanitize.py then removes
    except (ValueError, RecursionError):
        return None
