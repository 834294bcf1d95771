"""The consent page, as a browser meets it."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from simulator import BOT_ID
from simulator.people import FIRST_PERSON, some_population
from tests.simulator.browser import CALLBACK, QUERY, Browser


async def test_a_person_agrees_with_one_click(browser: Browser) -> None:
    """The page names the scopes and the people; its form's own fields lead to tokens."""
    status, page = await browser.open()
    assert status == 200
    assert "Access your username, avatar and banner" in page
    assert "Access your third-party connections" in page
    assert "Join servers for you" not in page
    assert f'name="user_id" value="{FIRST_PERSON}"' in page
    form = page[page.index("<form") : page.index("</form>")]
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    assert {name: unescape(value) for name, value in hidden} == QUERY
    status, location = await browser.answer(user_id=FIRST_PERSON)
    assert (status, location.partition("?")[0]) == (303, CALLBACK)
    query = parse_qs(urlsplit(location).query)
    assert query["state"] == ["a&b"]


async def test_a_person_refuses(browser: Browser) -> None:
    status, location = await browser.answer(action="cancel")
    assert status == 303
    query = parse_qs(urlsplit(location).query)
    assert (query["error"], query["state"]) == (["access_denied"], ["a&b"])
    assert browser.sim.grants.scopes(FIRST_PERSON) == ()


async def test_people_without_a_server_are_offered(browser: Browser) -> None:
    """They are on the page, and a bot is not."""
    [newcomer] = some_population(1, 1_784_053_200_000, 1)
    browser.sim.world.people[newcomer.user.id] = newcomer
    newcomer.user.bot = False
    newcomer.user.global_name = "<b>Nobody</b>"
    _, page = await browser.open()
    assert page.index("In no server yet") < page.index(newcomer.user.id)
    assert "Authorise as &lt;b&gt;Nobody&lt;/b&gt;" in page
    assert f'name="user_id" value="{BOT_ID}"' not in page
    for nobody in (BOT_ID, "123", ""):
        assert (await browser.answer(user_id=nobody))[0] == 400


@pytest.mark.parametrize("changes", [{"client_id": "1"}, {"redirect_uri": "http://evil.example/"}])
async def test_a_bad_link_stays_here(browser: Browser, changes: dict[str, str]) -> None:
    """On opening it and on sending its form."""
    for status, text in (
        await browser.open(**changes),
        await browser.answer(user_id=FIRST_PERSON, **changes),
    ):
        assert status == 400
        assert "Something is wrong with this link" in text


async def test_a_bad_request_is_redirected(browser: Browser) -> None:
    for status, location in (
        await browser.open(scope="role_connections.write"),
        await browser.answer(scope="role_connections.write", user_id=FIRST_PERSON),
    ):
        assert status == 303
        assert location.startswith(f"{CALLBACK}?error=invalid_scope&")


async def test_no_prompt_skips_the_page_for_a_granted_set(browser: Browser) -> None:
    """Never for another person, a wider set, or after the application was removed."""
    assert (await browser.open(prompt="none"))[0] == 200
    await browser.sign_in()
    assert (await browser.open())[0] == 200
    status, location = await browser.open(prompt="none", scope="identify")
    assert status == 303
    assert location.startswith(f"{CALLBACK}?code=")
    assert (await browser.open(prompt="none", scope="identify guilds.join"))[0] == 200
    browser.sim.grants.remove(FIRST_PERSON)
    assert (await browser.open(prompt="none"))[0] == 200
