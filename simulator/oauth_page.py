"""The consent page, as a person sees it. It needs no JavaScript."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final
from urllib.parse import urlsplit

from simulator.model import Person
from simulator.oauth_requests import SCOPES, AuthorizeRequest

_STYLE: Final = """
:root { color-scheme: light dark; --back: #f2f3f5; --card: #fff; --text: #1e1f22; --dim: #4e5058;
  --line: #c4c9ce; --accent: #4752c4; }
@media (prefers-color-scheme: dark) { :root { --back: #1e1f22; --card: #2b2d31; --text: #f2f3f5;
  --dim: #c4c9ce; --line: #4e5058; --accent: #5865f2; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 32rem; margin: auto; padding: 1.5rem; border-radius: .5rem;
  background: var(--card); }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; }
h2 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
p, small { color: var(--dim); }
ul { margin: 0; padding-left: 1.25rem; }
.people { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
button { display: flex; align-items: center; gap: .75rem; width: 100%; min-height: 3rem;
  padding: .4rem .75rem; border: 1px solid var(--line); border-radius: .4rem; font: inherit;
  text-align: left; color: inherit; background: transparent; cursor: pointer; }
button:hover { border-color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button img { border-radius: 50%; }
button span { min-width: 0; overflow-wrap: anywhere; }
button small { display: block; }
.row { display: flex; gap: .5rem; }
input[type=text] { flex: 1; min-width: 0; min-height: 3rem; padding: 0 .75rem; font: inherit;
  color: inherit; background: transparent; border: 1px solid var(--dim); border-radius: .4rem; }
.row button { width: auto; }
.cancel { margin-top: 1.5rem; }
.cancel button { justify-content: center; }
"""


def consent_page(
    application: str,
    request: AuthorizeRequest,
    fields: Mapping[str, str],
    groups: Iterable[tuple[str, list[Person]]],
) -> str:
    """The page. `fields`: the authorize URL's parameters, which come back with the answer.

    `groups`: headings, and the people under them; one click chooses a person and agrees.
    """
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    scopes = "".join(f"<li>{escape(SCOPES[scope])}</li>" for scope in request.scopes)
    people = "".join(
        f'<h2>{escape(title)}</h2><div class="people">{"".join(map(_button, members))}</div>'
        for title, members in groups
        if members
    )
    target = urlsplit(request.redirect_uri)
    name = escape(application)
    return document(
        f"Authorise {application}",
        f"""<h1>{name} wants to access your account</h1>
<p>This is a simulated Discord: choose the person who you want to be.</p>
<h2>This will allow {name} to</h2>
<ul>{scopes}</ul>
<form method="post" action="authorize">{hidden}{people}</form>
<form method="post" action="authorize">{hidden}
<h2><label for="user">Another user's ID</label></h2>
<div class="row"><input type="text" id="user" name="user_id" inputmode="numeric" required>
<button>Authorise</button></div></form>
<form class="cancel" method="post" action="authorize">{hidden}
<button name="action" value="cancel">Cancel</button></form>
<p>Afterwards you return to {escape(f"{target.scheme}://{target.netloc}")}.</p>""",
    )


def error_page(message: str) -> str:
    """What a person sees of an authorize URL that must not redirect."""
    return document("Error", f"<h1>Something is wrong with this link</h1><p>{escape(message)}</p>")


def _button(person: Person) -> str:
    user = person.user
    picture = ""
    if user.avatar is not None:
        source = escape(f"/cdn/avatars/{user.id}/{user.avatar}.png?size=64")
        picture = f'<img src="{source}" alt="" width="32" height="32">'
    name = escape(user.global_name or user.username)
    return (
        f'<button name="user_id" value="{escape(user.id)}">{picture}'
        f"<span>Authorise as {name} <small>{escape(user.username)}</small></span></button>"
    )


def document(title: str, body: str) -> str:
    """A page in the look of this one; ``body`` is HTML."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} | Simulated Discord</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
