"""What /me shows of an account, to its owner alone."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any, Final

import msgspec

from services.api.accounts import settings_form
from services.api.accounts.discord_answers import ClientRejected, DiscordAway
from services.api.accounts.service import AccountService
from services.api.accounts.sessions import Session
from services.api.accounts.settings_form import SettingsForm
from services.api.accounts.view import AccountView, Application, Invalid
from shared.discord.cdn import Cdn, is_hash
from shared.http.errors import UserNotMonitored
from shared.model import user_settings
from shared.model.connected_accounts import OwnConnection
from shared.model.user_settings import UserSettings
from shared.profiles.user_reader import UserReader
from shared.redis.store import StoreUnavailable
from shared.redis.user_data import erase_user, export_user

log = logging.getLogger(__name__)

MAX_APPLICATIONS: Final = 25


class AccountData:
    """Gathers it from both Redis."""

    def __init__(self, accounts: AccountService, users: UserReader) -> None:
        self._accounts = accounts
        self._users = users
        self._cdn = Cdn(accounts.settings.discord_cdn_url)

    async def view(
        self,
        session: Session,
        *,
        root: str,
        notice: str = "",
        new_key: str = "",
        written: SettingsForm | None = None,
        invalid: Invalid | None = None,
    ) -> AccountView:
        """For the page. `written`: what a refused form held. Raises DurableUnavailable."""
        accounts, user_id = self._accounts, session.user_id
        settings = await accounts.user_settings.get(user_id)
        known = await accounts.keeper.known(user_id)
        profile, presence = await self._shown(user_id)
        avatar = known.avatar if known and is_hash(known.avatar) else None
        now_ms = time.time_ns() // 1_000_000
        consent = accounts.settings.consent
        hidden = not user_settings.is_shown(settings, consent, now_ms)
        return AccountView(
            root=root,
            user_id=user_id,
            now_ms=now_ms,
            name=known.name if known else str(profile.get("display_name") or user_id),
            avatar_url=self._cdn.avatar(user_id, avatar, None),
            csrf=session.csrf_token,
            form=written or settings_form.of_settings(settings, consent),
            monitored=bool(profile) or hidden,
            history_days=accounts.settings.history_days,
            paused_until=settings.paused_until if settings.paused_until > now_ms else 0,
            applications=_applications(presence),
            connections=tuple(await accounts.connections.get(user_id)),
            key_created_at=await accounts.api_keys.created_at(user_id),
            new_key=new_key,
            notice=notice,
            invalid=invalid,
            invite=accounts.settings.discord_invite,
        )

    async def as_json(self, user_id: int) -> dict[str, Any]:
        """For programs: everything that is held. Raises DurableUnavailable."""
        accounts = self._accounts
        settings = await accounts.user_settings.get(user_id)
        grant = await accounts.grants.get(user_id)
        created_at = await accounts.api_keys.created_at(user_id)
        return {
            "id": str(user_id),
            "settings": user_settings.as_json(settings),
            "connections": [
                _connection(one, settings) for one in await accounts.connections.get(user_id)
            ],
            "key": None if created_at is None else {"created_at": created_at},
            "signed_in": None
            if grant is None
            else {"granted_at": grant.granted_at, "scopes": list(grant.scopes)},
            "history": await self._history(user_id),
        }

    async def export(self, user_id: int) -> dict[str, Any]:
        """Everything that is held in both Redis. Raises StoreUnavailable."""
        return await export_user(self._accounts.store, self._accounts.durable, user_id)

    async def erase(self, user_id: int, *, stay_hidden: bool = False) -> None:
        """Everything, and the grant at Discord; that is tried again later if Discord is away.

        `stay_hidden` keeps the one choice that the person is not shown.

        Raises StoreUnavailable.
        """
        await erase_user(
            self._accounts.store, self._accounts.durable, user_id, stay_hidden=stay_hidden
        )
        try:
            await self._accounts.keeper.revoke(user_id)
        except (DiscordAway, ClientRejected) as error:
            log.warning("accounts: a grant is revoked later: %s", error)

    async def _history(self, user_id: int) -> dict[str, Any] | None:
        """As `GET /history/:userid` answers it, with what is hidden."""
        found = await self._accounts.history.load_all(user_id)
        if found.seen is None:
            return None
        entries = [one.entry() for one in (*found.running, *found.ended)]
        return {"last_seen": found.seen.last_seen, "recent": msgspec.to_builtins(entries)}

    async def _shown(self, user_id: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Profile and presence as strangers see them; empty if there are none."""
        with suppress(UserNotMonitored, StoreUnavailable, msgspec.DecodeError):
            view = await self._users.view(user_id)
            return msgspec.json.decode(view.profile), msgspec.json.decode(view.presence)
        return {}, {}


def _applications(presence: dict[str, Any]) -> tuple[Application, ...]:
    found = {
        str(activity["application_id"]): Application(
            str(activity["application_id"]), str(activity.get("name") or "")
        )
        for activity in presence.get("activity", [])
        if activity.get("application_id")
    }
    return tuple(found.values())[:MAX_APPLICATIONS]


def _connection(one: OwnConnection, settings: UserSettings) -> dict[str, Any]:
    return {
        "key": one.key,
        "type": one.type,
        "id": one.id,
        "name": one.name,
        "may_be_shown": one.may_be_shown,
        "chosen": one.key in settings.connected_accounts,
    }
