"""What somebody has pasted where a Discord id belongs, and where the id is.

The text comes from a stranger. A hint repeats nothing of it but an id that is in it.
"""

from __future__ import annotations

import re
from typing import Final

from shared.discord import snowflake

MAX_CHARS: Final = 200  # what is longer is looked at no further

_ID: Final = "[0-9]{15,19}"
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{0,15}:/{1,3}", re.IGNORECASE)
_INVITE: Final = re.compile(r"discord\.gg(/|$)|discord(app)?\.com/invite/", re.IGNORECASE)
_PLACE: Final = re.compile(r"/channels/([^/?#]+)(/[^/?#]+)?(/[^/?#]+)?", re.IGNORECASE)
_IN_ADDRESS: Final = re.compile(
    r"(?:/(?:users?|u|avatars?|banners|activity|history|now-playing|check|card|badge|overlay|embed)/"
    rf"|[?&](?:user|user_id|ids)=)({_ID})\b"
)
"""At Discord, and here."""

_SERVER_PICTURE: Final = re.compile(rf"/(?:icons|splashes|clan-badges|guild-tag-badges)/{_ID}\b")
_USER_MENTION: Final = re.compile(rf"<?@!?({_ID})>?", re.ASCII)
_OTHER_MENTION: Final = re.compile(r"<(@&|#|a?:\w|/\w|t:|id:)", re.ASCII)
_SEPARATORS: Final = re.compile(r"[\s,.'’_\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
"""Also those that are not seen, and are copied with a text."""
_SHORTENED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?e\+?[0-9]{1,2}", re.ASCII | re.IGNORECASE)
_TOKEN: Final = re.compile(r"(?:Bot )?[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,40}", re.ASCII)
_HASH: Final = re.compile(r"(?:a_)?[0-9a-f]{32}", re.ASCII)
_TAG: Final = re.compile(r"[^#]{2,32}#[0-9]{4}")
_USERNAME: Final = re.compile(r"@?(?=[0-9._]*[a-z])[a-z0-9._]{2,32}", re.ASCII | re.IGNORECASE)

_PLACES: Final = ("a server", "a channel", "a message")


def hint(text: str) -> str:
    """What `text`, which snowflake.parse does not accept, seems to be: sentences."""
    given, text = text, text.strip()
    if len(text) > MAX_CHARS:
        return "This is too long for an id."
    return (
        _mention(text)
        or _address(text)
        or _separated(given)
        or _number(text)
        or _name(text)
        or (snowflake.problem(text))
    )


def looks_rounded(user_id: int) -> bool:
    """Whether the last digits may have been lost where the id was kept as a number."""
    return user_id % 100 == 0


def _mention(text: str) -> str | None:
    if found := _USER_MENTION.fullmatch(text):
        return "This is a mention." + _the_id(found[1])
    if _OTHER_MENTION.match(text):
        return "This is what Discord writes for a role, a channel or an emoji, not for a user."
    return None


def _address(text: str) -> str | None:
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    if _INVITE.match(rest.removeprefix("www.")):
        return "This is an invitation to a server. Join the server, then use your own id."
    if "/" not in rest and not scheme:
        return None
    if found := _IN_ADDRESS.search(rest):
        return "This is an address." + _the_id(found[1])
    if found := _PLACE.search(rest):
        place = _PLACES[sum(part is not None for part in found.groups()) - 1]
        return f"This is the link to {place}. Its numbers are no user's id."
    if _SERVER_PICTURE.search(rest):
        return "This is the address of a server's picture. The number in it is the server's id."
    return "This is an address, not an id, and no user's id is in it."


def _separated(text: str) -> str | None:
    digits = _SEPARATORS.sub("", text)
    if digits != text and snowflake.parse(digits) is not None:
        return "An id has only digits, without anything between or around them." + _the_id(digits)
    return None


def _number(text: str) -> str | None:
    if _SHORTENED.fullmatch(text):
        return (
            "A spreadsheet has shortened this id, and its last digits are lost. Copy it again, "
            "into a cell for text."
        )
    if text.isdecimal() and not text.isascii():
        return "These are digits of another script. Write the id with 0 to 9."
    return None


def _name(text: str) -> str | None:
    if _TOKEN.fullmatch(text):
        return (
            "This looks like a token, which is a password. Reset it in the Developer Portal, and "
            "send it to no website."
        )
    if _HASH.fullmatch(text):
        return "This looks like the name of a picture at Discord, not like an id."
    if _TAG.fullmatch(text) or _USERNAME.fullmatch(text):
        return "This looks like a username. Names can change, so Grux knows users by their ids."
    return None


def _the_id(digits: str) -> str:
    return f" The id in it is {digits}." if snowflake.parse(digits) is not None else ""
