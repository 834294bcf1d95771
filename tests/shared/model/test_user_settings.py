"""What a person may choose, and what they are told when it is not allowed."""

from __future__ import annotations

import pytest

from shared.model import user_settings
from shared.model.snapshot import Link
from shared.model.user_settings import (
    DEFAULTS,
    HIDEABLE_FIELDS,
    Consent,
    InvalidSettings,
    UserSettings,
    as_json,
    is_shown,
    patched,
)

NOW = 1_790_000_000_000
CODE = "383226320970055681"


def test_nothing_chosen_is_what_a_member_has() -> None:
    """Their JSON has every name, and is stored as an empty object."""
    assert as_json(DEFAULTS) == {
        "visible": True,
        "hide": [],
        "hide_applications": [],
        "connected_accounts": [],
        "bio": None,
        "pronouns": None,
        "links": [],
        "paused_until": 0,
        "opted_in": False,
        "history": "off",
    }
    assert user_settings.encode(DEFAULTS) == b"{}"


def test_settings_survive_storage_and_their_own_json() -> None:
    """What was chosen comes back, and its JSON is a patch that changes nothing."""
    chosen = UserSettings(
        visible=False,
        paused_until=NOW,
        opted_in=True,
        hide=("status", "spotify"),
        hide_applications=(CODE,),
        connected_accounts=("github:1",),
        bio="I write\nsoftware.",
        pronouns="they/them",
        links=(Link("Home", "https://example.org/"),),
        history="recent",
    )
    assert user_settings.decode(user_settings.encode(chosen)) == chosen
    assert patched(DEFAULTS, as_json(chosen)) == chosen


@pytest.mark.parametrize(
    ("settings", "consent", "shown"),
    [
        (UserSettings(), "joining", True),
        (UserSettings(), "asking", False),
        (UserSettings(opted_in=True), "asking", True),
        (UserSettings(visible=False, opted_in=True), "joining", False),
        (UserSettings(visible=False, opted_in=True), "asking", False),
        (UserSettings(paused_until=NOW + 1), "joining", False),
        (UserSettings(paused_until=NOW), "joining", True),
    ],
)
def test_who_is_shown(settings: UserSettings, consent: Consent, shown: bool) -> None:
    """Nobody who has hidden, is pausing, or was to be asked first."""
    assert is_shown(settings, consent, NOW) is shown


def test_a_patch_changes_what_it_names() -> None:
    """Null resets a setting; the others stay."""
    before = UserSettings(bio="Hi", pronouns="she/her", hide=("clan",))
    after = patched(before, {"bio": None, "visible": False})
    assert after == UserSettings(visible=False, pronouns="she/her", hide=("clan",))
    assert patched(before, {}) == before


def test_asking_to_be_shown_opts_in() -> None:
    """Unless the patch says otherwise, and only then."""
    assert patched(DEFAULTS, {"visible": True}).opted_in
    assert not patched(DEFAULTS, {"visible": True, "opted_in": False}).opted_in
    assert not patched(DEFAULTS, {"bio": "Hi"}).opted_in
    assert patched(UserSettings(opted_in=True), {"visible": False}).opted_in


def test_lists_are_kept_in_order() -> None:
    """Each entry once: fields in their own order, ids by size, accounts as chosen."""
    settings = patched(
        DEFAULTS,
        {
            "hide": ["spotify", "status", "spotify"],
            "hide_applications": [CODE, "356875221078245376", CODE],
            "connected_accounts": ["steam:2", "github:1", "steam:2"],
        },
    )
    assert settings.hide == ("status", "spotify")
    assert settings.hide_applications == ("356875221078245376", CODE)
    assert settings.connected_accounts == ("steam:2", "github:1")
    assert patched(DEFAULTS, {"hide": list(HIDEABLE_FIELDS)}).hide == HIDEABLE_FIELDS


def test_text_is_normalised() -> None:
    """Composed, without space around it, with one kind of line end; nothing left means none."""
    settings = patched(DEFAULTS, {"bio": "  Cafe\u0301\r\nat noon ", "pronouns": " \n "})
    assert settings.bio == "Caf\u00e9\nat noon"
    assert settings.pronouns is None


def test_the_longest_text_is_accepted() -> None:
    """Counted after normalising."""
    settings = patched(DEFAULTS, {"bio": "e\u0301" * 190, "pronouns": "x" * 40})
    assert settings.bio == "\u00e9" * 190
    assert settings.pronouns == "x" * 40


