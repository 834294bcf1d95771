"""A history that was switched off and on again is erased, though the settings are the same."""

from __future__ import annotations

from shared.model.user_settings import DEFAULTS, UserSettings
from testing.eventually import eventually
from tests.gateway.privacy.test_settings_table import ANNA, BOB, HIDDEN, running

RECENT = UserSettings(history="recent")


async def test_a_history_may_be_erased_without_a_change() -> None:
    """Being told of it is enough; of people who keep none, nothing is applied twice."""
    async with running() as fixture:
        await fixture.table.loaded()
        for settings in (RECENT, RECENT, DEFAULTS):
            before = len(fixture.changes)
            fixture.store_and_tell(ANNA, settings)
            await eventually(lambda: len(fixture.changes) > before)  # noqa: B023
        fixture.store_and_tell(ANNA, DEFAULTS)
        fixture.store_and_tell(BOB, HIDDEN)
        await eventually(lambda: fixture.table.is_hidden(BOB))
        assert [change.user_id for change in fixture.changes] == [ANNA, ANNA, ANNA, BOB]
