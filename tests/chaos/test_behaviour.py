"""What the people of a run do: all that real ones do, and nothing that could not be told apart."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from chaos.behaviour import Behaviour
from simulator.model import Json, Presence, offline

STEPS = 2000
USER = "161092844126208001"


@pytest.fixture(scope="module")
def life() -> list[Presence]:
    behaviour, presence = Behaviour(random.Random(1)), offline()
    return [presence := behaviour.next(USER, presence) for _ in range(STEPS)]


def begun(presence: Presence) -> dict[int, Json]:
    """By `created_at`."""
    return {one["created_at"]: one for one in presence.activities}


def names(presence: Presence) -> set[str]:
    return {one["name"] for one in presence.activities}


def test_every_change_can_be_seen(life: list[Presence]) -> None:
    assert all(before != after for before, after in pairwise(life))


def test_an_activity_goes_on_while_others_change(life: list[Presence]) -> None:
    """As it is: of two that began at the same time, one would be taken for the other."""
    known: dict[int, Json] = {}
    for presence in life:
        assert len(begun(presence)) == len(presence.activities)
        assert all(known.setdefault(at, one) == one for at, one in begun(presence).items())


def test_what_real_people_do_happens(life: list[Presence]) -> None:
    """One of two games ends, several begin at once, a custom status outlives what was beside it."""
    for before, after in (
        ({"Chess", "Go"}, {"Chess"}),
        ({"Chess", "Spotify"}, {"Chess"}),
        ({"Chess"}, {"Go"}),
        ({"Chess", "Custom Status"}, {"Custom Status"}),
        (set(), {"Chess", "Spotify", "Custom Status"}),
    ):
        assert any(
            {name for name in before | after if name in names(earlier)} == before
            and {name for name in before | after if name in names(later)} == after
            for earlier, later in pairwise(life)
        ), (before, after)
    listed = [[*begun(one)] for one in life]
    assert any(one != sorted(one) for one in listed)
    assert any(one == sorted(one) and len(one) > 2 for one in listed)


def test_a_custom_status_may_be_the_same_after_a_night(life: list[Presence]) -> None:
    """With its old `created_at`; another one is new."""
    asked = {True: 0, False: 0}
    line = None
    for before, after in pairwise(life):
        lines = [one for one in after.activities if one["type"] == 4]
        if before.status == "offline" and lines and line:
            asked[lines[0] == line] += 1
        line = lines[0] if lines else line if after.status == "offline" else None
    assert min(asked.values()) > 10
