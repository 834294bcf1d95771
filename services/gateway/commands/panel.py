"""What is shown of a person, as a message with the controls to change it. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from services.gateway.commands.replies import (
    Choice,
    Json,
    Reply,
    button,
    plain,
    row,
    select,
    timestamp,
)
from shared.commands.texts import Texts
from shared.model.user_settings import HIDEABLE_FIELDS, Consent, UserSettings, is_shown

HIDE_PARTS: Final = "grux:v1:hide"
HIDE_APPLICATIONS: Final = "grux:v1:hide-applications"
SHOW: Final = "grux:v1:show"
VISIBLE_OFF: Final = "grux:v1:visible:off"
VISIBLE_ON: Final = "grux:v1:visible:on"

APPLICATION_VALUE: Final = "application:"
"""Begins the value of an application where parts can be chosen too."""

MAX_NAMED_APPLICATIONS: Final = 15  # in the text


class PanelState(Struct, frozen=True, kw_only=True):
    """What a panel shows."""

    settings: UserSettings
    applications: Mapping[str, str]  # names by id, of what the person does now
    consent: Consent
    now_ms: int

    @property
    def is_shown(self) -> bool:
        return is_shown(self.settings, self.consent, self.now_ms)

    def name(self, application_id: str) -> str:
        """Of an application; its id where the name is not known."""
        return self.applications.get(application_id, application_id)


def hide_panel(state: PanelState, texts: Texts, *, saved: bool = False) -> Reply:
    """Lets the person choose everything that is to be hidden."""
    settings = state.settings
    parts = [
        Choice(part_name(part, texts), part, part in settings.hide) for part in HIDEABLE_FIELDS
    ]
    rows = [select(HIDE_PARTS, texts.state.choose_hidden, parts)]
    known = dict.fromkeys((*settings.hide_applications, *state.applications))
    if known:
        applications = [
            Choice(state.name(one), one, one in settings.hide_applications) for one in known
        ]
        rows.append(select(HIDE_APPLICATIONS, texts.state.choose_applications, applications))
    return Reply(content=_text(state, texts, saved=saved), rows=(*rows, _switch(state, texts)))


def show_panel(state: PanelState, texts: Texts, *, saved: bool = False) -> Reply:
    """Lets the person choose what is to be shown again."""
    settings = state.settings
    hidden = [Choice(part_name(part, texts), part) for part in settings.hide]
    hidden += [
        Choice(state.name(one), APPLICATION_VALUE + one) for one in settings.hide_applications
    ]
    rows = [select(SHOW, texts.state.choose_shown, hidden, least=1)] if hidden else []
    return Reply(content=_text(state, texts, saved=saved), rows=(*rows, _switch(state, texts)))


def part_name(part: str, texts: Texts) -> str:
    """How a part is called in this language."""
    name: str = getattr(texts.parts, part)
    return name


def _switch(state: PanelState, texts: Texts) -> Json:
    if state.is_shown:
        return row(button(VISIBLE_OFF, texts.state.hide_all, "danger"))
    after_pause = msgspec.structs.replace(state.settings, paused_until=0)
    is_paused = is_shown(after_pause, state.consent, state.now_ms)
    label = texts.state.end_pause if is_paused else texts.state.show_me
    return row(button(VISIBLE_ON, label, "success"))


def _text(state: PanelState, texts: Texts, *, saved: bool) -> str:
    settings, said = state.settings, texts.state
    lines = [said.saved] if saved else []
    if not settings.visible:
        lines.append(said.hidden)
    elif not settings.opted_in and state.consent == "asking":
        lines.append(said.not_asked)
    elif settings.paused_until > state.now_ms:
        lines.append(said.paused.format(until=timestamp(settings.paused_until)))
    else:
        lines.append(said.shown)
    if settings.hide:
        parts = ", ".join(part_name(part, texts) for part in settings.hide)
        lines.append(said.hidden_parts.format(parts=parts))
    if settings.hide_applications:
        names = [plain(state.name(one)) for one in settings.hide_applications]
        more = ", …" if len(names) > MAX_NAMED_APPLICATIONS else ""
        shown = ", ".join(names[:MAX_NAMED_APPLICATIONS]) + more
        lines.append(said.hidden_applications.format(applications=shown))
    if state.is_shown and not settings.hide and not settings.hide_applications:
        lines.append(said.nothing_hidden)
    return "\n".join(lines)
