"""`/grux show`, `hide` and `pause`, and the controls of their answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from services.gateway.commands import panel
from services.gateway.commands.interaction import UserInteraction
from services.gateway.commands.panel import PanelState
from services.gateway.commands.replies import Reply
from shared.commands.definition import EVERYTHING, MAX_PAUSE_HOURS
from shared.commands.texts import Texts
from shared.model.user_settings import HIDEABLE_FIELDS, Consent, UserSettings, patched
from shared.redis.user_settings import UserSettingsStore

MS_PER_HOUR: Final = 3_600_000


class NotOffered(Exception):
    """Raised when a value is not among the choices."""


class VisibilityCommands:
    """What is shown of a person. Each method raises NotOffered, InvalidSettings and
    DurableUnavailable."""

    def __init__(
        self,
        settings: UserSettingsStore,
        applications: Callable[[int], Mapping[str, str]],
        consent: Consent,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`applications`: ids and names of what a user does now. `now`: seconds since 1970."""
        self._settings = settings
        self._applications = applications
        self._consent: Consent = consent
        self._now = now

    async def show(self, asked: UserInteraction, texts: Texts) -> Reply:
        """Without a choice, and for everything, the person themselves; their parts stay as chosen,
        except that a choice shows them."""
        what = _choice(asked)
        if what is None:
            changes: dict[str, object] = {"visible": True, "paused_until": 0}
            settings = await self.change(asked, lambda _: changes)
        elif what == EVERYTHING:
            changes = {"visible": True, "paused_until": 0, "hide": [], "hide_applications": []}
            settings = await self.change(asked, lambda _: changes)
        else:
            settings = await self.change(
                asked, lambda before: {"hide": [one for one in before.hide if one != what]}
            )
        return panel.show_panel(self.state(asked, settings), texts, saved=True)

    async def hide(self, asked: UserInteraction, texts: Texts) -> Reply:
        """Without a choice it only shows the choices."""
        what = _choice(asked)
        if what is None:
            settings = await self._settings.get(asked.user_id)
        elif what == EVERYTHING:
            settings = await self.change(asked, lambda _: {"visible": False})
        else:
            settings = await self.change(asked, lambda before: {"hide": [*before.hide, what]})
        state = self.state(asked, settings)
        return panel.hide_panel(state, texts, saved=what is not None)

    async def pause(self, asked: UserInteraction, texts: Texts) -> Reply:
        hours = asked.options.get("hours")
        if isinstance(hours, bool) or not isinstance(hours, int):
            raise NotOffered
        if not 0 <= hours <= MAX_PAUSE_HOURS:
            raise NotOffered
        until = self._now_ms() + hours * MS_PER_HOUR if hours else 0
        settings = await self.change(asked, lambda _: {"paused_until": until})
        return panel.hide_panel(self.state(asked, settings), texts, saved=True)

    async def choose_parts(self, asked: UserInteraction, texts: Texts) -> Reply:
        settings = await self.change(asked, lambda _: {"hide": list(asked.values)})
        return panel.hide_panel(self.state(asked, settings), texts, saved=True)

    async def choose_applications(self, asked: UserInteraction, texts: Texts) -> Reply:
        """Those that the select did not offer stay as they are."""
        offered, chosen = _offered(asked), set(asked.values)
        if not chosen <= offered:
            raise NotOffered
        settings = await self.change(
            asked,
            lambda before: {
                "hide_applications": [*(set(before.hide_applications) - offered), *chosen]
            },
        )
        return panel.hide_panel(self.state(asked, settings), texts, saved=True)

    async def choose_shown(self, asked: UserInteraction, texts: Texts) -> Reply:
        chosen = set(asked.values)
        if not chosen <= _offered(asked):
            raise NotOffered
        settings = await self.change(
            asked,
            lambda before: {
                "hide": [one for one in before.hide if one not in chosen],
                "hide_applications": [
                    one
                    for one in before.hide_applications
                    if panel.APPLICATION_VALUE + one not in chosen
                ],
            },
        )
        return panel.show_panel(self.state(asked, settings), texts, saved=True)

    async def become_invisible(self, asked: UserInteraction, texts: Texts) -> Reply:
        settings = await self.change(asked, lambda _: {"visible": False})
        return panel.hide_panel(self.state(asked, settings), texts, saved=True)

    async def become_visible(self, asked: UserInteraction, texts: Texts) -> Reply:
        changes: dict[str, object] = {"visible": True, "paused_until": 0}
        settings = await self.change(asked, lambda _: changes)
        return panel.hide_panel(self.state(asked, settings), texts, saved=True)

    async def change(
        self, asked: UserInteraction, patch: Callable[[UserSettings], Mapping[str, object]]
    ) -> UserSettings:
        """Raises InvalidSettings and DurableUnavailable."""
        return await self._settings.change(
            asked.user_id, lambda before: patched(before, patch(before))
        )

    def state(self, asked: UserInteraction, settings: UserSettings) -> PanelState:
        return PanelState(
            settings=settings,
            applications=self._applications(asked.user_id),
            consent=self._consent,
            now_ms=self._now_ms(),
        )

    def _now_ms(self) -> int:
        return int(self._now() * 1000)


def _choice(asked: UserInteraction) -> str | None:
    """The option `what`. Raises NotOffered."""
    what = asked.options.get("what")
    if what is None:
        return None
    if not isinstance(what, str) or what not in (EVERYTHING, *HIDEABLE_FIELDS):
        raise NotOffered
    return what


def _offered(asked: UserInteraction) -> set[str]:
    """The values of the select that was used. The message is the bot's own."""
    offered: set[str] = set()
    for one in (asked.message or {}).get("components") or []:
        for component in one.get("components") or []:
            if component.get("custom_id") == asked.custom_id:
                offered.update(str(option.get("value")) for option in component.get("options", []))
    return offered
