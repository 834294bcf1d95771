"""What the bot answers: messages that only the person sees, and modals.

Discord docs: Message Resource, Component Reference. Nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import Struct

Json = dict[str, Any]

MAX_CONTENT_CHARS: Final = 2000
MAX_SELECT_OPTIONS: Final = 25
MAX_OPTION_CHARS: Final = 100

_ROW: Final = 1
_BUTTON: Final = 2
_SELECT: Final = 3
_TEXT_INPUT: Final = 4
_LABEL: Final = 18
_LINK_STYLE: Final = 5
_STYLES: Final = {"primary": 1, "secondary": 2, "success": 3, "danger": 4}

_MARKDOWN: Final = re.compile(r"([\\*_~`|>#\[\]()<:@-])")


class Reply(Struct, frozen=True, kw_only=True):
    """A message. It never mentions anyone."""

    content: str
    rows: tuple[Json, ...] = ()
    embeds: tuple[Json, ...] = ()
    file: bytes | None = None  # JSON

    def data(self) -> Json:
        """As Discord takes it, also in place of an earlier message."""
        return {
            "content": self.content[:MAX_CONTENT_CHARS],
            "components": list(self.rows),
            "embeds": list(self.embeds),
            "allowed_mentions": {"parse": []},
        }


class Modal(Struct, frozen=True, kw_only=True):
    """A form, which can only be the first answer to a command or a component."""

    custom_id: str
    title: str
    inputs: tuple[Json, ...]

    def data(self) -> Json:
        return {"custom_id": self.custom_id, "title": self.title, "components": list(self.inputs)}


class Choice(Struct, frozen=True):
    """An option of a select."""

    label: str
    value: str
    is_chosen: bool = False


def row(*components: Json) -> Json:
    return {"type": _ROW, "components": list(components)}


def button(
    custom_id: str,
    label: str,
    style: Literal["primary", "secondary", "success", "danger"] = "secondary",
) -> Json:
    return {"type": _BUTTON, "style": _STYLES[style], "label": label, "custom_id": custom_id}


def link_button(url: str, label: str) -> Json:
    return {"type": _BUTTON, "style": _LINK_STYLE, "label": label, "url": url}


def select(custom_id: str, placeholder: str, choices: Sequence[Choice], *, least: int = 0) -> Json:
    """A row with a select from which any number can be chosen."""
    shown = choices[:MAX_SELECT_OPTIONS]
    options = [
        {
            "label": one.label[:MAX_OPTION_CHARS] or "?",
            "value": one.value,
            "default": one.is_chosen,
        }
        for one in shown
    ]
    return row(
        {
            "type": _SELECT,
            "custom_id": custom_id,
            "placeholder": placeholder,
            "min_values": least,
            "max_values": len(options),
            "options": options,
        }
    )


def text_input(
    custom_id: str,
    label: str,
    value: str,
    *,
    max_chars: int,
    description: str = "",
    paragraph: bool = False,
) -> Json:
    """A labelled input of a modal. It may stay empty."""
    return {
        "type": _LABEL,
        "label": label,
        **({"description": description} if description else {}),
        "component": {
            "type": _TEXT_INPUT,
            "custom_id": custom_id,
            "style": 2 if paragraph else 1,
            "max_length": max_chars,
            "required": False,
            **({"value": value[:max_chars]} if value else {}),
        },
    }


def plain(text: str) -> str:
    """Text of others, so that Discord shows it as it is written."""
    return _MARKDOWN.sub(r"\\\1", "".join(one for one in text if one.isprintable()))


def timestamp(at_ms: int) -> str:
    """A time that Discord shows in the zone of the reader."""
    return f"<t:{at_ms // 1000}:f>"
