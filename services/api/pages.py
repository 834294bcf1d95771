"""The page that browsers see at `/`: what this is, and how to use it.

It asks nothing of other servers and runs no script; its one style sheet is allowed by digest.
"""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final

from services.api import html_page
from services.api.answers import Tagged
from shared.config import ApiSettings

EXAMPLE_ID: Final = "161092844126208001"  # somebody in the simulator

_VARY: Final = (b"vary", b"Accept")  # `/` is JSON for programs

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto;
  padding: 0 1.25rem; }
h1 { font-size: 2.25rem; margin: 0; }
h1 + p { font-size: 1.2rem; margin-top: .25rem; }
h2 { font-size: 1.2rem; margin-top: 2.25rem; }
code, pre { font: .92em/1.5 ui-monospace, monospace; }
pre { padding: .9rem 1rem; overflow-x: auto; border-radius: .5rem;
  background: color-mix(in srgb, currentColor 8%, transparent); }
dt { margin-top: .9rem; }
dd { margin: 0; }
"""

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Grux: Discord presence as one fetch</title>
<meta name="description" content="Discord presence as one fetch or one WebSocket.">
<style>$style</style>
</head>
<body>
<main>
<h1>Grux</h1>
<p>Discord presence as one fetch or one WebSocket.</p>
<p>Grux watches the members of some Discord servers and tells any website what they do right
now: their status, the song they hear, the game they play, and their profile.$join</p>

<h2>Fetch</h2>
<pre><code>const answer = await fetch("$api/user/$example");
const { data } = await answer.json();
data.status; // "online", "idle", "dnd" or "invisible"</code></pre>
<dl>
<dt><a href="$base/user/$example"><code>GET /user/:userid</code></a></dt>
<dd>Profile, status, Spotify, activities and custom status.</dd>
<dt><a href="$base/activity/$example"><code>GET /activity/:userid</code></a></dt>
<dd>The same without the profile.</dd>
</dl>
<p>Put a user's Discord id where it says <code>:userid</code>: turn on Developer Mode in Discord,
right-click the user and choose Copy User ID. Every origin may ask.</p>
$follow
</main>
</body>
</html>
""")

_FOLLOW: Final = Template("""
<h2>Follow</h2>
<pre><code>const socket = new WebSocket("$ws/?user_id=$example");
socket.onmessage = (event) =&gt; {
  const { op, d } = JSON.parse(event.data); // "initial_data", then "presence_update"
};</code></pre>
<p>The first frame tells everything, each later one what is new. There is no heartbeat to
send.</p>
""")


def front(settings: ApiSettings) -> Tagged:
    """The page, with the addresses that the settings name."""
    invite = escape(settings.discord_invite)
    text = _PAGE.substitute(
        style=_STYLE,
        example=EXAMPLE_ID,
        base=escape(settings.public_url),
        api=escape(settings.public_url or f"http://localhost:{settings.api_port}"),
        join=f' To be seen, <a href="{invite}">join the server</a>.' if invite else "",
        follow=_FOLLOW.substitute(ws=escape(settings.public_ws_url), example=EXAMPLE_ID)
        if settings.public_ws_url
        else "",
    )
    allowed = html_page.Allowed(styles=(html_page.digest(_STYLE),))
    return html_page.answer(text.encode(), allowed, _VARY)
