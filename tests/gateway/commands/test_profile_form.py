"""The form for bio, pronouns and links: what is written is stored, or shown again with a reason."""

from __future__ import annotations

import pytest

from services.gateway.commands import profile_form
from services.gateway.commands.commands import CommandStores, UserCommands
from services.gateway.commands.profile_form import ProfileDraft, parse_links
from services.gateway.commands.replies import Modal
from shared.commands.texts import ENGLISH, LANGUAGES
from shared.model.snapshot import Link
from shared.model.user_settings import LINKS_MAX, UserSettings
from simulator.message_rules import problems_of_modal
from tests.gateway.commands.asking import ROBIN, answer, asked, command, opened, pressed

FIELDS = {
    "bio": "Tapes & trains @everyone",
    "pronouns": "they/them",
    "links": "My site https://example.org/\n\n  https://www.example.net/x ",
}


def values(modal: object) -> dict[str, str]:
    assert isinstance(modal, Modal)
    inputs = [one["component"] for one in modal.inputs]
    return {one["custom_id"]: one.get("value", "") for one in inputs}


async def test_what_is_written_is_stored_and_comes_back(
    commands: UserCommands, stores: CommandStores
) -> None:
    """The form is empty at first, and then holds what is stored."""
    assert set(values(await opened(commands, command("profile"))).values()) == {""}
    sent = asked("modal", custom_id=profile_form.SUBMIT, fields=FIELDS)
    assert (await answer(commands, sent)).content == ENGLISH.profile.saved
    links = (
        Link("My site", "https://example.org/"),
        Link("example.net", "https://www.example.net/x"),
    )
    assert await stores.settings.get(ROBIN) == UserSettings(
        bio=FIELDS["bio"], pronouns=FIELDS["pronouns"], links=links
    )
    assert values(await opened(commands, pressed(profile_form.OPEN))) == {
        **FIELDS,
        "links": "My site https://example.org/\nexample.net https://www.example.net/x",
    }
    empty = asked("modal", custom_id=profile_form.SUBMIT, fields={})
    await answer(commands, empty)
    assert await stores.settings.get(ROBIN) == UserSettings()


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("bio", "x" * 191, ENGLISH.profile.bad_bio),
        ("bio", "a\u202eb", ENGLISH.profile.bad_bio),
        ("pronouns", "x" * 41, ENGLISH.profile.bad_pronouns),
        ("links", "just words", ENGLISH.profile.bad_links),
        ("links", "x javascript:alert(1)", ENGLISH.profile.bad_links),
        ("links", "x https://user:pass@example.org", ENGLISH.profile.bad_links),
        ("links", "\n".join(["a https://example.org"] * 6), ENGLISH.profile.bad_links),
        ("links", "x" * 41 + " https://example.org", ENGLISH.profile.bad_links),
    ],
)
async def test_what_cannot_be_stored_is_not_lost(
    commands: UserCommands, stores: CommandStores, field: str, text: str, reason: str
) -> None:
    """Nothing is stored, the reason is named, and the form opens again with what was written."""
    fields = {**FIELDS, field: text}
    reply = await answer(commands, asked("modal", custom_id=profile_form.SUBMIT, fields=fields))
    assert reason in reply.content
    assert await stores.settings.get(ROBIN) == UserSettings()
    again = values(await opened(commands, pressed(profile_form.OPEN_DRAFT, reply)))
    for name, written in fields.items():
        assert written.strip().startswith(again[name].strip())
        assert again[name]


def test_a_draft_is_read_from_any_message() -> None:
    """Also from one that has lost its parts."""
    assert profile_form.draft_of_message(None) == ProfileDraft()
    assert profile_form.draft_of_message({"embeds": None}) == ProfileDraft()
    assert profile_form.draft_of_message({"embeds": [1]}) == ProfileDraft()
    assert profile_form.draft_of_message({"embeds": [{"description": "x"}] * 9}) == ProfileDraft(
        "x", "x", "x"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_form_fits_in_every_language(language: str) -> None:
    """Labels, hints, and the longest values."""
    draft = ProfileDraft("x" * 500, "x" * 500, "x" * 5000)
    assert problems_of_modal(profile_form.modal(draft, LANGUAGES[language]).data()) == []


def test_lines_become_links() -> None:
    """The address is the last word."""
    assert parse_links("a b https://x\n\n\thttps://www.y.example/z \nword") == [
        {"label": "a b", "url": "https://x"},
        {"label": "y.example", "url": "https://www.y.example/z"},
        {"label": "", "url": "word"},
    ]
    assert parse_links("https://[") == [{"label": "", "url": "https://["}]
    assert len(parse_links("a https://x\n" * (LINKS_MAX + 1))) == LINKS_MAX + 1
