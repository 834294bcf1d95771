"""`/grux show`, `hide` and `pause`, and the controls of their answers, on a real Redis."""

from __future__ import annotations

from services.gateway.commands import panel
from services.gateway.commands.commands import CommandStores, UserCommands
from services.gateway.commands.visibility import MS_PER_HOUR
from shared.commands.texts import ENGLISH
from shared.model.user_settings import HIDEABLE_FIELDS, UserSettings, patched
from tests.gateway.commands.asking import (
    ROBIN,
    answer,
    command,
    custom_ids,
    options,
    pressed,
)
from tests.gateway.commands.conftest import NOW

GAME, EDITOR = "356875570916753438", "383226320970055681"
NOW_MS = int(NOW * 1000)


async def settings(stores: CommandStores) -> UserSettings:
    return await stores.settings.get(ROBIN)


async def test_hide_shows_the_choices_and_changes_nothing(
    commands: UserCommands, stores: CommandStores, applications: dict[str, str]
) -> None:
    """All parts, with those that are hidden chosen, and the applications of now."""
    applications[GAME] = "A *game*"
    await stores.settings.change(ROBIN, lambda old: patched(old, {"hide": ["spotify"]}))
    before = await settings(stores)
    reply = await answer(commands, command("hide"))
    assert options(reply, panel.HIDE_PARTS) == {part: part == "spotify" for part in HIDEABLE_FIELDS}
    assert options(reply, panel.HIDE_APPLICATIONS) == {GAME: False}
    assert custom_ids(reply)[-1] == panel.VISIBLE_OFF
    assert ENGLISH.state.shown in reply.content
    assert "Hidden: Spotify." in reply.content
    assert await settings(stores) == before


async def test_a_part_is_hidden_and_shown_by_name(
    commands: UserCommands, stores: CommandStores
) -> None:
    """`/grux hide what:spotify` adds to what is hidden, and `/grux show` takes it away again."""
    await answer(commands, command("hide", what="clan"))
    await answer(commands, command("hide", what="spotify"))
    reply = await answer(commands, command("hide", what="spotify"))
    assert (await settings(stores)).hide == ("spotify", "clan")
    assert ENGLISH.state.saved in reply.content
    reply = await answer(commands, command("show", what="spotify"))
    assert (await settings(stores)).hide == ("clan",)
    assert options(reply, panel.SHOW) == {"clan": False}


async def test_choices_of_the_selects_are_stored(
    commands: UserCommands, stores: CommandStores, applications: dict[str, str]
) -> None:
    """Those of the parts replace what was hidden; applications that were not offered stay."""
    applications |= {GAME: "Game", EDITOR: "Editor"}
    await stores.settings.change(ROBIN, lambda old: patched(old, {"hide": ["clan"]}))
    reply = await answer(commands, command("hide"))
    await answer(commands, pressed(panel.HIDE_PARTS, reply, "status", "device"))
    assert (await settings(stores)).hide == ("status", "device")
    await answer(commands, pressed(panel.HIDE_PARTS, reply))
    assert (await settings(stores)).hide == ()
    await answer(commands, pressed(panel.HIDE_APPLICATIONS, reply, GAME))
    applications.clear()
    applications[EDITOR] = "Editor"
    stays = await answer(commands, command("hide"))
    assert options(stays, panel.HIDE_APPLICATIONS) == {GAME: True, EDITOR: False}
    other = "411111111111111111"
    await stores.settings.change(
        ROBIN, lambda old: patched(old, {"hide_applications": [GAME, other]})
    )
    reply = await answer(commands, pressed(panel.HIDE_APPLICATIONS, stays, EDITOR))
    assert (await settings(stores)).hide_applications == (EDITOR, other)
    assert "Editor" in reply.content


async def test_the_select_of_show_shows_parts_and_applications(
    commands: UserCommands, stores: CommandStores
) -> None:
    """Each that is chosen is not hidden any more."""
    patch = {"hide": ["status", "clan"], "hide_applications": [GAME, EDITOR]}
    await stores.settings.change(ROBIN, lambda old: patched(old, patch))
    reply = await answer(commands, command("show"))
    chosen = ("clan", panel.APPLICATION_VALUE + GAME)
    await answer(commands, pressed(panel.SHOW, reply, *chosen))
    found = await settings(stores)
    assert (found.hide, found.hide_applications) == (("status",), (EDITOR,))
    reply = await answer(commands, command("show", what="everything"))
    assert panel.SHOW not in custom_ids(reply)
    found = await settings(stores)
    assert (found.hide, found.hide_applications) == ((), ())


async def test_a_person_disappears_and_comes_back(
    commands: UserCommands, stores: CommandStores
) -> None:
    """By command and by button; the panel then offers the opposite."""
    for hidden, shown in (
        (command("hide", what="everything"), command("show")),
        (pressed(panel.VISIBLE_OFF), pressed(panel.VISIBLE_ON)),
        (pressed(panel.VISIBLE_OFF), command("show", what="everything")),
    ):
        reply = await answer(commands, hidden)
        assert not (await settings(stores)).visible
        assert ENGLISH.state.hidden in reply.content
        assert custom_ids(reply)[-1] == panel.VISIBLE_ON
        reply = await answer(commands, shown)
        assert (await settings(stores)).visible
        assert custom_ids(reply)[-1] == panel.VISIBLE_OFF


async def test_a_pause_has_an_end(commands: UserCommands, stores: CommandStores) -> None:
    """After so many hours, with 0, and with the button; the time is shown in the reader's zone."""
    reply = await answer(commands, command("pause", hours=3))
    until = NOW_MS + 3 * MS_PER_HOUR
    assert (await settings(stores)).paused_until == until
    assert f"<t:{until // 1000}:f>" in reply.content
    for end in (command("pause", hours=0), pressed(panel.VISIBLE_ON), command("show")):
        await answer(commands, command("pause", hours=168))
        await answer(commands, end)
        assert (await settings(stores)).paused_until == 0


async def test_the_end_of_a_pause_is_promised_only_where_it_shows(stores: CommandStores) -> None:
    """Not to a person who is hidden besides, or has not asked to be shown."""
    asking = UserCommands(stores, "asking", "", lambda: NOW)
    reply = await answer(asking, command("pause", hours=3))
    assert ENGLISH.state.not_asked in reply.content
    assert ENGLISH.state.show_me in str(reply.rows)
    joining = UserCommands(stores, "joining", "", lambda: NOW)
    reply = await answer(joining, command("hide", what="everything"))
    assert ENGLISH.state.hidden in reply.content
    assert ENGLISH.state.end_pause not in str(reply.rows)


async def test_showing_oneself_opts_in(stores: CommandStores) -> None:
    """With CONSENT=asking nobody is shown who did not ask for it."""
    asking = UserCommands(stores, "asking", "", lambda: NOW)
    assert ENGLISH.state.not_asked in (await answer(asking, command("hide"))).content
    assert not (await settings(stores)).opted_in
    reply = await answer(asking, command("show"))
    assert (await settings(stores)).opted_in
    assert ENGLISH.state.shown in reply.content
