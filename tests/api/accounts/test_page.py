"""The page at /me as HTML: services/api/accounts/page.py."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace

from services.api.accounts import page
from services.api.accounts.settings_form import SettingsForm, of_fields, of_settings
from services.api.accounts.view import NOTICES, AccountView, Application, Invalid, JoinOffer
from services.api.http.security_headers import private_html_response
from shared.config import ApiSettings
from shared.model.connected_accounts import OwnConnection
from shared.model.snapshot import Link
from shared.model.user_settings import HIDEABLE_FIELDS, InvalidSettings, UserSettings, patched
from tests.api.accounts.page_reader import HOSTILE, PageReader

SETTINGS = UserSettings(
    hide=("spotify",),
    hide_applications=("383226320970055681",),
    connected_accounts=("github:1",),
    bio="\nFirst line <b>",
    pronouns="she/they",
    links=(Link("Site", "https://example.org/?a=1&b=2"),),
)
GITHUB = OwnConnection("github", "1", "robin", verified=True, visibility=1)
VIEW = AccountView(
    user_id=161092844126208001,
    now_ms=1_796_040_000_000,
    name="Robin",
    avatar_url="https://cdn.discordapp.com/avatars/1/a.png",
    csrf="t0ken",
    form=of_settings(SETTINGS, "joining"),
    monitored=True,
    applications=(Application("764429562019840003", "Starfall Arena"),),
    connections=(GITHUB,),
)


def test_the_form_holds_the_settings() -> None:
    """Sent as it is shown, it changes nothing; texts keep their first empty line and their `<`."""
    assert of_fields(PageReader(page.render(VIEW)).fields) == VIEW.form


@pytest.mark.parametrize(("days", "text"), [(1, "for 1 day at most"), (30, "for 30 days at most")])
def test_it_says_how_long_a_history_is_kept(days: int, text: str) -> None:
    """HISTORY_DAYS."""
    assert text in page.render(replace(VIEW, history_days=days)).decode()


def test_every_control_has_a_label() -> None:
    """And what describes it is there, once."""
    found = PageReader(page.render(replace(VIEW, new_key="k", key_created_at=1, monitored=False)))
    assert sorted(found.labelled) == sorted(str(control["id"]) for control in found.controls)
    assert set(found.described) <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))


def test_every_form_has_the_token() -> None:
    """The page changes nothing by GET, and no form is sent without what proves its origin."""
    join = JoinOffer("A server", "auth/join")
    view = replace(VIEW, key_created_at=1, monitored=False, join=join)
    found = PageReader(page.render(view))
    assert {form["method"] for form in found.forms} == {"post"}
    assert found.tokens == {str(form["action"]): ["t0ken"] for form in found.forms}
    assert {"./me", "./auth/logout", "./me/key#key", "./me/key/delete#key", "auth/join"} == set(
        found.tokens
    )


def test_every_field_has_a_switch_and_a_sentence() -> None:
    """Switched on unless it is hidden."""
    found = PageReader(page.render(VIEW))
    switches = {one["value"]: "checked" in one for one in found.controls if one["name"] == "show"}
    assert switches == {field: field != "spotify" for field in HIDEABLE_FIELDS}


def test_hostile_texts_are_text() -> None:
    """Names of people, applications, accounts and servers come from strangers."""
    view = AccountView(
        now_ms=1_796_040_000_000, user_id=1,
        name=HOSTILE,
        avatar_url=HOSTILE,
        csrf=HOSTILE,
        form=SettingsForm(
            bio=HOSTILE, pronouns=HOSTILE, links=((HOSTILE, HOSTILE),), more_applications=HOSTILE,
            hide_applications=(HOSTILE,), connected=(HOSTILE,), pause=HOSTILE,
        ),
        monitored=False,
        applications=(Application(HOSTILE, HOSTILE),),
        connections=(OwnConnection(HOSTILE, HOSTILE, HOSTILE),),
        new_key=HOSTILE,
        notice=HOSTILE,
        invalid=Invalid(HOSTILE, HOSTILE),
        invite=HOSTILE,
        join=JoinOffer(HOSTILE, HOSTILE),
    )  # fmt: skip
    html = page.render(view)
    assert b"<script>" not in html
    found = PageReader(html)
    assert found.inline == []
    for control in found.controls:
        assert set(control) <= {
            "tag", "type", "role", "class", "id", "name", "value", "checked", "disabled",
            "aria-describedby", "aria-invalid", "inputmode", "autocomplete", "spellcheck",
            "maxlength", "placeholder", "rows",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("patch", "control", "sentence"),
    [
        ({"bio": "x" * 191}, "bio", "The bio can have 190 characters at most, and this has 191."),
        ({"pronouns": "a\nb"}, "pronouns", "The line of pronouns cannot contain line breaks"),
        (
            {"links": [{"label": "A", "url": "https://a.example"}, {"label": "B", "url": "b"}]},
            "link_url-1",
            "The address of link 2 has to be an address that begins with https:// or http://.",
        ),
        ({"links": [{"label": "", "url": "https://a.example"}]}, "link_label-0", "The label of li"),
        ({"hide_applications": ["12"]}, "more_applications", "The list of applications has to be"),
        ({"history": "all"}, "history-level", "The choice of what is kept has to be one of off, "),
    ],
)
def test_an_error_is_beside_its_field(
    patch: dict[str, object], control: str, sentence: str
) -> None:
    """The control is marked, its error describes it, and a link at the top leads to it."""
    with pytest.raises(InvalidSettings) as raised:
        patched(SETTINGS, patch)
    invalid = Invalid(raised.value.field, str(raised.value))
    html = page.render(replace(VIEW, invalid=invalid)).decode()
    (wrong,) = [one for one in PageReader(html.encode()).controls if "aria-invalid" in one]
    assert wrong["id"] == control
    assert f"{control}-error" in str(wrong["aria-describedby"]).split()
    assert f'id="{control}-error">{sentence}' in html
    assert f'<a href="#{control}">{sentence}' in html
    assert "Nothing was saved." in html


def test_a_notice_is_one_that_is_known() -> None:
    """The query names it; any other text of the query is not shown."""
    for name, text in NOTICES.items():
        assert text in page.render(replace(VIEW, notice=name)).decode()
    assert b'class="notice"' not in page.render(replace(VIEW, notice="Call 555"))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Everyone who knows your id can see this."),
        ({"form": SettingsForm(visible=False)}, "You are hidden: Grux answers as if"),
        ({"paused_until": 1_800_000_000_000}, "You are hidden until 2027-01-15 08:00 UTC, then"),
        (
            {"form": SettingsForm(visible=False), "paused_until": 1_800_000_000_000},
            "You are hidden: Grux answers as if",
        ),
        ({"monitored": False}, "You are in no server that this Grux follows"),
    ],
)
def test_the_page_says_what_others_see(changes: dict[str, Any], text: str) -> None:
    """In one sentence below the preview."""
    assert text in PageReader(page.render(replace(VIEW, **changes))).text


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        (GITHUB, None),
        (replace(GITHUB, revoked=True), "the connection is broken"),
        (replace(GITHUB, verified=False), "Discord has not verified"),
        (replace(GITHUB, visibility=0), "hidden on your Discord profile"),
        (replace(GITHUB, name=None), "Discord does not show it"),
    ],
)
def test_an_account_that_cannot_be_shown_says_why(
    connection: OwnConnection, reason: str | None
) -> None:
    """It can be switched off, if it was chosen before, and not on."""
    for chosen in (True, False):
        form = SettingsForm(connected=("github:1",) if chosen else ())
        found = PageReader(page.render(replace(VIEW, connections=(connection,), form=form)))
        (control,) = [one for one in found.controls if one["name"] == "connected"]
        assert ("disabled" in control) == (reason is not None and not chosen)
        assert reason is None or f"Not shown: {reason}" in found.text.replace("it is ", "")


def test_a_new_key_is_shown_once() -> None:
    """With a warning; afterwards only since when there is one."""
    shown = page.render(replace(VIEW, new_key="secret-key", key_created_at=1_800_000_000_000))
    assert b"secret-key" in shown
    assert b"cannot be shown again" in shown
    later = page.render(replace(VIEW, key_created_at=1_800_000_000_000))
    assert b"secret-key" not in later
    assert b"Your key was created on <time datetime=" in later


def test_addresses_are_relative_to_the_root() -> None:
    """The answer to `POST /me/key` is a page one level deeper."""
    found = PageReader(page.render(replace(VIEW, root="../")))
    assert all(re.match(r"\.\./|#", href) for href in found.hrefs)
    assert all(str(form["action"]).startswith("../") for form in found.forms)


def test_a_private_page_is_kept_nowhere() -> None:
    """No cache, no other site, and forms that go nowhere else."""
    policy = page.policy(ApiSettings(public_ws_url="wss://ws.example.org"))
    wire = private_html_response(200, page.render(VIEW), policy, (b"set-cookie", b"a=b")).wire
    head = wire.partition(b"\r\n\r\n")[0].decode()
    assert "cache-control: no-store" in head
    assert "access-control-allow-origin" not in head
    assert "form-action 'self'; frame-ancestors 'none'" in head
    assert "connect-src 'self' wss://ws.example.org;" in head
    assert "referrer-policy: same-origin" in head  # with no-referrer, forms have `Origin: null`
    assert "set-cookie: a=b" in head
    assert "unsafe" not in head
