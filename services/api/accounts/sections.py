"""The sections of the form at /me: one for each kind of setting."""

from __future__ import annotations

import re
from typing import Final

from services.api.accounts.controls import (
    error,
    lines,
    section,
    switch,
    text_area,
    text_input,
)
from services.api.accounts.settings_form import PAUSES
from services.api.accounts.view import AccountView, Invalid
from shared.model.connected_accounts import VISIBLE_TO_EVERYONE, OwnConnection
from shared.model.history import in_days
from shared.model.user_settings import (
    BIO_MAX_CHARS,
    HIDEABLE_FIELDS,
    LABEL_MAX_CHARS,
    LINKS_MAX,
    PRONOUNS_MAX_CHARS,
    URL_MAX_CHARS,
    HideableField,
    HistoryLevel,
)

FIELD_TEXTS: Final[dict[HideableField, tuple[str, str]]] = {
    "status": ("Status", "Online, idle or do not disturb. When hidden, you always look offline."),
    "device": ("Device", "Whether you use a computer, a phone or a browser."),
    "activities": ("Activities", "Games, streams and everything else that you do in an app."),
    "spotify": ("Spotify", "The song that you play on Spotify, with its cover."),
    "listening": (
        "Other music",
        "The songs that music players other than Spotify report. While they are hidden, "
        "/now-playing shows no song, Spotify's included.",
    ),
    "custom_status": ("Custom status", "The line that you write below your name in Discord."),
    "badges": ("Badges", "The small symbols of your Discord profile."),
    "clan": ("Server tag", "The tag of a server that you wear beside your name."),
    "connected_accounts": ("Connected accounts", "The accounts that you choose below."),
    "decoration": ("Decoration", "The frame around your avatar, and your nameplate."),
}
"""Label and explanation of each switch."""

HISTORY_TEXTS: Final[dict[HistoryLevel, str]] = {
    "off": "Nothing",
    "last_seen": "When I was seen last",
    "recent": "Last seen and recent activities",
}
"""By what is kept."""

_CONTROL_NAMES: Final = {
    "history": "The choice of what is kept",
    "bio": "The bio",
    "pronouns": "The line of pronouns",
    "hide_applications": "The list of applications",
    "connected_accounts": "The choice of accounts",
    "links": "The list of links",
}
_LINK_FIELD: Final = re.compile(r"links\[(\d+)\](?:\.(label|url))?")


def visibility(view: AccountView) -> str:
    shown = switch(
        "visible",
        "on",
        "Show my presence",
        "When off, nobody can tell you from someone who was never here.",
        on=view.form.visible,
    )
    keep = "Keep the pause" if view.paused_until else "No pause"
    choices = {"": keep, **({"0": "End the pause now"} if view.paused_until else {})}
    choices |= {str(hours): f"Hide me for {text}" for hours, text in PAUSES.items()}
    options = "".join(
        f'<option value="{value}"{" selected" if value == view.form.pause else ""}>{text}</option>'
        for value, text in choices.items()
    )
    invalid = _of(view, "paused_until")
    pause = f"""\
<div class="line"><label for="pause">Pause</label>
<select id="pause" name="pause" aria-describedby="pause-hint pause-error">{options}</select></div>
<p class="hint" id="pause-hint">Hides you, and shows you again by itself.</p>{
        error("pause", invalid)
    }"""
    return section("visibility", "Visibility", f"{shown}\n{pause}")


def history(view: AccountView) -> str:
    chosen = view.form.history
    options = "".join(
        f'<option value="{level}"{" selected" if level == chosen else ""}>{text}</option>'
        for level, text in HISTORY_TEXTS.items()
    )
    invalid = _of(view, "history")
    wrong = ' aria-invalid="true"' if invalid else ""
    body = f"""\
<div class="line"><label for="history-level">Keep</label>
<select id="history-level" name="history" \
aria-describedby="history-level-hint history-level-error"{wrong}>{options}</select></div>
<p class="hint" id="history-level-hint">Everyone who can see you can see it, for \
{
        in_days(view.history_days)
    } at most, without what you hide. Keeping less erases the rest at once.</p>{
        error("history-level", invalid)
    }"""
    return section("history", "History", body)


def fields(view: AccountView) -> str:
    switches = "\n".join(
        switch("show", field, *FIELD_TEXTS[field], on=field in view.form.show)
        for field in HIDEABLE_FIELDS
    )
    return section(
        "fields",
        "What is shown",
        f'<fieldset class="grid"><legend>Switch off what you want to hide.</legend>\n'
        f"{switches}\n</fieldset>{error('show', _of(view, 'hide'))}",
    )


