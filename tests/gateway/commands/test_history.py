"""`/grux history`, and the buttons of its answer, on a real Redis."""

from __future__ import annotations

import msgspec
import pytest

from services.gateway.commands.commands import CommandStores, UserCommands
from services.gateway.commands.history import KEEP
from services.gateway.commands.replies import Reply
from shared.commands.texts import ENGLISH
from shared.model.history import ActivitySession, Seen
from shared.model.user_settings import HISTORY_LEVELS, HistoryLevel
from shared.redis.history import HistoryStore, HistoryWrite
from shared.redis.store import Store
from tests.gateway.commands.asking import ROBIN, answer, command, custom_ids, pressed

SAID = {
    "off": ENGLISH.history.off,
    "last_seen": ENGLISH.history.last_seen,
    "recent": ENGLISH.history.recent,
}


async def kept(stores: CommandStores) -> HistoryLevel:
    return (await stores.settings.get(ROBIN)).history


def marked(reply: Reply) -> list[str]:
    """The levels whose buttons are marked."""
    return [
        item["custom_id"].removeprefix(KEEP)
        for row in reply.rows
        for item in row["components"]
        if item["style"] == 1
    ]


async def test_without_a_choice_it_says_what_is_kept(
    commands: UserCommands, stores: CommandStores
) -> None:
    """And changes nothing."""
    reply = await answer(commands, command("history"))
    assert custom_ids(reply) == [KEEP + level for level in HISTORY_LEVELS]
    assert marked(reply) == ["off"]
    assert ENGLISH.history.off in reply.content
    assert ENGLISH.state.saved not in reply.content
    assert await kept(stores) == "off"


@pytest.mark.parametrize(("days", "text"), [(1, "for 1 day at most"), (7, "for 7 days at most")])
async def test_it_says_for_how_long(stores: CommandStores, days: int, text: str) -> None:
    """HISTORY_DAYS, which the operator has chosen."""
    commands = UserCommands(stores, "joining", "", history_days=days)
    assert text in (await answer(commands, command("history"))).content


@pytest.mark.parametrize("level", HISTORY_LEVELS)
async def test_a_choice_is_stored(
    commands: UserCommands, stores: CommandStores, level: HistoryLevel
) -> None:
    """By its name and by its button; the other settings stay."""
    await answer(commands, command("hide", what="clan"))
    for chosen in (command("history", keep=level), pressed(KEEP + level)):
        other = "off" if level == "recent" else "recent"
        await answer(commands, command("history", keep=other))
        reply = await answer(commands, chosen)
        assert await kept(stores) == level
        assert marked(reply) == [level]
        assert reply.content.startswith(ENGLISH.state.saved)
        assert SAID[level] in reply.content
    assert (await stores.settings.get(ROBIN)).hide == ("clan",)


async def test_what_is_kept_is_among_the_data(commands: UserCommands, store: Store) -> None:
    """`/grux data` names it, and the file holds it."""
    await answer(commands, command("history", keep="recent"))
    game = ActivitySession(kind="playing", name="Chess", started_at=1)
    made = HistoryWrite(revision=0, seen=Seen(at=1), running=(game,))
    await HistoryStore(store).write_many({ROBIN: made})
    reply = await answer(commands, command("data"))
    assert f"- {ENGLISH.data.sections.history.format(count=1)}" in reply.content
    held = msgspec.json.decode(reply.file or b"null")
    assert [one["name"] for one in held["history"]["recent"]] == ["Chess"]
