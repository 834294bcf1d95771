"""/u/:id: the page of a person, made for links. A chat that gets one shows who it is.

Programs that make previews accept any type, so `/` answers them in JSON: the page has an address of
its own. Whoever is not shown has the page without a name; it is the same for people who have hidden
themselves and for those whom Grux has never seen.
"""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints.presence_words import in_words, one_line
from services.api.http import layout, security_headers
from services.api.http.security_headers import SELF, PagePolicy
from shared.config import ApiSettings
from shared.discord import snowflake
from shared.http.errors import RETRY_AFTER_S, UserNotMonitored
from shared.http.responses import RawResponse
from shared.model.snapshot import Presence, Profile
from shared.profiles.user_reader import UserReader
from shared.redis.store import SnapshotDamaged, StoreUnavailable, decoded

_decode_profile: Final = msgspec.json.Decoder(Profile).decode
_decode_presence: Final = msgspec.json.Decoder(Presence).decode

PERSON_PATH: Final = "/u/"

UNNAMED: Final = "Discord presence"
_ABOUT: Final = "The live Discord presence of a person, if they share it here."

_MAIN: Final = Template("""\
<main id="main" class="person">
<h1><bdi>$name</bdi></h1>
<grux-presence user="$user_id" history></grux-presence>
<noscript><p>$words</p></noscript>
<p class="more"><a href="../?user=$user_id">Put this on your site</a>
  <a href="../user/$user_id">JSON</a>
  <a href="https://discord.com/users/$user_id" rel="noopener">Profile on Discord</a></p>
</main>""")
_PROBLEM: Final = Template("""\
<main id="main" class="person">
<h1>No such page</h1>
<p>$text</p>
<p class="more"><a href="../">To the start page</a></p>
</main>""")
_HEAD: Final = """\
<meta name="robots" content="noindex">
<script type="module" src="../widget.js"></script>
"""
"""Of each person's page. Programs that make previews are no search engines, and read the rest."""

# The height of other cards follows what they show: a program that has not loaded the picture yet
# could not be told it.
_PREVIEW: Final = Template("""\
<meta property="og:type" content="profile">
<meta property="og:site_name" content="Grux">
<meta property="og:title" content="$name">
<meta property="og:description" content="$words">
<meta property="og:image" content="$root/card/$user_id.png?layout=wide">
<meta property="og:image:type" content="image/png">
<meta property="og:image:width" content="1200">
<meta property="og:image:height" content="630">
<meta property="og:image:alt" content="$name: $words">
<meta name="twitter:card" content="summary_large_image">
<meta name="twitter:image:alt" content="$name: $words">
""")
_ADDRESSES: Final = Template("""\
<meta property="og:url" content="$page">
<link rel="canonical" href="$page">
<link rel="alternate" type="application/json+oembed" href="$oembed" title="$name">
""")


class Person(Struct, frozen=True):
    """What a link shows of a person."""

    user_id: str
    name: str
    words: str


async def read_person(users: UserReader, user_id: int) -> Person:
    """Raises UserNotMonitored, StoreUnavailable, SnapshotDamaged."""
    snapshot = (await users.read(user_id)).snapshot
    profile = decoded(_decode_profile, snapshot.profile)
    presence = decoded(_decode_presence, snapshot.presence)
    name = one_line(profile.display_name or profile.username) or UNNAMED
    return Person(profile.id, name, in_words(presence))


def oembed_address(public_url: str, page: str) -> str:
    """Where a program learns how to embed `page`, one of this server's."""
    return f"{public_url}/oembed?format=json&url={quote(page, safe='')}"


class PersonPageEndpoints:
    """Nothing on the page is trusted: names and texts come from strangers."""

    def __init__(self, users: UserReader, settings: ApiSettings) -> None:
        self._users = users
        self._public_url = settings.public_url
        self._policy = security_headers.live_policy(settings)

    def routes(self) -> list[Route]:
        return [Route(f"{PERSON_PATH}{{user_id}}", self.page)]

    async def page(self, request: Request) -> RawResponse:
        """Status 404 for everyone who is not shown, whatever the reason."""
        text = request.path_params["user_id"]
        user_id = snowflake.parse(text)
        if user_id is None:
            return self._malformed(text)
        try:
            person = await read_person(self._users, user_id)
        except UserNotMonitored:
            return security_headers.error_page(404, self._unnamed(text), self._policy)
        except (StoreUnavailable, SnapshotDamaged):
            later = (b"retry-after", b"%d" % RETRY_AFTER_S)
            return security_headers.error_page(503, self._unnamed(text), self._policy, later)
        return security_headers.small_page(request, self._named(person), self._policy)

    def _named(self, person: Person) -> bytes:
        known = {
            "user_id": person.user_id,
            "name": escape(person.name),
            "words": escape(person.words),
        }
        head = _PREVIEW.substitute(known, root=escape(self._public_url or ".."))
        if self._public_url:
            page = f"{self._public_url}{PERSON_PATH}{person.user_id}"
            oembed = oembed_address(self._public_url, page)
            head += _ADDRESSES.substitute(known, page=escape(page), oembed=escape(oembed))
        return _layout(_MAIN.substitute(known), person.name, person.words, head + _HEAD)

    def _unnamed(self, user_id: str) -> bytes:
        main = _MAIN.substitute(user_id=user_id, name=UNNAMED, words=_ABOUT)
        return _layout(main, UNNAMED, _ABOUT, _HEAD)

    def _malformed(self, text: str) -> RawResponse:
        message = f"{snowflake.problem(text)} {snowflake.FORM} {snowflake.HOW_TO_COPY}"
        page = _layout(_PROBLEM.substitute(text=escape(message)), UNNAMED, _ABOUT, "")
        policy = PagePolicy(scripts=(SELF,), styles=(SELF,), images=(SELF,))
        return security_headers.error_page(400, page, policy)


def _layout(main: str, title: str, description: str, head: str) -> bytes:
    return layout.page(
        main, title=title, description=description, root="../", sheet="person.css", head=head
    )
