"""What each sub-command, button, select and modal of `/grux` does.

An action is one of three kinds, because of what Discord wants to be answered first:

- `immediate`: needs nothing but the interaction;
- `modal`: reads the settings, and opens a form with them;
- `perform`: reads or changes something. It is called once Discord has accepted that this process
  answers, so that a change is made once, by whichever process that is.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

from services.gateway.commands import panel, profile_form
from services.gateway.commands.held_data import data_reply
from services.gateway.commands.history import KEEP, HistoryCommands
from services.gateway.commands.interaction import UserInteraction
from services.gateway.commands.links import links_reply
from services.gateway.commands.replies import Modal, Reply, button, row, timestamp
from services.gateway.commands.visibility import NotOffered, VisibilityCommands
from shared.commands.definition import NAME
from shared.commands.texts import Texts, texts_for
from shared.model.history import HISTORY_MAX_DAYS
from shared.model.user_settings import HISTORY_LEVELS, Consent, InvalidSettings
from shared.redis.api_keys import ApiKeys
from shared.redis.user_settings import UserSettingsStore

PREFIX: Final = "grux:v1:"
KEY_NEW: Final = "grux:v1:key:new"
KEY_DELETE: Final = "grux:v1:key:delete"
ERASE: Final = "grux:v1:erase:"  # and the person's id
ERASE_HIDDEN: Final = "grux:v1:erase-hidden:"  # and the person's id
ERASE_NOT: Final = "grux:v1:erase-not"


class EraseUser(Protocol):
    """shared.redis.user_data.erase_user"""

    async def __call__(self, user_id: int, *, stay_hidden: bool) -> None: ...


class CommandStores(Struct, frozen=True):
    """Where the commands read and write."""

    settings: UserSettingsStore
    keys: ApiKeys
    export: Callable[[int], Awaitable[Mapping[str, Any]]]
    erase: EraseUser
    applications: Callable[[int], Mapping[str, str]]
    """Ids and names of what the user does now."""


class UserCommands:
    """`/grux`, and everything that follows from it."""

    def __init__(
        self,
        stores: CommandStores,
        consent: Consent,
        public_url: str,
        now: Callable[[], float] = time.time,
        *,
        history_days: int = HISTORY_MAX_DAYS,
    ) -> None:
        """`public_url`: of api; "": not known. `now`: seconds since 1970.

        `history_days`: HISTORY_DAYS.
        """
        self._stores = stores
        self._public_url = public_url
        self._visibility = VisibilityCommands(stores.settings, stores.applications, consent, now)
        history = HistoryCommands(stores.settings, history_days)
        self._subcommands: Mapping[str, Action] = {
            "show": self._visibility.show,
            "hide": self._visibility.hide,
            "pause": self._visibility.pause,
            "history": history.history,
            "key": self._key,
            "links": self._links,
            "data": self._data,
        }
        self._components: Mapping[str, Action] = {
            panel.HIDE_PARTS: self._visibility.choose_parts,
            panel.HIDE_APPLICATIONS: self._visibility.choose_applications,
            panel.SHOW: self._visibility.choose_shown,
            panel.VISIBLE_OFF: self._visibility.become_invisible,
            panel.VISIBLE_ON: self._visibility.become_visible,
            **{KEEP + level: history.choose for level in HISTORY_LEVELS},
            KEY_NEW: self._create_key,
            KEY_DELETE: self._delete_key,
        }

    @staticmethod
    def is_for_us(asked: UserInteraction) -> bool:
        """The bot may have commands and components of other software."""
        return asked.name == NAME or asked.custom_id.startswith(PREFIX)

    def immediate(self, asked: UserInteraction) -> Reply | None:
        """The answer, if nothing has to be read for it."""
        texts = texts_for(asked.locale)
        if asked.subcommand == "erase":
            return _confirm_erase(asked.user_id, texts)
        if asked.custom_id == ERASE_NOT:
            return Reply(content=texts.data.kept)
        if asked.custom_id.startswith((ERASE, ERASE_HIDDEN)) and not _is_own(asked):
            return Reply(content=texts.problems.not_yours)
        if self.opens_modal(asked) or self._action(asked):
            return None
        return Reply(content=texts.problems.outdated)

    @staticmethod
    def opens_modal(asked: UserInteraction) -> bool:
        return asked.subcommand == "profile" or (
            asked.kind == "component"
            and asked.custom_id in (profile_form.OPEN, profile_form.OPEN_DRAFT)
        )

    async def modal(self, asked: UserInteraction) -> Modal:
        """The form for the profile. Raises DurableUnavailable."""
        texts = texts_for(asked.locale)
        if asked.custom_id == profile_form.OPEN_DRAFT:
            return profile_form.modal(profile_form.draft_of_message(asked.message), texts)
        settings = await self._stores.settings.get(asked.user_id)
        return profile_form.modal(profile_form.draft_of_settings(settings), texts)

    async def perform(self, asked: UserInteraction) -> Reply:
        """Do what was asked for. Raises StoreUnavailable."""
        texts = texts_for(asked.locale)
        action = self._action(asked)
        if action is None:
            return Reply(content=texts.problems.outdated)
        try:
            return await action(asked, texts)
        except (NotOffered, InvalidSettings):
            return Reply(content=texts.problems.not_offered)

    def _action(self, asked: UserInteraction) -> Action | None:
        match asked.kind:
            case "command":
                return self._subcommands.get(asked.subcommand)
            case "modal":
                return self._save_profile if asked.custom_id == profile_form.SUBMIT else None
            case "component" if asked.custom_id.startswith((ERASE, ERASE_HIDDEN)):
                return self._erase if _is_own(asked) else None
        return self._components.get(asked.custom_id)

    # --- what the person writes and owns --------------------------------------------------------

    async def _save_profile(self, asked: UserInteraction, texts: Texts) -> Reply:
        draft = profile_form.draft_of_fields(asked.fields)
        try:
            await self._visibility.change(asked, lambda _: draft.patch())
        except InvalidSettings as error:
            return profile_form.rejected(draft, error, texts)
        return Reply(content=texts.profile.saved)

    async def _key(self, asked: UserInteraction, texts: Texts) -> Reply:
        created_at = await self._stores.keys.created_at(asked.user_id)
        if created_at is None:
            create = button(KEY_NEW, texts.key.create, "primary")
            return Reply(content=texts.key.none, rows=(row(create),))
        return Reply(
            content=texts.key.exists.format(since=timestamp(created_at)),
            rows=(
                row(
                    button(KEY_NEW, texts.key.renew, "primary"),
                    button(KEY_DELETE, texts.key.delete, "danger"),
                ),
            ),
        )

    async def _create_key(self, asked: UserInteraction, texts: Texts) -> Reply:
        key = await self._stores.keys.create(asked.user_id)
        return Reply(content=texts.key.created.format(key=key))

    async def _delete_key(self, asked: UserInteraction, texts: Texts) -> Reply:
        await self._stores.keys.delete(asked.user_id)
        return Reply(content=texts.key.deleted)

    async def _links(self, asked: UserInteraction, texts: Texts) -> Reply:
        settings = await self._stores.settings.get(asked.user_id)
        is_shown = self._visibility.state(asked, settings).is_shown
        return links_reply(self._public_url, asked.user_id, texts, is_shown=is_shown)

    async def _data(self, asked: UserInteraction, texts: Texts) -> Reply:
        held = await self._stores.export(asked.user_id)
        return data_reply(held, self._public_url, asked.attachment_limit_bytes, texts)

    async def _erase(self, asked: UserInteraction, texts: Texts) -> Reply:
        stay_hidden = asked.custom_id.startswith(ERASE_HIDDEN)
        await self._stores.erase(asked.user_id, stay_hidden=stay_hidden)
        return Reply(content=texts.data.erased_hidden if stay_hidden else texts.data.erased)


Action = Callable[[UserInteraction, Texts], Awaitable[Reply]]


def _confirm_erase(user_id: int, texts: Texts) -> Reply:
    return Reply(
        content=texts.data.erase,
        rows=(
            row(
                button(f"{ERASE}{user_id}", texts.data.erase_now, "danger"),
                button(f"{ERASE_HIDDEN}{user_id}", texts.data.erase_hidden, "danger"),
                button(ERASE_NOT, texts.data.keep),
            ),
        ),
    )


def _is_own(asked: UserInteraction) -> bool:
    """Whether the button that erases was made for the person who pressed it."""
    return asked.custom_id.rpartition(":")[2] == str(asked.user_id)
