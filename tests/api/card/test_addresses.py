"""Only the places that a snapshot may name are ever asked, and for small pictures."""

from __future__ import annotations

import pytest

from services.api.card.addresses import DAY, Addresses
from services.api.card.subject import Want

OWN = "http://127.0.0.1:8100/cdn"
CDN = "https://cdn.discordapp.com"
AVATAR = "avatars/1274150219482660897/6c9747063de19030c95daa80c1ca61c7.png"


@pytest.mark.parametrize(
    ("role", "moves", "url", "asked"),
    [
        ("avatar", False, f"{CDN}/{AVATAR}?size=1024", f"{CDN}/{AVATAR}?size=256"),
        (
            "avatar",
            True,
            f"{CDN}/avatars/1/a_ff.png?size=1024",
            f"{CDN}/avatars/1/a_ff.webp?size=128&animated=true",
        ),
        ("avatar", False, f"{CDN}/embed/avatars/3.png", f"{CDN}/embed/avatars/3.png"),
        (
            "decoration",
            True,
            f"{CDN}/avatar-decoration-presets/a_1.png",
            f"{CDN}/avatar-decoration-presets/a_1.png?size=256&passthrough=true",
        ),
        ("tag", False, f"{CDN}/clan-badges/1/2.png", f"{CDN}/clan-badges/1/2.png?size=64"),
        (
            "emoji",
            False,
            f"{CDN}/emojis/1.webp?animated=true",
            f"{CDN}/emojis/1.webp?size=64",
        ),
        ("badge0", False, f"{CDN}/badge-icons/1.png", f"{CDN}/badge-icons/1.png"),
        (
            "art",
            False,
            "https://media.discordapp.net/external/x/https/e.org/a.png",
            "https://media.discordapp.net/external/x/https/e.org/a.png?width=256&height=256",
        ),
        (
            "art",
            False,
            "https://media.discordapp.net/attachments/1/2/a.png?ex=1&hm=2",
            "https://media.discordapp.net/attachments/1/2/a.png?ex=1&hm=2&width=256&height=256",
        ),
        ("art", False, "https://i.scdn.co/image/ab67", "https://i.scdn.co/image/ab67"),
    ],
)
def test_pictures_are_asked_for_in_the_size_they_take(
    role: str, moves: bool, url: str, asked: str
) -> None:
    """Discord scales, and so less is fetched."""
    address = Addresses(CDN).of(Want(role, url, moves))
    assert address is not None
    assert address.url == asked
    assert not address.operators


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.discordapp.com/avatars/1/2.png",
        "https://cdn.discordapp.com.evil.example/avatars/1/2.png",
        "https://cdn.discordapp.com@evil.example/avatars/1/2.png",
        "https://cdn.discordapp.com:444/avatars/1/2.png",
        "https://cdn.discordapp.com",
        "https://cdn.discordapp.com/../x.png",
        "https://cdn.discordapp.com/a b.png",
        "https://cdn.discordapp.com/a#b.png",
        "https://cdn.discordapp.com/\\evil.example/x",
        "https://media.discordapp.net/other/x",
        "https://i.scdn.co/else/x",
        "https://open.spotify.com/image/x",
        "http://127.0.0.1:8100/cdnx/avatars/1/2.png",
        "http://127.0.0.1:8101/cdn/avatars/1/2.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//cdn.discordapp.com/x",
        "",
        "https://i.scdn.co/image/" + "x" * 3000,
    ],
)
def test_nobody_else_is_asked(url: str) -> None:
    """Whatever stands in Redis."""
    assert Addresses(OWN).of(Want("art", url)) is None


def test_the_operators_own_cdn_is_asked() -> None:
    """It may be in their network: its address is not checked, and no other address is spared."""
    mirror = "https://mirror.example.org"
    mine = Addresses(mirror).of(Want("avatar", f"{mirror}/{AVATAR}?size=1024"))
    theirs = Addresses(mirror).of(Want("avatar", f"{CDN}/{AVATAR}?size=1024"))
    assert mine is not None
    assert theirs is not None
    assert (mine.operators, theirs.operators) == (True, False)
    assert mine.url == f"{mirror}/{AVATAR}?size=256"
    assert theirs.url == f"{CDN}/{AVATAR}?size=256"


@pytest.mark.parametrize("own", [OWN, "http://localhost:8100/cdn", "http://[::1]:8100/cdn"])
@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{CDN}/{AVATAR}?size=1024", f"{AVATAR}?size=256"),
        ("https://i.scdn.co/image/ab67", "image/ab67"),
        (
            "https://media.discordapp.net/external/x/https/e.org/a.png",
            "external/x/https/e.org/a.png",
        ),
        ("https://i.ytimg.com/vi/abcdef/hqdefault.jpg", "vi/abcdef/hqdefault.jpg"),
    ],
)
def test_of_simulated_people_nobody_outside_is_asked(own: str, url: str, path: str) -> None:
    """A Discord on this machine has all the pictures itself."""
    address = Addresses(own).of(Want("avatar", url))
    assert address is not None
    assert (address.url, address.operators) == (f"{own}/{path}", True)


def test_what_changes_is_kept_for_less_long() -> None:
    """A hash never changes its picture; a stream's preview does."""
    addresses = Addresses(CDN)
    hashed = addresses.of(Want("art", "https://i.scdn.co/image/ab67"))
    stream = addresses.of(
        Want("art", "https://static-cdn.jtvnw.net/previews-ttv/live_user_x-1280x720.jpg")
    )
    assert hashed is not None
    assert stream is not None
    assert (hashed.keep, stream.keep) == (DAY, 120)


def test_pictures_that_are_elsewhere_from_here() -> None:
    """DISCORD_CDN_FETCH_URL stands for DISCORD_CDN_URL, and for nothing else."""
    near = "http://simulator:8100/cdn"
    simulated = Addresses("http://127.0.0.1:8080/cdn", near)
    for url in (
        f"http://127.0.0.1:8080/cdn/{AVATAR}?size=1024",
        f"{CDN}/{AVATAR}?size=1024",
    ):
        address = simulated.of(Want("avatar", url))
        assert address is not None
        assert address.url.startswith(f"{near}/avatars/")
        assert address.operators
    song = simulated.of(Want("art", "https://i.scdn.co/image/ab67616d0000b273"))
    assert song is not None
    assert song.url == f"{near}/image/ab67616d0000b273"
    mirrored = Addresses(CDN, "https://mirror.example.org")
    address = mirrored.of(Want("avatar", f"{CDN}/{AVATAR}?size=1024"))
    assert address is not None
    assert address.url.startswith("https://mirror.example.org/avatars/")
    song = mirrored.of(Want("art", "https://i.scdn.co/image/ab67616d0000b273"))
    assert song is not None
    assert song.url.startswith("https://i.scdn.co/")
