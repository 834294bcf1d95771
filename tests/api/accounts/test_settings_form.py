"""The settings form at /me: what it shows, and what it changes."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from services.api.accounts.settings_form import SettingsForm, of_fields, of_settings, patch
from shared.model.snapshot import Link
from shared.model.user_settings import (
    DEFAULTS,
    HIDEABLE_FIELDS,
    InvalidSettings,
    UserSettings,
    patched,
)

NOW = 1_800_000_000_000
SETTINGS = UserSettings(
    hide=("spotify", "badges"),
    hide_applications=("383226320970055681",),
    connected_accounts=("github:1234567", "domain:example.org"),
    bio="One line\nand another",
    pronouns="they/them",
    history="last_seen",
    links=(Link("Site", "https://example.org"), Link("Blog", "https://blog.example.org/?a=b&c=d")),
)


def sent(form: SettingsForm) -> list[tuple[str, str]]:
    """The fields as a browser sends them."""
    visible = [("visible", "on")] if form.visible else []
    rows = [*form.links, ("", "")]
    return [
        *visible,
        ("pause", form.pause),
        *(("show", field) for field in HIDEABLE_FIELDS if field in form.show),
        *(("hide_application", app_id) for app_id in form.hide_applications),
        ("more_applications", form.more_applications),
        *(("connected", key) for key in form.connected),
        ("bio", form.bio.replace("\n", "\r\n")),
        ("pronouns", form.pronouns),
        ("history", form.history),
        *(pair for row in rows for pair in zip(("link_label", "link_url"), row, strict=True)),
    ]


@pytest.mark.parametrize("settings", [DEFAULTS, SETTINGS, UserSettings(visible=False)])
def test_saving_without_a_change_changes_nothing(settings: UserSettings) -> None:
    """A form that is sent as it was shown."""
    form = of_fields(sent(of_settings(settings, "joining")))
    after = patched(settings, patch(form, NOW))
    assert after == patched(settings, {"visible": settings.visible})


def test_what_has_no_tick_is_hidden() -> None:
    """A browser sends no field for a switch that is off."""
    changes = patch(of_fields(parse_qsl("visible=on&show=status&show=device")), NOW)
    assert changes["visible"] is True
    assert changes["hide"] == [name for name in HIDEABLE_FIELDS if name not in ("status", "device")]
    nothing = patch(of_fields([]), NOW)
    assert nothing["visible"] is False
    assert nothing["hide"] == list(HIDEABLE_FIELDS)
    assert "paused_until" not in nothing


@pytest.mark.parametrize(("hours", "until"), [("0", 0), ("8", NOW + 28_800_000)])
def test_a_pause_begins_now(hours: str, until: int) -> None:
    """It is sent in hours; 0 ends it."""
    assert patch(SettingsForm(pause=hours), NOW)["paused_until"] == until


@pytest.mark.parametrize("hours", ["2", "-1", "1.5", "٨", "169", "99999", "x"])
def test_a_pause_of_another_length_is_refused(hours: str) -> None:
    """Only the choices of the page are taken."""
    with pytest.raises(InvalidSettings) as found:
        patch(SettingsForm(pause=hours), NOW)
    assert found.value.field == "paused_until"


def test_applications_are_chosen_and_typed() -> None:
    """Ids may be separated as people do, and each counts once."""
    form = SettingsForm(hide_applications=("1", "2"), more_applications=" 3, 2;4\n5 ")
    assert patch(form, NOW)["hide_applications"] == ["1", "2", "3", "4", "5"]


def test_rows_of_links_without_text_are_left_out() -> None:
    """A half-filled row is kept: the error says what is missing."""
    fields = parse_qsl(
        "link_label=A&link_url=https://a.example&link_label=&link_url= &link_label=B&link_url=",
        keep_blank_values=True,
    )
    form = of_fields(fields)
    assert form.links == (("A", "https://a.example"), ("B", ""))
    with pytest.raises(InvalidSettings) as found:
        patched(DEFAULTS, patch(form, NOW))
    assert found.value.field == "links[1].url"


def test_a_hundred_rows_are_refused() -> None:
    """And cost no more than the first one that is too many."""
    fields = [("link_label", "A"), ("link_url", "https://a.example")] * 100
    form = of_fields(fields)
    assert len(form.links) == 6
    with pytest.raises(InvalidSettings, match="links"):
        patched(DEFAULTS, patch(form, NOW))


def test_only_the_opted_in_are_visible_when_asked() -> None:
    """With CONSENT=asking the switch is off until the person has turned it on."""
    assert of_settings(DEFAULTS, "joining").visible
    assert not of_settings(DEFAULTS, "asking").visible
    after = patched(DEFAULTS, patch(SettingsForm(visible=True), NOW))
    assert of_settings(after, "asking").visible


def test_hostile_fields_are_data() -> None:
    """Unknown names and values get no further than the checks of the settings."""
    form = of_fields([("show", "<script>"), ("csrf", "x"), ("bio", "\u202eoib"), ("visible", "on")])
    assert "<script>" not in str(patch(form, NOW)["hide"])
    with pytest.raises(InvalidSettings) as found:
        patched(DEFAULTS, patch(form, NOW))
    assert found.value.field == "bio"
