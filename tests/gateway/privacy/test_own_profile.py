"""What a person has written and chosen to show reaches readers with the gateway's save."""

from __future__ import annotations

import msgspec

from services.gateway.privacy.own_profile import with_own_words
from shared.model.profile_extras import ProfileExtras, apply_extras
from shared.model.snapshot import ConnectedAccount, Link, Profile
from shared.model.user_settings import DEFAULTS, UserSettings
from tests.gateway.gateway_fixture import GUILD
from tests.gateway.writer_fixture import WriterFixture
from tests.shared.model.test_profile_extras import PROFILE

ANNA = 161092844126208001
GITHUB = ConnectedAccount("github", "anna", "https://github.com/anna")
HOME = Link("Home", "https://example.org/")
CHOSEN = UserSettings(bio="Hello\nthere", pronouns="she/her", links=(HOME,))


def test_a_person_who_has_chosen_nothing() -> None:
    """The profile is Discord's."""
    assert with_own_words(PROFILE, None, ()) is PROFILE
    assert with_own_words(PROFILE, DEFAULTS, ()) == PROFILE


def test_what_is_written_is_shown() -> None:
    shown = with_own_words(PROFILE, CHOSEN, [GITHUB])
    assert (shown.bio, shown.pronouns, shown.links) == ("Hello\nthere", "she/her", [HOME])
    assert shown.connected_accounts == [GITHUB]


def test_a_source_completes_what_is_not_written() -> None:
    """Its bio is shown only where the person has none; its accounts instead of theirs."""
    source = ProfileExtras(bio="Elsewhere", connected_accounts=[ConnectedAccount("x", "y", None)])
    for chosen, bio in ((CHOSEN, "Hello\nthere"), (UserSettings(pronouns="x"), "Elsewhere")):
        own = msgspec.json.encode(with_own_words(PROFILE, chosen, [GITHUB]))
        shown = msgspec.json.decode(apply_extras(own, source), type=Profile)
        assert shown.bio == bio
        assert shown.connected_accounts == source.connected_accounts


async def profile_of(writing: WriterFixture) -> Profile:
    await writing.writer.drained()
    snapshot = await writing.store.load(ANNA)
    assert snapshot is not None
    return msgspec.json.decode(snapshot.profile, type=Profile)


async def test_the_gateway_writes_it(writing: WriterFixture) -> None:
    """With the first save and with each change; an erasure takes it away again."""
    apply = writing.writer.apply_settings
    writing.people.choose(ANNA, CHOSEN, apply)
    writing.list_guild(GUILD, ANNA)
    assert (await profile_of(writing)).bio == "Hello\nthere"
    writing.people.choose(ANNA, CHOSEN, apply, [GITHUB])
    shown = await profile_of(writing)
    assert shown.connected_accounts == [GITHUB]
    assert (shown.pronouns, shown.links) == ("she/her", [HOME])
    writing.people.choose(ANNA, CHOSEN, apply)
    assert (await profile_of(writing)).connected_accounts == []
    writing.people.choose(ANNA, DEFAULTS, apply)
    shown = await profile_of(writing)
    assert (shown.bio, shown.pronouns, shown.links) == (None, None, [])


async def test_an_unchanged_profile_is_not_rendered_again(writing: WriterFixture) -> None:
    """Other changes cost no rendering of the profile, as for everybody else."""
    writing.people.choose(ANNA, CHOSEN, writing.writer.apply_settings, [GITHUB])
    writing.list_guild(GUILD, ANNA)
    await profile_of(writing)
    writing.writer.changed(ANNA)
    assert (await profile_of(writing)).bio == "Hello\nthere"
    [*_, last] = writing.store.batches
    assert [save.fields and save.fields.profile for save in last] == [b""]
