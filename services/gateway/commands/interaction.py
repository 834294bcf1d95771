"""Reads an INTERACTION_CREATE event. Discord docs: Receiving and Responding.

The raw event is read, because hikari drops the labels of modals. It comes from Discord, but what is
in it comes from the person: every id of a component and every value may be invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from shared.discord import snowflake

COMMAND: Final = 2
COMPONENT: Final = 3
MODAL_SUBMIT: Final = 5

_SUB_COMMAND: Final = 1
_LABEL: Final = 18

Kind = Literal["command", "component", "modal"]
Value = str | int | float | bool
Json = dict[str, Any]

_Digits = Annotated[str, Meta(pattern="^[0-9]{15,20}$")]
_Token = Annotated[str, Meta(pattern="^[A-Za-z0-9._~+/=-]{1,1024}$")]


class InvalidInteraction(Exception):
    """Raised when an interaction is not understood, or not addressed to Grux. It is not answered:
    the bot may belong to other software too."""


class UserInteraction(Struct, frozen=True, kw_only=True):
    """What a person wants of the bot."""

    id: str
    application_id: str
    token: str
    kind: Kind
    user_id: int
    locale: str
    attachment_limit_bytes: int = 0
    name: str = ""  # of the command; "" otherwise
    subcommand: str = ""
    options: Mapping[str, Value] = {}
    custom_id: str = ""
    values: tuple[str, ...] = ()  # chosen from a select
    fields: Mapping[str, str] = {}  # of a modal, by custom_id
    message: Mapping[str, Any] | None = None  # the bot's own, which a component belongs to


class _RawUser(Struct):
    id: _Digits


class _RawMember(Struct):
    user: _RawUser


class _RawOption(Struct):
    name: str
    type: int
    value: Value | None = None
    options: list[Any] = []


class _RawInput(Struct):
    custom_id: str = ""
    value: str | bool | None = None


class _RawRow(Struct):
    """A label with one input, or the older row of inputs."""

    type: int
    component: _RawInput | None = None
    components: list[_RawInput] = []


class _RawData(Struct):
    name: str = ""
    options: list[_RawOption] = []
    custom_id: str = ""
    values: list[str] = []
    components: list[_RawRow] = []


class _RawInteraction(Struct):
    id: _Digits
    application_id: _Digits
    type: int
    token: _Token
    data: _RawData
    member: _RawMember | None = None
    user: _RawUser | None = None
    locale: str = ""
    attachment_size_limit: int = 0
    message: dict[str, Any] | None = None


_KINDS: Final[Mapping[int, Kind]] = {
    COMMAND: "command",
    COMPONENT: "component",
    MODAL_SUBMIT: "modal",
}


def read(payload: Mapping[str, Any]) -> UserInteraction:
    """Raises InvalidInteraction."""
    number = payload.get("type")
    kind = _KINDS.get(number) if isinstance(number, int) else None
    if kind is None:
        raise InvalidInteraction("type")
    try:
        raw = msgspec.convert(dict(payload), _RawInteraction)
        who = raw.member.user if raw.member else raw.user
        user_id = snowflake.parse(who.id) if who else None
        if user_id is None:
            raise InvalidInteraction("user")
        subcommand, options = _subcommand(raw.data) if kind == "command" else ("", {})
    except (msgspec.ValidationError, RecursionError):
        raise InvalidInteraction("payload") from None
    return UserInteraction(
        id=raw.id,
        application_id=raw.application_id,
        token=raw.token,
        kind=kind,
        user_id=user_id,
        locale=raw.locale,
        attachment_limit_bytes=raw.attachment_size_limit,
        name=raw.data.name if kind == "command" else "",
        subcommand=subcommand,
        options=options,
        custom_id=raw.data.custom_id,
        values=tuple(raw.data.values),
        fields=_fields(raw.data.components),
        message=raw.message,
    )


def _subcommand(data: _RawData) -> tuple[str, Mapping[str, Value]]:
    """The sub-command and its options. "": there is none, or it is in a group."""
    if len(data.options) != 1 or data.options[0].type != _SUB_COMMAND:
        return "", {}
    [chosen] = data.options
    given = msgspec.convert(chosen.options, list[_RawOption])
    return chosen.name, {one.name: one.value for one in given if one.value is not None}


def _fields(rows: list[_RawRow]) -> dict[str, str]:
    inputs = [
        one
        for row in rows
        for one in ([row.component] if row.type == _LABEL and row.component else row.components)
    ]
    return {one.custom_id: one.value for one in inputs if isinstance(one.value, str)}
