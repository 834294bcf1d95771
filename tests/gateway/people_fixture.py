"""People's settings without a Redis."""

from __future__ import annotations

from services.gateway.privacy.settings_table import Apply, SettingsTable
from shared.model.user_settings import Consent, UserSettings


class KnownPeople(SettingsTable):
    """Settings as the test sets them."""

    def __init__(self, consent: Consent = "joining") -> None:
        super().__init__(store=None, consent=consent)  # type: ignore[arg-type]

    def choose(
        self, user_id: int, settings: UserSettings, apply: Apply = lambda change: None
    ) -> None:
        """The settings of the user have been loaded."""
        self._set(user_id, settings, apply)
