"""The page at /me: what is shown of the person who is signed in, and every choice about it.

It works by its forms alone; web/me/me.js saves each change at once and keeps the preview live.
`render` is a pure function of an AccountView. The forms are sent to these paths, each with a field
`csrf`, and are answered by a redirect to `/me?done=…`, which names one of the NOTICES of view.py:

- `POST /me`: the settings. services/api/accounts/settings_form.py reads the fields.
- `POST /me/key`: a new key. The answer is the page itself, with `new_key`: a redirect would have
  to store the key to show it.
- `POST /me/key/delete`, `POST /auth/logout`.
- `POST /me/erase`, from the page `GET /me/erase`: see other_pages.py.
"""

from __future__ import annotations

from html import escape
from typing import Final, Literal

from msgspec import structs

from services.api.accounts import sections
from services.api.accounts.controls import csrf_input, lines, section, time_html
from services.api.accounts.view import NOTICES, AccountView
from services.api.http import layout
from services.api.http.layout import NavLink
from services.api.http.security_headers import SELF, PagePolicy, live_policy
from shared.config import ApiSettings

LINKS: Final = (NavLink("docs", "Docs"), NavLink("privacy", "Privacy"))


def policy(settings: ApiSettings) -> PagePolicy:
    """What the page may use: what `/` may, and its forms."""
    return structs.replace(live_policy(settings), forms=(SELF,))


def render(view: AccountView) -> bytes:
    """The whole page."""
    main = f"""\
<main class="account" id="main">
{_heading(view)}
{_notices(view)}
<div class="columns">
{_preview(view)}
<div class="choices">
<form id="settings" action="{view.root}me" method="post" autocomplete="off" \
data-user="{view.user_id}" data-now="{view.now_ms}">
{csrf_input(view.csrf)}
{sections.visibility(view)}
{sections.fields(view)}
{sections.applications(view)}
{sections.connections(view)}
{sections.about(view)}
{sections.history(view)}
<div class="save"><button type="submit">Save changes</button></div>
</form>
{_key(view)}
{_data(view)}
</div>
</div>
</main>
<p class="toast" id="announce" role="status"></p>"""
    return layout.page(
        main,
        title="Your presence",
        description="What is shown of you, and every choice about it.",
        root=view.root,
        sheet="me.css",
        head=f'<script type="module" src="{view.root}me.js"></script>\n'
        f'<script type="module" src="{view.root}widget.js"></script>\n',
        nav_label="More",
        links=LINKS,
    )


def _heading(view: AccountView) -> str:
    avatar = f'<img src="{escape(view.avatar_url)}" alt="" width="48" height="48">'
    return f"""\
<div class="who">
  {avatar if view.avatar_url else ""}
  <div><h1>Your presence</h1>
  <p>Signed in as <b><bdi>{escape(view.name)}</bdi></b></p></div>
  <form action="{view.root}auth/logout" method="post">{csrf_input(view.csrf)}
    <button type="submit" class="quiet">Sign out</button></form>
</div>"""


def _notices(view: AccountView) -> str:
    found = []
    if view.invalid:
        target = sections.control_of(view.invalid.field)
        found.append(
            '<p class="notice wrong" role="alert">Nothing was saved. '
            f'<a href="#{target}">{escape(sections.sentence(view.invalid).message)}</a></p>'
        )
    elif view.notice in NOTICES:
        found.append(f'<p class="notice" role="status">{NOTICES[view.notice]}</p>')
    return "\n".join(found)


def shown_state(view: AccountView) -> Literal["yes", "no", "waiting"]:
    """Whether strangers see the person. Waiting: they will, once a monitored server has them."""
    if view.paused_until or not view.form.visible:
        return "no"
    return "yes" if view.monitored else "waiting"


def state_text(view: AccountView) -> str:
    """What strangers see of the person, in a sentence, as HTML."""
    if not view.form.visible:
        return "You are hidden: Grux answers as if you were in none of its servers."
    if view.paused_until:
        return f"You are hidden until {time_html(view.paused_until)}, then shown again."
    if not view.monitored:
        return "You are in no server that this Grux follows, so it has nothing to show."
    return "Everyone who knows your id can see this."


def _preview(view: AccountView) -> str:
    card = f"{view.root}card/{view.user_id}.svg"
    return f"""\
<aside class="preview" aria-labelledby="preview">
<h2 id="preview">What everyone sees</h2>
<div class="stage" id="stage" data-shown="{shown_state(view)}">
  <grux-presence user="{view.user_id}"></grux-presence>
  <noscript><picture>
    <source srcset="{card}?theme=dark" media="(prefers-color-scheme: dark)">
    <img src="{card}?theme=light" alt="Your card, as everyone sees it">
  </picture></noscript>
</div>
<p class="state" id="state" role="status">{state_text(view)}</p>
<div id="join">{_join(view)}</div>
<p class="hint"><a href="{view.root}user/{view.user_id}">The same as JSON</a>, for programs.</p>
</aside>"""


def _join(view: AccountView) -> str:
    if shown_state(view) != "waiting":
        return ""
    if view.join:
        return f"""\
<form class="join" action="{escape(view.join.action)}" method="post">{csrf_input(view.csrf)}
  <button type="submit">Join <bdi>{escape(view.join.server)}</bdi> and show me</button>
  <p class="hint">This adds your account to that Discord server. You can leave it at any time.</p>
</form>"""
    if view.invite:
        return f'<p><a href="{escape(view.invite)}">Join the server</a> to appear here.</p>'
    return ""


def _key(view: AccountView) -> str:
    about = (
        "<p>With a key, your own programs write your "
        f'<a href="{view.root}docs">key-value store</a>: texts that are public with your '
        "presence.</p>"
    )
    shown = ""
    if view.new_key:
        shown = (
            '<div class="secret" role="alert"><p>Copy your key now. It is stored as a hash and '
            "cannot be shown again.</p>\n"
            f'<p><code id="new-key">{escape(view.new_key)}</code>'
            '<button type="button" class="quiet" id="copy-key" hidden>Copy</button></p></div>'
        )
    has_key = view.key_created_at is not None
    since = (
        f"<p>Your key was created on {time_html(view.key_created_at)}.</p>"
        if view.key_created_at is not None
        else ""
    )
    create = "Replace the key" if has_key else "Create a key"
    delete = (
        f'<form action="{view.root}me/key/delete#key" method="post">{csrf_input(view.csrf)}'
        '<button type="submit" class="quiet">Delete the key</button></form>'
        if has_key
        else ""
    )
    forms = (
        '<div class="actions">'
        f'<form action="{view.root}me/key#key" method="post">{csrf_input(view.csrf)}'
        f'<button type="submit" class="quiet">{create}</button></form>{delete}</div>'
    )
    return section("key", "API key", lines((about, shown, since, forms)))


def _data(view: AccountView) -> str:
    return section(
        "data",
        "Your data",
        "<p>See everything that is held about you, or end it. "
        f'<a href="{view.root}privacy">Privacy</a></p>\n'
        f'<div class="actions"><a class="button quiet" href="{view.root}me/export" download>'
        "Export as JSON</a>"
        f'<a class="button danger" href="{view.root}me/erase">Erase everything…</a></div>',
    )
