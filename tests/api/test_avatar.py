"""GET /avatar/:id: a redirect to the current avatar."""

from __future__ import annotations

import json

import pytest

from services.api.endpoints.avatar import avatar_url
from tests.api.golden import BOT, RICH
from tests.api.http_client import ask

OWN = "https://cdn.discordapp.com/avatars/1274150219482660897/6c9747063de19030c95daa80c1ca61c7"
ANIMATED = "https://cdn.discordapp.com/avatars/1/a_ff"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("", f"{OWN}.png?size=1024"),
        (".png?size=16", f"{OWN}.png?size=16"),
        (".webp?size=4096", f"{OWN}.webp?size=4096"),
        (".gif", f"{OWN}.png?size=1024"),
    ],
)
async def test_redirect_to_the_current_avatar(port: int, path: str, location: str) -> None:
    """In the requested format and size, where Discord has them."""
    answer = await ask(port, f"/avatar/{RICH.user_id}{path}")
    assert (answer.status, answer.body) == (302, b"")
    assert answer.header("location") == location
    assert answer.header("cache-control") == "public, max-age=60"
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("cross-origin-resource-policy") == "cross-origin"
    assert (await ask(port, f"/avatar/{RICH.user_id}{path}", method="HEAD")).status == 302


async def test_a_default_avatar(port: int) -> None:
    """Default avatars have one format and one size."""
    answer = await ask(port, f"/avatar/{BOT.user_id}.gif?size=64")
    assert answer.header("location") == "https://cdn.discordapp.com/embed/avatars/1.png"


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("png", f"{ANIMATED}.png?size=64"),
        ("gif", f"{ANIMATED}.gif?size=64"),
        ("webp", f"{ANIMATED}.webp?size=64&animated=true"),
    ],
)
def test_an_animated_avatar(kind: str, where: str) -> None:
    """The redirect is to an animated image where the format can be animated."""
    assert avatar_url(f"{ANIMATED}.png?size=1024", kind, 64) == where


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/avatar/{RICH.user_id}?size=63", 400, "invalid_size"),
        (f"/avatar/{RICH.user_id}?size=8192", 400, "invalid_size"),
        (f"/avatar/{RICH.user_id}?size=", 400, "invalid_size"),
        ("/avatar/robin", 400, "invalid_user_id"),
        (f"/avatar/{RICH.user_id}.jpg", 400, "invalid_user_id"),
        ("/avatar/161092844126208999.png", 404, "user_not_monitored"),
    ],
)
async def test_errors(port: int, path: str, status: int, code: str) -> None:
    """An unknown size, a malformed id and an unmonitored user."""
    answer = await ask(port, path)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code)
