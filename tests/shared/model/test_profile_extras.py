"""What the gateway, a profile source and the user know becomes one profile."""

from __future__ import annotations

import msgspec
import pytest

from shared.model.profile_extras import ProfileExtras, apply_extras, without_hidden
from shared.model.snapshot import Badge, Clan, ConnectedAccount, Link, Profile

PROFILE = Profile(
    bot=False,
    device=None,
    id="1274150219482660897",
    creation_date="2024-08-16T23:38:04.891Z",
    username="robin",
    display_name="Robin",
    link="https://discord.com/users/1274150219482660897",
    avatar=None,
    avatar_image="https://cdn.discordapp.com/embed/avatars/0.png",
    avatar_decoration_image=None,
    nameplate_image=None,
    badges=[],
    clan=None,
    connected_accounts=[],
    devices={},
    public_flags=0,
)
EXTRAS = ProfileExtras(
    nameplate_image="https://cdn.discordapp.com/n.png",
    badges=[Badge("automod", "Uses AutoMod", "f2", "https://cdn.discordapp.com/f2.png")],
    clan=Clan("CODE", "1112920281367973900", None, None),
    connected_accounts=[ConnectedAccount("github", "robin", "https://github.com/robin")],
    bio="From the source",
    banner_image="https://cdn.discordapp.com/b.png",
    accent_color=7,
)
HIDDEN = {
    "badges": "badges",
    "clan": "clan",
    "connected_accounts": "connected_accounts",
    "decoration": "nameplate_image",
}


def stored(**own: object) -> bytes:
    """A profile as the gateway writes it."""
    return msgspec.json.encode(msgspec.structs.replace(PROFILE, **own))


def completed(profile: bytes, extras: ProfileExtras | None = EXTRAS) -> Profile:
    return msgspec.json.decode(apply_extras(profile, extras), type=Profile)


def test_what_the_user_wrote_comes_before_the_source() -> None:
    """A bio that was written for Grux replaces that of the source, and pronouns and links stay."""
    links = [Link("Home", "https://example.org/")]
    shown = completed(stored(bio="By the user", pronouns="they/them", links=links))
    assert (shown.bio, shown.pronouns, shown.links) == ("By the user", "they/them", links)
    assert completed(stored()).bio == "From the source"


def test_the_source_comes_before_the_consent() -> None:
    """Accounts that the user has chosen are shown where no source has any."""
    chosen = [ConnectedAccount("twitch", "robin", "https://www.twitch.tv/robin")]
    assert completed(stored(connected_accounts=chosen)).connected_accounts == (
        EXTRAS.connected_accounts
    )
    assert completed(stored(connected_accounts=chosen), None).connected_accounts == chosen


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_what_is_hidden_looks_unknown(name: str) -> None:
    """The answer equals that of a source that does not know the field."""
    unknown = msgspec.structs.replace(
        EXTRAS, **{HIDDEN[name]: getattr(ProfileExtras(), HIDDEN[name])}
    )
    assert unknown != EXTRAS
    assert apply_extras(stored(), EXTRAS, {name, "status"}) == apply_extras(stored(), unknown)
    assert without_hidden(EXTRAS, [name]) == unknown


def test_all_that_is_hidden_leaves_the_rest() -> None:
    """Other settings, which the gateway alone applies, change no extras."""
    assert without_hidden(EXTRAS, [*HIDDEN, "status", "new"]) == ProfileExtras(
        bio=EXTRAS.bio, banner_image=EXTRAS.banner_image, accent_color=EXTRAS.accent_color
    )
    assert without_hidden(EXTRAS, ["status", "device", "applications"]) == EXTRAS
    only = ProfileExtras(clan=EXTRAS.clan)
    assert apply_extras(stored(), only, ["clan"]) == stored()
