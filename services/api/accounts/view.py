"""What the page at /me shows, as data: services/api/accounts/page.py renders it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.api.accounts.settings_form import SettingsForm
from shared.model.connected_accounts import OwnConnection
from shared.model.history import HISTORY_MAX_DAYS

NOTICES: Final = {
    "saved": "Saved. Everyone sees the change within a second.",
    "key-deleted": "The key is deleted. It cannot write anything any more.",
    "joined": "You have joined the server. Your card is live.",
    "joining": "You have joined the server. Your card appears as soon as Discord reports you.",
    "join-pending": "You have joined the server. Open it in Discord and accept its rules.",
}
"""By the value of `done` in the query."""


class Invalid(Struct, frozen=True):
    """Why a form was not saved."""

    field: str  # as InvalidSettings names it, such as `links[0].url`
    message: str


class Application(Struct, frozen=True):
    """An application that the person has used, or has hidden."""

    id: str
    name: str = ""  # empty: not known


class JoinOffer(Struct, frozen=True):
    """The server that the person may join by one click."""

    server: str  # its name
    action: str  # where the form is sent


class AccountView(Struct, frozen=True, kw_only=True):
    """Everything that the page shows."""

    root: str = "./"  # the relative address of `/`, as the browser sees the page
    user_id: int
    now_ms: int  # when the page was made, in ms since 1970: the browser's clock may be wrong
    name: str
    avatar_url: str
    csrf: str
    form: SettingsForm
    monitored: bool  # whether Redis has the person; of no meaning while they are hidden
    history_days: int = HISTORY_MAX_DAYS
    paused_until: int = 0  # ms since 1970; 0: not paused
    applications: tuple[Application, ...] = ()
    connections: tuple[OwnConnection, ...] = ()
    key_created_at: int | None = None  # ms since 1970; None: there is no key
    new_key: str = ""  # shown this one time
    notice: str = ""
    invalid: Invalid | None = None
    invite: str = ""
    join: JoinOffer | None = None
