"""Only the origins that a snapshot may name are contacted, and small images requested."""

from __future__ import annotations

import pytest

from services.cards.card_model import ImageRequest
from services.cards.image_allowlist import DAY_S, ImageAllowlist

OWN = "http://127.0.0.1:8100/cdn"
CDN = "https://cdn.discordapp.com"
AVATAR = "avatars/1274150219482660897/6c9747063de19030c95daa80c1ca61c7.png"


@pytest.mark.parametrize(
    ("role", "animated", "url", "fetched"),
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
        (
            "banner",
            False,
            f"{CDN}/banners/1/a_1.png?size=1024",
            f"{CDN}/banners/1/a_1.png?size=1024",
        ),
        (
            "banner",
            True,
            f"{CDN}/banners/1/a_1.png?size=1024",
            f"{CDN}/banners/1/a_1.webp?size=512&animated=true",
        ),
        (
            "nameplate",
            False,
            f"{CDN}/assets/collectibles/nameplates/night/lantern/static.png",
            f"{CDN}/assets/collectibles/nameplates/night/lantern/static.png",
        ),
        (
            "nameplate-video",
            True,
            f"{CDN}/assets/collectibles/nameplates/night/lantern/static.png",
            f"{CDN}/assets/collectibles/nameplates/night/lantern/asset.webm",
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
def test_images_are_requested_in_the_size_they_need(
    role: str, animated: bool, url: str, fetched: str
) -> None:
    """Discord scales them, so less is fetched."""
    image = ImageAllowlist(CDN).resolve(ImageRequest(role, url, animated))
    assert image is not None
    assert image.video == fetched.endswith(".webm")
    assert image.url == fetched
    assert not image.from_operator


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
def test_no_other_url_is_allowed(url: str) -> None:
    """Whatever Redis holds."""
    assert ImageAllowlist(OWN).resolve(ImageRequest("art", url)) is None


def test_the_operators_cdn_is_allowed() -> None:
    """It may have a private image. No other origin may."""
    mirror = "https://mirror.example.org"
    mine = ImageAllowlist(mirror).resolve(ImageRequest("avatar", f"{mirror}/{AVATAR}?size=1024"))
    theirs = ImageAllowlist(mirror).resolve(ImageRequest("avatar", f"{CDN}/{AVATAR}?size=1024"))
    assert mine is not None
    assert theirs is not None
    assert (mine.from_operator, theirs.from_operator) == (True, False)
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
def test_a_simulated_discord_serves_every_image(own: str, url: str, path: str) -> None:
    """No other host is contacted for its users."""
    image = ImageAllowlist(own).resolve(ImageRequest("avatar", url))
    assert image is not None
    assert (image.url, image.from_operator) == (f"{own}/{path}", True)


def test_images_that_change_expire_sooner() -> None:
    """A hash always names the same image; the preview of a stream changes."""
    allowlist = ImageAllowlist(CDN)
    hashed = allowlist.resolve(ImageRequest("art", "https://i.scdn.co/image/ab67"))
    stream = allowlist.resolve(
        ImageRequest("art", "https://static-cdn.jtvnw.net/previews-ttv/live_user_x-1280x720.jpg")
    )
    assert hashed is not None
    assert stream is not None
    assert (hashed.ttl_s, stream.ttl_s) == (DAY_S, 120)


def test_the_fetch_url_replaces_the_cdn_url() -> None:
    """DISCORD_CDN_FETCH_URL is used for URLs below DISCORD_CDN_URL, and for no others."""
    near = "http://simulator:8100/cdn"
    simulated = ImageAllowlist("http://127.0.0.1:8080/cdn", near)
    for url in (
        f"http://127.0.0.1:8080/cdn/{AVATAR}?size=1024",
        f"{CDN}/{AVATAR}?size=1024",
    ):
        image = simulated.resolve(ImageRequest("avatar", url))
        assert image is not None
        assert image.url.startswith(f"{near}/avatars/")
        assert image.from_operator
    song = simulated.resolve(ImageRequest("art", "https://i.scdn.co/image/ab67616d0000b273"))
    assert song is not None
    assert song.url == f"{near}/image/ab67616d0000b273"
    mirrored = ImageAllowlist(CDN, "https://mirror.example.org")
    image = mirrored.resolve(ImageRequest("avatar", f"{CDN}/{AVATAR}?size=1024"))
    assert image is not None
    assert image.url.startswith("https://mirror.example.org/avatars/")
    song = mirrored.resolve(ImageRequest("art", "https://i.scdn.co/image/ab67616d0000b273"))
    assert song is not None
    assert song.url.startswith("https://i.scdn.co/")
