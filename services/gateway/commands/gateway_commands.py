"""The commands of a gateway process, put together from its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from services.gateway.commands.applications import current_applications
from services.gateway.commands.callbacks import Callbacks, CallbackTimings
from services.gateway.commands.commands import CommandStores, UserCommands
from services.gateway.commands.registrar import register_commands
from services.gateway.commands.service import CommandLimits, CommandService
from services.gateway.state.user_cache import UserCache
from shared.commands.registration import CommandRegistration
from shared.config import GatewaySettings
from shared.net.http_client import HttpClient
from shared.redis.api_keys import ApiKeys
from shared.redis.store import Store
from shared.redis.user_data import erase_user, export_user
from shared.redis.user_settings import UserSettingsStore

MAX_BODY_BYTES = 1 << 20  # of an answer of Discord's: all commands, with their localisations


class GatewayCommands:
    """Registers the commands, and answers them, while `run` runs."""

    def __init__(
        self, settings: GatewaySettings, store: Store, durable: Store, users: UserCache
    ) -> None:
        self._store = store
        self._http = HttpClient(timeout_s=None, max_body_bytes=MAX_BODY_BYTES)
        stores = CommandStores(
            settings=UserSettingsStore(durable),
            keys=ApiKeys(durable),
            export=partial(export_user, store, durable),
            erase=partial(erase_user, store, durable),
            applications=partial(current_applications, users),
        )
        self._service = CommandService(
            UserCommands(
                stores,
                settings.consent,
                settings.public_url,
                history_days=settings.history_days,
            ),
            Callbacks(self._http, settings.discord_api_url, CallbackTimings()),
            CommandLimits(),
        )
        self._registration = CommandRegistration(
            self._http, settings.discord_api_url, settings.discord_token
        )

    def offer(self, payload: Mapping[str, Any]) -> None:
        """An INTERACTION_CREATE has come."""
        self._service.offer(payload)

    async def run(self) -> None:
        """Until cancelled."""
        async with self._http, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._service.run())
            tasks.create_task(register_commands(self._registration, self._store))
