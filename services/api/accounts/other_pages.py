"""The pages around /me: signing in, the commands instead, erasing, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from services.api.accounts.controls import csrf_input, lines, switch
from services.api.accounts.page import LINKS
from services.api.http import layout
from services.api.http.security_headers import SELF, PagePolicy
from shared.model.user_settings import Consent

ERASE_WORD: Final = "erase"

POLICY: Final = PagePolicy(scripts=(SELF,), styles=(SELF,), images=(SELF,), forms=(SELF,))
"""What these pages may use."""

COMMANDS: Final = {
    "/grux hide": "hides everything, or what you choose",
    "/grux show": "shows it again",
    "/grux pause": "hides you for some hours",
    "/grux profile": "your bio, pronouns and links",
    "/grux key": "a key for your key-value store",
    "/grux links": "the addresses of your card and your data",
    "/grux data": "what is held about you",
    "/grux erase": "erases it",
}
"""What each command does."""


def sign_in(login: str, *, root: str = "./") -> bytes:
    """For a visitor who is not signed in. `login`: the address that leads to Discord."""
    return _page(
        "Your presence",
        f"""\
<p>You decide what this server shows of your Discord presence: sign in, and hide, choose or erase
  whatever you want.</p>
<p><a class="button" href="{escape(login)}">Sign in with Discord</a></p>
<p class="hint">Discord asks you to share your name and your connected accounts. Grux cannot read
  your messages, and it does nothing in your name. <a href="{root}privacy">Privacy</a></p>""",
        root,
    )


def commands(*, root: str = "./") -> bytes:
    """Where the operator has not set up signing in."""
    rows = "\n".join(
        f"<tr><td><code>{command}</code></td><td>{text}</td></tr>"
        for command, text in COMMANDS.items()
    )
    return _page(
        "Your presence",
        f"""\
<p>You decide what this server shows of your Discord presence. Signing in is not set up here, so
  use the commands of the bot: type <code>/grux</code> in any server that you share with it. Only
  you see the answers.</p>
<table><thead><tr><th scope="col">command</th><th scope="col">what it does</th></tr></thead>
<tbody>
{rows}
</tbody></table>
<p class="hint"><a href="{root}privacy">Privacy</a></p>""",
        root,
    )


def erase(
    csrf: str, *, consent: Consent = "joining", wrong: bool = False, root: str = "../"
) -> bytes:
    """Asks once more. `wrong`: the word was not typed. The form's fields: `confirm`, and
    `stay_hidden` unless nobody is shown without having asked.
    """
    error = f'Nothing was erased: type "{ERASE_WORD}" first.' if wrong else ""
    invalid = ' aria-invalid="true" autofocus' if wrong else ""
    stay_hidden = switch(
        "stay_hidden",
        "on",
        "Keep me hidden",
        "Keeps one thing: that you are not to be shown. Otherwise Grux shows your presence again, "
        "like that of anyone who has chosen nothing, while you are in a server of its bot.",
        on=True,
    )
    return _page(
        "Erase everything",
        f"""\
<p>This erases at once, and nothing brings it back:</p>
<ul>
<li>your settings, your bio, pronouns and links;</li>
<li>your key, and everything in your key-value store;</li>
<li>your connected accounts, your consent, and your sign-ins on all devices.</li>
</ul>
<p>Grux also withdraws its access at Discord.</p>
<form action="{root}me/erase" method="post">{csrf_input(csrf)}
  {stay_hidden if consent == "joining" else ""}
  <div class="text"><label for="confirm">Type <q>{ERASE_WORD}</q> to confirm</label>
  <input id="confirm" name="confirm" autocomplete="off" autocapitalize="none" spellcheck="false"
    aria-describedby="confirm-error"{invalid}>
  <p class="error" id="confirm-error">{error}</p></div>
  <div class="actions"><button type="submit" class="danger">Erase everything</button>
    <a class="button quiet" href="{root}me">Keep everything</a></div>
</form>""",
        root,
    )


def is_confirmed(typed: str) -> bool:
    """Whether this is the word that `erase` asks for."""
    return typed.strip().lower() == ERASE_WORD


ERASED: Final = {
    "erased": "Nothing that you wrote or chose is kept, and you are signed out everywhere.",
    "erased-hidden": "You are signed out everywhere. Of all that you wrote and chose, one thing is "
    "kept: that you are not to be shown.",
}
"""By the value of `done` in the query, with which `POST /me/erase` leads to `/me`."""


def erased(done: str, *, root: str = "./") -> bytes:
    """The end. `done`: a key of ERASED."""
    return message("Everything is erased", [ERASED[done]], links=[(root, "Start page")], root=root)


def message(
    title: str, texts: Sequence[str], *, links: Sequence[tuple[str, str]] = (), root: str = "./"
) -> bytes:
    """What happened, why, and what to do. `links`: addresses and labels; the first is a button."""
    paragraphs = (f"<p>{escape(text)}</p>" for text in texts)
    actions = (
        f'<a class="button{" quiet" if index else ""}" href="{escape(address)}">{escape(label)}</a>'
        for index, (address, label) in enumerate(links)
    )
    return _page(
        title, lines((*paragraphs, f'<div class="actions">{"".join(actions)}</div>')), root
    )


def _page(title: str, body_html: str, root: str) -> bytes:
    return layout.page(
        f'<main class="account narrow" id="main">\n<h1>{escape(title)}</h1>\n{body_html}\n</main>',
        title=title,
        description="What is shown of you, and every choice about it.",
        root=root,
        sheet="me.css",
        nav_label="More",
        links=LINKS,
    )