def applications(view: AccountView) -> str:
    names = {one.id: one.name for one in view.applications}
    hidden = view.form.hide_applications
    switches = [
        switch(
            "hide_application",
            app_id,
            names.get(app_id) or f"Application {app_id}",
            "",
            on=app_id in hidden,
        )
        for app_id in dict.fromkeys((*names, *hidden))
    ]
    group = (
        '<fieldset class="grid"><legend>Switch on what you want to hide.</legend>\n'
        f"{lines(switches)}\n</fieldset>"
        if switches
        else '<p class="hint">Games and apps that you use now are listed here.</p>'
    )
    more = text_input(
        "more_applications",
        "more_applications",
        "Hide more, by application id",
        view.form.more_applications,
        more='inputmode="numeric" autocomplete="off" spellcheck="false"',
        invalid=_of(view, "hide_applications"),
    )
    return section(
        "applications", "Hidden applications", f'<div id="app-list">{group}</div>\n{more}'
    )


def connections(view: AccountView) -> str:
    switches = [
        switch(
            "connected",
            one.key,
            f"{one.name or one.id} ({one.type})",
            why_not_shown(one),
            on=one.key in view.form.connected,
            usable=one.may_be_shown or one.key in view.form.connected,
        )
        for one in view.connections
    ]
    body = (
        '<fieldset class="grid"><legend>Switch on what strangers may see.</legend>\n'
        f"{lines(switches)}\n</fieldset>{error('connected', _of(view, 'connected_accounts'))}"
        if switches
        else '<p class="hint">Discord names no connected account of yours. Connect some in Discord '
        "(User Settings, Connections), then sign in here again.</p>"
    )
    return section("connections", "Connected accounts", body)


def why_not_shown(connection: OwnConnection) -> str:
    """A sentence; empty for an account that may be shown."""
    if connection.may_be_shown:
        return ""
    if connection.revoked:
        return "Not shown: the connection is broken. Connect it again in Discord."
    if not connection.verified:
        return "Not shown: Discord has not verified that it is yours."
    if connection.visibility != VISIBLE_TO_EVERYONE:
        return "Not shown: it is hidden on your Discord profile."
    return "Not shown: Discord does not show it on profiles either."


def about(view: AccountView) -> str:
    bio = text_area(
        "bio",
        "Bio",
        view.form.bio,
        f"At most {BIO_MAX_CHARS} characters.",
        more=f'rows="3" maxlength="{BIO_MAX_CHARS}"',
        invalid=_of(view, "bio"),
    )
    pronouns = text_input(
        "pronouns",
        "pronouns",
        "Pronouns",
        view.form.pronouns,
        more=f'maxlength="{PRONOUNS_MAX_CHARS}" autocomplete="off"',
        invalid=_of(view, "pronouns"),
    )
    rows = (*view.form.links, *[("", "")] * LINKS_MAX)[: max(LINKS_MAX, len(view.form.links))]
    links = lines(_link(view, index, *row) for index, row in enumerate(rows))
    return section(
        "about",
        "About you",
        f'{bio}\n{pronouns}\n<fieldset class="links"><legend>Links</legend>\n{links}\n'
        f"</fieldset>{error('links', _of(view, 'links'))}",
    )


def _link(view: AccountView, index: int, label: str, url: str) -> str:
    number = index + 1
    label_html = text_input(
        "link_label",
        f"link_label-{index}",
        f"Label of link {number}",
        label,
        more=f'maxlength="{LABEL_MAX_CHARS}" autocomplete="off" placeholder="My site"',
        invalid=_of(view, f"links[{index}].label"),
    )
    url_html = text_input(
        "link_url",
        f"link_url-{index}",
        f"Address of link {number}",
        url,
        more=f'type="url" maxlength="{URL_MAX_CHARS}" autocomplete="off" placeholder="https://"',
        invalid=_of(view, f"links[{index}].url") or _of(view, f"links[{index}]"),
    )
    return f'<div class="link">{label_html}{url_html}</div>'


def _of(view: AccountView, field: str) -> Invalid | None:
    """The error of this field, if it has one."""
    if view.invalid is None or view.invalid.field != field:
        return None
    return sentence(view.invalid)


def sentence(invalid: Invalid) -> Invalid:
    """With the field's name as the page spells it."""
    found = _LINK_FIELD.fullmatch(invalid.field)
    if found:
        part = {"label": "The label", "url": "The address", None: "The row"}[found[2]]
        name = f"{part} of link {int(found[1]) + 1}"
    else:
        name = _CONTROL_NAMES.get(invalid.field, "")
    if not name or not invalid.message.startswith(f"{invalid.field} "):
        return invalid
    return Invalid(invalid.field, name + invalid.message[len(invalid.field) :])


def control_of(field: str) -> str:
    """The id of the control that a field's error belongs to."""
    found = _LINK_FIELD.fullmatch(field)
    if found:
        return f"link_{found[2] or 'url'}-{found[1]}"
    targets = {
        "hide_applications": "more_applications",
        "history": "history-level",
        "connected_accounts": "connections",
        "paused_until": "pause",
        "hide": "fields",
        "links": "link_label-0",
    }
    return targets.get(field, field if field in ("bio", "pronouns") else "main")
