"""People's settings without a Redis."""

from __future__ import annotations

from collections.abc import Sequence

from services.gateway.privacy.settings_table import Apply, SettingsTable
from shared.model.snapshot import ConnectedAccount
from shared.model.user_settings import Consent, UserSettings


class KnownPeople(SettingsTable):
    """Settings as the test sets them."""

    def __init__(self, consent: Consent = "joining") -> None:
        super().__init__(store=None, connections=None, consent=consent)  # type: ignore[arg-type]

    def choose(
        self,
        user_id: int,
        settings: UserSettings,
        apply: Apply = lambda change: None,
        accounts: Sequence[ConnectedAccount] = (),
    ) -> None:
        """The settings of the user have been loaded, and the accounts that they show."""
        self._set(user_id, settings, tuple(accounts), apply)
