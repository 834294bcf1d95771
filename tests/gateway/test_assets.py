"""Image keys and links: only what is on the list becomes an address."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize import assets
from shared.discord.cdn import Cdn

HOSTS = {
    "cdn.discordapp.com",
    "media.discordapp.net",
    "i.scdn.co",
    "static-cdn.jtvnw.net",
    "i.ytimg.com",
}


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("1232994765373440001", "https://cdn.discordapp.com/app-assets/7/1232994765373440001.png"),
        (
            "mp:external/sig_-1/https/host.example/a.png",
            "https://media.discordapp.net/external/sig_-1/https/host.example/a.png",
        ),
        (
            "mp:external/sig/%3Fwidth%3D5/http/host.example/a.png",
            "https://media.discordapp.net/external/sig/%3Fwidth%3D5/http/host.example/a.png",
        ),
        (
            "mp:attachments/1/2/a.png?ex=1&is=2&hm=3&",
            "https://media.discordapp.net/attachments/1/2/a.png?ex=1&is=2&hm=3&",
        ),
        ("spotify:ab67616d0000b273", "https://i.scdn.co/image/ab67616d0000b273"),
        (
            "twitch:some_body",
            "https://static-cdn.jtvnw.net/previews-ttv/live_user_some_body-1280x720.jpg",
        ),
        ("youtube:dQw4w9WgXcQ", "https://i.ytimg.com/vi/dQw4w9WgXcQ/hqdefault.jpg"),
    ],
)
def test_known_keys_become_their_picture(key: str, url: str) -> None:
    """One line for each kind that Discord has."""
    assert assets.image(key, "7", Cdn()) == url


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("spotify:ab67616d0000b273", "image/ab67616d0000b273"),
        ("mp:external/sig/https/host.example/a.png", "external/sig/https/host.example/a.png"),
        ("twitch:some_body", "previews-ttv/live_user_some_body-1280x720.jpg"),
        ("youtube:dQw4w9WgXcQ", "vi/dQw4w9WgXcQ/hqdefault.jpg"),
        ("1232994765373440001", "app-assets/7/1232994765373440001.png"),
    ],
)
def test_a_simulated_discord_serves_the_pictures_of_every_host(key: str, path: str) -> None:
    """The songs of simulated users are not at Spotify."""
    simulated = Cdn("http://127.0.0.1:8100/cdn")
    assert assets.image(key, "7", simulated) == f"http://127.0.0.1:8100/cdn/{path}"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "logo_large",
        "vimeo:76979871",
        "https://evil.example/pixel.gif",
        "javascript:alert(1)",
        "mp:../../../etc/passwd",
        "mp:external/sig/https/../../x",
        "mp:external/sig/https/host/%2e%2e/x",
        "mp:external/sig/https/host/%252e%252e/x",
        "mp:external/sig/ftp/host/x",
        'mp:external/sig/https/host/"onerror=x',
        "mp:external/sig/https/host/a b",
        "mp:evil/x",
        "spotify:../x",
        "spotify:a:b",
        "twitch:a/b",
        "youtube:<script>",
        "１２３２９９４７６５３７３４４０００１",
    ],
)
def test_every_other_key_is_no_picture(key: str) -> None:
    """Keys are typed by strangers."""
    assert assets.image(key, "7", Cdn()) is None


def test_a_number_without_its_application_is_no_picture() -> None:
    """The path needs both."""
    assert assets.image("1232994765373440001", None, Cdn()) is None


@given(st.text() | st.text().map("mp:external/s/https/".__add__) | st.text().map("mp:".__add__))
def test_no_key_leads_elsewhere(key: str) -> None:
    """Whatever the key, its picture is on a host of the list, and can stand in an attribute."""
    url = assets.image(key, "7", Cdn())
    if url is not None:
        assert urlsplit(url).hostname in HOSTS
        assert not set(url) & set("\"'<>\\ \n\t")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://www.twitch.tv/somebody", True),
        ("http://example.org:8080/a?b=c", True),
        ("javascript:alert(1)", False),
        ("data:text/html,hi", False),
        ("file:///etc/passwd", False),
        ("https://user:pass@example.org/", False),
        ("//example.org", False),
        ("https://example.org/\nSet-Cookie: a", False),
        ("", False),
    ],
)
def test_only_plain_web_addresses_are_linked(url: str, kept: bool) -> None:
    """A link is clicked by people who trust the page it stands on."""
    assert assets.link(url) == (url if kept else None)