REFUSED: list[tuple[dict[str, object], str, str]] = [
    ({"past": "recent"}, "past", "Settings are visible, hide,"),
    ({"Visible": True}, "Visible", "There is no such setting"),
    ({"visible": "yes"}, "visible", "true or false"),
    ({"visible": 1}, "visible", "true or false"),
    ({"opted_in": "on"}, "opted_in", "true or false"),
    ({"paused_until": -1}, "paused_until", "milliseconds"),
    ({"paused_until": True}, "paused_until", "milliseconds"),
    ({"paused_until": 2**53}, "paused_until", "milliseconds"),
    ({"paused_until": 1.5}, "paused_until", "milliseconds"),
    ({"hide": "status"}, "hide", "list of texts"),
    ({"hide": ["status", 1]}, "hide", "list of texts"),
    ({"hide": ["banner"]}, "hide", "connected_accounts, decoration"),
    ({"history": "on"}, "history", "off, last_seen, recent"),
    ({"history": ["recent"]}, "history", "off, last_seen, recent"),
    ({"hide_applications": ["12"]}, "hide_applications", "15 to 20 digits"),
    ({"hide_applications": ["1" * 18 + "x"]}, "hide_applications", "15 to 20 digits"),
    (
        {"hide_applications": [str(383226320970055681 + one) for one in range(101)]},
        "hide_applications",
        "100 ids at most",
    ),
    ({"connected_accounts": ["github"]}, "connected_accounts", '"type:id"'),
    ({"connected_accounts": ["github:"]}, "connected_accounts", '"type:id"'),
    ({"connected_accounts": ["github:" + "1" * 300]}, "connected_accounts", '"type:id"'),
    ({"connected_accounts": ["github:1\u202e"]}, "connected_accounts", '"type:id"'),
    (
        {"connected_accounts": [f"github:{one}" for one in range(51)]},
        "connected_accounts",
        "50 accounts at most",
    ),
    ({"bio": 5}, "bio", "a text"),
    ({"bio": "x" * 191}, "bio", "190 characters at most, and this has 191"),
    ({"bio": "x" * 100_000}, "bio", "190 characters at most"),
    ({"bio": "a\x00b"}, "bio", "control characters"),
    ({"bio": "a\x1bb"}, "bio", "control characters"),
    ({"bio": "a\u202eb"}, "bio", "control characters"),
    ({"bio": "a\u2066b"}, "bio", "control characters"),
    ({"bio": "a\ud800b"}, "bio", "control characters"),
    ({"pronouns": "x" * 41}, "pronouns", "40 characters at most"),
    ({"pronouns": "she\nher"}, "pronouns", "line breaks"),
    ({"pronouns": "she\u2028her"}, "pronouns", "line breaks"),
    ({"links": {}}, "links", "a list"),
    ({"links": ["https://example.org"]}, "links[0]", '"label" and "url"'),
    ({"links": [{"label": "a", "url": "https://b.c", "x": 1}]}, "links[0]", "alone"),
    ({"links": [{"label": " ", "url": "https://b.c"}]}, "links[0].label", "empty"),
    ({"links": [{"label": "x" * 41, "url": "https://b.c"}]}, "links[0].label", "40 characters"),
    (
        {"links": [{"label": "a", "url": "https://b.c"}] * 6},
        "links",
        "5 links at most",
    ),
]


@pytest.mark.parametrize(("patch", "field", "message"), REFUSED)
def test_what_is_not_allowed_is_named(patch: dict[str, object], field: str, message: str) -> None:
    """The error has the field, and says what is allowed."""
    with pytest.raises(InvalidSettings) as raised:
        patched(DEFAULTS, patch)
    assert raised.value.field == field
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.org/",
        "//example.org/",
        "example.org",
        "https://",
        "https:///path",
        "https://exa mple.org/",
        "https://example.org/\nx",
        "https://example.org\\@evil.example/",
        "https://user@example.org/",
        "https://user:password@example.org/",
        "https://example.org:99999/",
        "https://[::1/",
        "https://example.org/\u202egro",
        'https://example.org/"onclick',
        "https://example.org/" + "x" * 512,
    ],
)
def test_a_link_is_an_address_on_the_web(url: str) -> None:
    """Without credentials, scripts, or anything that could pretend to be another address."""
    with pytest.raises(InvalidSettings) as raised:
        patched(DEFAULTS, {"links": [{"label": "x", "url": url}]})
    assert raised.value.field == "links[0].url"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "http://example.org:8080/a?b=c#d",
        "https://[::1]/",
        "HTTPS://m.\u00fc.de/",
    ],
)
def test_usual_addresses_are_accepted(url: str) -> None:
    """They are stored as they were written."""
    settings = patched(DEFAULTS, {"links": [{"label": "x", "url": url}]})
    assert settings.links == (Link("x", url),)


def test_what_a_stranger_wrote_is_not_repeated_at_length() -> None:
    """An unknown name of any length gives a short error that can be shown."""
    with pytest.raises(InvalidSettings) as raised:
        patched(DEFAULTS, {"x\u202e" * 1000: 1})
    assert raised.value.field == "x" * 20 + "\u2026"
