"""Reading interactions: every sample of Discord's, and hostile ones."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.commands.interaction import InvalidInteraction, read
from testing import samples

ROBIN = 171234567890123776


def events() -> dict[str, Any]:
    found: dict[str, Any] = samples.read("oauth-and-interaction-samples.json")["interactions"]
    return found


def hostile(case: str) -> Any:
    return next(one["event"]["d"] for one in events()["hostile"] if case in one["case"])


@pytest.mark.parametrize("name", [name for name in events() if name != "hostile"])
def test_the_samples_are_understood(name: str) -> None:
    """In servers, in DMs, and by a user install; each names the person."""
    asked = read(events()[name]["d"])
    assert asked.user_id == ROBIN
    assert asked.token == events()[name]["d"]["token"]


def test_what_is_read() -> None:
    """Options by name, the values of a select, and the inputs of both forms of modals."""
    asked = read(events()["slash_in_guild"]["d"])
    assert (asked.kind, asked.name, asked.subcommand) == ("command", "grux", "hide")
    assert asked.options == {"what": "activities", "private": True}
    assert read(events()["slash_subcommand_group"]["d"]).subcommand == ""
    assert read(events()["select"]["d"]).values == ("status", "spotify")
    assert read(events()["select_nothing"]["d"]).values == ()
    assert read(events()["modal_submit"]["d"]).fields == {"bio": "Tapes & trains @everyone"}
    assert read(events()["modal_submit_old_form"]["d"]).fields == {"bio": "Hello"}
    assert read(events()["button"]["d"]).custom_id == "grux:v1:visible:off"
    assert "token" not in str(read(hostile("another type")).options)


@pytest.mark.parametrize("case", ["unknown interaction type", "no member and no user"])
def test_what_is_not_understood_is_refused(case: str) -> None:
    """It is counted, and not answered."""
    with pytest.raises(InvalidInteraction):
        read(hostile(case))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"},
        {"id": 5},
        {"application_id": "../users"},
        {"token": "a/../../b?c"},
        {"token": ""},
        {"type": [2]},
        {"type": True},
        {"data": None},
        {"data": {"options": [{"name": 1, "type": 1}]}},
        {"data": {"options": [{"name": "x", "type": 1, "options": [5]}]}},
        {"member": {"user": {"id": "0"}}},
        {"member": {"user": {"id": "9" * 20}}},
        {"member": {}},
        {"message": []},
    ],
)
def test_invented_fields_are_refused(change: dict[str, Any]) -> None:
    """Ids and tokens become a part of an address: they cannot leave it."""
    with pytest.raises(InvalidInteraction):
        read({**events()["slash_in_guild"]["d"], **change})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(st.sampled_from(["type", "data", "member", "user", "token", "message", "locale"]), JSON)
def test_no_payload_raises_anything_else(name: str, value: Any) -> None:
    """Whatever a field holds, it is read or refused."""
    payload = {**msgspec.json.decode(msgspec.json.encode(events()["button"]["d"])), name: value}
    with contextlib.suppress(InvalidInteraction):
        read(payload)
