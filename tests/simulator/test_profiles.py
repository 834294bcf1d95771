"""The profile source that Grux can be pointed to."""

import aiohttp

from simulator import BOT_ID
from simulator.faults import RestFault
from simulator.people import FIRST_PERSON
from simulator.profiles import profile_of
from simulator.server import Simulator
from testing import samples


async def test_a_profile_has_the_samples_shape(sim: Simulator) -> None:
    """Every key of the sample profile, in the profile, its user and its parts."""
    wanted = {
        case["id"]: case["profile"] for case in samples.read("profile-samples.json")["profiles"]
    }
    rich = wanted["R01"]
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{sim.url}/profiles/{FIRST_PERSON}") as response,
    ):
        assert response.status == 200
        got = await response.json()
    assert got.keys() == rich.keys()
    assert rich["user"].keys() == got["user"].keys()
    assert rich["user_profile"].keys() == got["user_profile"].keys()
    assert {"hypesquad_house_3", "active_developer"} <= {badge["id"] for badge in got["badges"]}


async def test_profiles_differ_and_stay(sim: Simulator) -> None:
    """One person's profile is always the same; people's are not all alike."""
    people = sim.world.people.values()
    assert all(profile_of(person) == profile_of(person) for person in people)
    assert len({profile_of(person)["user_profile"]["bio"] for person in people}) > 1
    assert any(profile_of(person)["connected_accounts"] for person in people)
    for nobody in (BOT_ID, FIRST_PERSON):
        assert profile_of(sim.world.person(nobody))["connected_accounts"] == []


async def test_the_profile_of_an_unknown_user_is_404(sim: Simulator) -> None:
    """With Discord's body."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{sim.url}/profiles/999999999999999999") as response,
    ):
        assert response.status == 404
        assert await response.json() == {"message": "404: Not Found", "code": 0}


async def test_profiles_fail_on_request(sim: Simulator) -> None:
    """REST faults reach them under their own path."""
    sim.faults.add_rest(RestFault(prefix="/profiles", status=500, times=1))
    async with aiohttp.ClientSession() as http:
        for status in (500, 200):
            async with http.get(f"{sim.url}/profiles/{FIRST_PERSON}") as response:
                assert response.status == status
