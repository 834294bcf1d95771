"""Erasing everything by the page that asks once more."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.model.user_settings import DEFAULTS, UserSettings
from shared.redis.store import Store
from tests.accounts.visitor import ROBIN, Site, Visitor, site


@pytest.fixture
async def robin(here: Site) -> AsyncIterator[Visitor]:
    """Signed in, with a bio."""
    async with here.visitor() as visitor:
        await visitor.sign_in()
        assert (await visitor.patch(bio="I collect lanterns.", hide=["spotify"])).status == 200
        yield visitor


@pytest.mark.parametrize(
    ("fields", "done", "left"),
    [
        ({"stay_hidden": "on"}, "erased-hidden", UserSettings(visible=False)),
        ({}, "erased", DEFAULTS),
    ],
)
async def test_a_person_erases_everything(
    here: Site, robin: Visitor, fields: dict[str, str], done: str, left: UserSettings
) -> None:
    """One choice is kept, if they want it; a page says which, and they are signed out."""
    reply = await robin.post("/me/erase", confirm="erase", **fields)
    assert (reply.status, reply.location) == (303, f"{here.base}/me?done={done}")
    assert robin.cookie() == ""
    assert await here.accounts.user_settings.get(ROBIN) == left
    assert await here.accounts.grants.get(ROBIN) is None
    end = await robin.page(f"/me?done={done}")
    assert "Everything is erased" in end.body
    assert "Sign in with Discord" in (await robin.page()).body


async def test_without_the_word_nothing_is_erased(here: Site, robin: Visitor) -> None:
    """The page asks again."""
    reply = await robin.post("/me/erase", confirm="", stay_hidden="on")
    assert reply.status == 400
    assert "Nothing was erased" in reply.body
    settings = await here.accounts.user_settings.get(ROBIN)
    assert settings.bio == "I collect lanterns."
    assert "Signed in as" in (await robin.page()).body


@pytest.mark.parametrize(("consent", "offered"), [("joining", True), ("asking", False)])
async def test_staying_hidden_is_offered_where_it_matters(
    store: Store, consent: str, offered: bool
) -> None:
    """Where nobody is shown without having asked, nothing has to be kept."""
    async with site(store, consent=consent) as here, here.visitor() as visitor:
        await visitor.sign_in()
        assert ("Keep me hidden" in (await visitor.page("/me/erase")).body) == offered
