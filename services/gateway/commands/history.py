"""`/grux history`: what is kept of the person's past, and the buttons to change it."""

from __future__ import annotations

from typing import Final

from services.gateway.commands.interaction import UserInteraction
from services.gateway.commands.replies import Reply, button, row
from services.gateway.commands.visibility import NotOffered
from shared.commands.texts import Texts
from shared.model.user_settings import HISTORY_LEVELS, HistoryLevel, patched
from shared.redis.user_settings import UserSettingsStore

KEEP: Final = "grux:v1:history:"  # and the level


class HistoryCommands:
    """What is kept of a person. Each method raises NotOffered and DurableUnavailable."""

    def __init__(self, settings: UserSettingsStore, days: int) -> None:
        """`days`: HISTORY_DAYS."""
        self._settings = settings
        self._days = days

    async def history(self, asked: UserInteraction, texts: Texts) -> Reply:
        """Without a choice it only shows the choices."""
        level = asked.options.get("keep")
        if level is not None:
            return await self._keep(asked, level, texts)
        settings = await self._settings.get(asked.user_id)
        return self._panel(settings.history, texts)

    async def choose(self, asked: UserInteraction, texts: Texts) -> Reply:
        """A button was pressed."""
        return await self._keep(asked, asked.custom_id.removeprefix(KEEP), texts)

    async def _keep(self, asked: UserInteraction, level: object, texts: Texts) -> Reply:
        if level not in HISTORY_LEVELS:
            raise NotOffered
        settings = await self._settings.change(
            asked.user_id, lambda before: patched(before, {"history": level})
        )
        return self._panel(settings.history, texts, saved=True)

    def _panel(self, level: HistoryLevel, texts: Texts, *, saved: bool = False) -> Reply:
        """The button of what is kept already is marked."""
        said = texts.history
        lines = [texts.state.saved] if saved else []
        time = said.one_day if self._days == 1 else said.days.format(days=self._days)
        lines += [str(getattr(said, level)), said.hint.format(time=time)]
        buttons = [
            button(
                KEEP + one,
                str(getattr(said, f"keep_{one}")),
                "primary" if one == level else "secondary",
            )
            for one in HISTORY_LEVELS
        ]
        return Reply(content="\n".join(lines), rows=(row(*buttons),))
