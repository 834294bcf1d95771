"""What each command, button and select does, on a real Redis."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.gateway.commands import commands as names
from services.gateway.commands import panel
from services.gateway.commands.commands import CommandStores, UserCommands
from services.gateway.commands.interaction import read
from shared.commands.texts import ENGLISH, LANGUAGES, LOCALES
from shared.model.user_settings import DEFAULTS, HIDEABLE_FIELDS, UserSettings
from testing import samples
from tests.gateway.commands.asking import (
    ROBIN,
    answer,
    asked,
    command,
    custom_ids,
    pressed,
)
from tests.gateway.commands.conftest import NOW

GAME, EDITOR = "356875570916753438", "383226320970055681"
NOW_MS = int(NOW * 1000)


async def settings(stores: CommandStores) -> UserSettings:
    return await stores.settings.get(ROBIN)


@pytest.mark.parametrize(
    "wrong",
    [
        command("hide", what="token"),
        command("hide", what=5),
        command("show", what=True),
        command("history", keep="all"),
        command("history", keep=True),
        command("pause"),
        command("pause", hours=169),
        command("pause", hours=-1),
        command("pause", hours=True),
        command("pause", hours="3"),
        pressed(panel.HIDE_PARTS, None, "token"),
        pressed(panel.HIDE_APPLICATIONS, None, GAME),
        pressed(panel.SHOW, None, "status"),
    ],
)
async def test_what_was_not_offered_changes_nothing(
    commands: UserCommands, stores: CommandStores, wrong: Any
) -> None:
    """A client may send any value."""
    reply = await answer(commands, wrong)
    assert reply.content == ENGLISH.problems.not_offered
    assert await settings(stores) == DEFAULTS


@pytest.mark.parametrize(
    "old",
    [
        command(""),
        command("panel"),
        pressed("grux:v1:gone"),
        pressed("grux:v1:history:all"),
        pressed("grux:v1:profile:x"),
        asked("modal", custom_id="grux:v1:bio", fields={"bio": "Hello"}),
    ],
)
async def test_what_another_version_has_made_is_explained(
    commands: UserCommands, stores: CommandStores, old: Any
) -> None:
    """Messages with buttons stay, and clients keep commands for a while."""
    assert (await answer(commands, old)).content == ENGLISH.problems.outdated
    assert await settings(stores) == DEFAULTS


async def test_the_samples_do_what_they_say(commands: UserCommands, stores: CommandStores) -> None:
    """Those that fit these commands, and the hostile ones."""
    found = samples.read("oauth-and-interaction-samples.json")["interactions"]
    hostile = {one["case"]: one.get("event") for one in found["hostile"]}
    await answer(commands, read(found["slash_in_dm"]["d"]))
    assert (await settings(stores)).hide == ("activities",)
    await answer(commands, read(found["select"]["d"]))
    assert (await settings(stores)).hide == ("status", "spotify")
    reply = await answer(commands, read(hostile["select value that was not offered"]["d"]))
    assert reply.content != ENGLISH.problems.not_offered  # but its translation
    await answer(commands, read(hostile["option of another type"]["d"]))
    assert (await settings(stores)).hide == ("status", "spotify")
    await answer(commands, read(found["select_nothing"]["d"]))
    await answer(commands, read(found["button"]["d"]))
    assert await settings(stores) == UserSettings(visible=False)
    assert not commands.is_for_us(read(hostile["custom_id of nobody's making"]["d"]))


async def test_a_key_is_shown_once(commands: UserCommands, stores: CommandStores) -> None:
    """Created, replaced and deleted; the command itself tells only since when there is one."""
    reply = await answer(commands, command("key"))
    assert (reply.content, custom_ids(reply)) == (ENGLISH.key.none, [names.KEY_NEW])
    reply = await answer(commands, pressed(names.KEY_NEW, reply))
    key = reply.content.split("`")[1]
    assert await stores.keys.owner(key.encode()) == ROBIN
    assert reply.rows == ()
    reply = await answer(commands, command("key"))
    assert key not in reply.content
    assert custom_ids(reply) == [names.KEY_NEW, names.KEY_DELETE]
    newer = (await answer(commands, pressed(names.KEY_NEW, reply))).content.split("`")[1]
    assert await stores.keys.owner(key.encode()) is None
    assert (await answer(commands, pressed(names.KEY_DELETE))).content == ENGLISH.key.deleted
    assert await stores.keys.owner(newer.encode()) is None


async def test_links_name_every_place(commands: UserCommands, stores: CommandStores) -> None:
    """With the addresses to copy, a word where they show nothing, and else the reason."""
    reply = await answer(commands, command("links"))
    for part in (
        f"<https://presence.example/u/{ROBIN}>",
        f"<https://presence.example/card/{ROBIN}.svg>",
        f"<https://presence.example/user/{ROBIN}>",
        f'<grux-presence user="{ROBIN}">',
    ):
        assert part in reply.content
    assert ENGLISH.links.hidden not in reply.content
    urls = [item["url"] for row in reply.rows for item in row["components"]]
    assert urls[-1] == "https://presence.example/privacy"
    await answer(commands, command("hide", what="everything"))
    assert ENGLISH.links.hidden in (await answer(commands, command("links"))).content
    unknown = UserCommands(stores, "joining", "")
    assert (await answer(unknown, command("links"))).content == ENGLISH.links.unknown


async def test_data_is_listed_and_comes_as_a_file(commands: UserCommands) -> None:
    """Nothing at first; then what there is, without the key itself."""
    assert (await answer(commands, command("data"))).content == ENGLISH.data.nothing
    await answer(commands, command("hide", what="spotify"))
    key = (await answer(commands, pressed(names.KEY_NEW))).content.split("`")[1]
    reply = await answer(commands, command("data"))
    said = ENGLISH.data.sections
    assert f"- {said.settings}\n- {said.key.partition('{')[0]}" in reply.content
    assert reply.file is not None
    held = msgspec.json.decode(reply.file)
    assert held["settings"]["hide"] == ["spotify"]
    assert key not in reply.file.decode()
    small = asked("command", name="grux", subcommand="data", attachment_limit_bytes=100)
    reply = await answer(commands, small)
    assert reply.file is None
    assert "https://presence.example/me/export" in reply.content


async def test_everything_is_erased_after_a_confirmation(
    commands: UserCommands, stores: CommandStores
) -> None:
    """Nothing before it; one button keeps the choice to be hidden, and no other."""
    await answer(commands, command("hide", what="spotify"))
    await answer(commands, pressed(names.KEY_NEW))
    reply = await answer(commands, command("erase"))
    erase, erase_hidden, keep = custom_ids(reply)
    assert (await answer(commands, pressed(keep))).content == ENGLISH.data.kept
    assert (await settings(stores)).hide == ("spotify",)
    assert (await answer(commands, pressed(erase))).content == ENGLISH.data.erased
    assert await settings(stores) == DEFAULTS
    assert await stores.keys.created_at(ROBIN) is None
    await answer(commands, command("hide", what="spotify"))
    reply = await answer(commands, pressed(erase_hidden))
    assert reply.content == ENGLISH.data.erased_hidden
    assert await settings(stores) == UserSettings(visible=False)


async def test_nobody_erases_for_somebody_else(
    commands: UserCommands, stores: CommandStores
) -> None:
    """A button names its person, and the person who presses it counts alone."""
    await answer(commands, command("hide", what="spotify"))
    erase, erase_hidden, _ = custom_ids(await answer(commands, command("erase")))
    other = 285745753341558786
    for custom_id in (erase, erase_hidden):
        stranger = pressed(custom_id, None, user_id=other)
        assert (await answer(commands, stranger)).content == ENGLISH.problems.not_yours
        assert (await commands.perform(stranger)).content == ENGLISH.problems.outdated
    assert (await settings(stores)).hide == ("spotify",)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_answer_is_translated_and_fits(
    commands: UserCommands, applications: dict[str, str], language: str
) -> None:
    """`answer` checks each against Discord's limits; none is the English one."""
    locale = LOCALES[language][0]
    applications |= {str(int(GAME) + number): f"Game {number} " * 20 for number in range(30)}
    everything = [
        command("hide", locale),
        command("show", locale),
        command("pause", locale, hours=168),
        command("show", locale),
        command("hide", locale, what="everything"),
        command("key", locale),
        pressed(names.KEY_NEW, None, locale=locale),
        command("key", locale),
        command("links", locale),
        command("data", locale),
        command("erase", locale),
        command("", locale),
        *(command("hide", locale, what=part) for part in HIDEABLE_FIELDS),
        pressed(names.KEY_DELETE, None, locale=locale),
        pressed(names.ERASE + str(ROBIN), None, locale=locale),
    ]
    texts = LANGUAGES[language]
    said = [(await answer(commands, one)).content for one in everything]
    assert said[-1] == texts.data.erased
    if language != "en":
        english = {ENGLISH.state.shown, ENGLISH.state.hidden, ENGLISH.state.saved}
        assert not any(line in english for content in said for line in content.splitlines())
