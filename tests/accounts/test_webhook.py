"""Discord's signed events: the samples, and what attackers would send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.api.accounts.discord_answers import DiscordApplication
from services.api.accounts.webhook import MAX_EVENT_BYTES, ended_consent, is_signed
from shared.redis.store import Store
from tests.accounts.visitor import ROBIN, Site, Visitor, site

SAMPLES = msgspec.json.decode(
    (Path(__file__).parents[2] / "testing/data/oauth-and-interaction-samples.json").read_bytes()
)["webhook_events"]
APPLICATION_ID = 1477953611366400017
PATH = "/webhooks/discord"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def known_as(here: Site, public_key: str, application_id: int = APPLICATION_ID) -> None:
    """The application that Discord has named last."""
    here.accounts.discord._application = DiscordApplication(application_id, public_key)
    here.accounts.discord._application_at = float("inf")


def signed(body: bytes, stamp: str = "1795867200") -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-signature-ed25519": KEY.sign(stamp.encode() + body).hex(),
        "x-signature-timestamp": stamp,
    }


def event(user_id: int, timestamp: str, **changes: Any) -> bytes:
    return msgspec.json.encode(
        {
            "version": 1,
            "application_id": str(APPLICATION_ID),
            "type": 1,
            "event": {
                "type": "APPLICATION_DEAUTHORIZED",
                "timestamp": timestamp,
                "data": {"user": {"id": str(user_id)}},
            },
            **changes,
        }
    )


def own_key(here: Site) -> None:
    known_as(here, KEY.public_key().public_bytes_raw().hex())


@pytest.mark.parametrize(
    "sample", SAMPLES["requests"], ids=[sample["case"] for sample in SAMPLES["requests"]]
)
async def test_samples(here: Site, sample: dict[str, Any]) -> None:
    """204 for what Discord has signed, 401 for everything else; without a body."""
    known_as(here, SAMPLES["public_key"])
    async with here.visitor() as discord:
        reply = await discord.send("POST", PATH, sample["headers"], body=sample["body"].encode())
    assert reply.status == sample["expect"]["status"]
    if reply.status == 204:
        assert reply.body == ""


async def test_a_withdrawn_consent(here: Site, robin: Visitor) -> None:
    """What came from it is erased at once; a second delivery changes nothing more."""
    own_key(here)
    body = event(ROBIN, "2100-01-01T00:00:00.000000")
    for _ in range(2):
        assert (await robin.send("POST", PATH, signed(body), body=body)).status == 204
        assert await here.accounts.grants.get(ROBIN) is None
        assert await here.accounts.connections.get(ROBIN) == []
        assert (await robin.get("/me")).status == 401


async def test_an_event_of_an_older_grant(here: Site, robin: Visitor) -> None:
    """It arrives after the person has signed in again: Discord is asked, and nothing is erased."""
    own_key(here)
    body = event(ROBIN, "2020-01-01T00:00:00.000000")
    assert (await robin.send("POST", PATH, signed(body), body=body)).status == 204
    assert (await robin.get("/me")).status == 200
    here.accounts.discord._application_at = float("-inf")
    await here.accounts.keeper.check_due()
    assert (await robin.get("/me")).status == 200
    here.sim.grants.remove(str(ROBIN))
    await here.accounts.grants.schedule(ROBIN, 0)
    await here.accounts.keeper.check_due()
    assert (await robin.get("/me")).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-signature-ed25519": "0" * 128},
        {"x-signature-timestamp": "1795867200"},
        {"x-signature-ed25519": "0" * 128, "x-signature-timestamp": "1795867200"},
        {"x-signature-ed25519": "0" * 128, "x-signature-timestamp": "\u0661"},
        {"x-signature-ed25519": "z" * 128, "x-signature-timestamp": "1795867200"},
        {"x-signature-ed25519": "0" * 126, "x-signature-timestamp": "1795867200"},
    ],
)
async def test_forged_events(here: Site, robin: Visitor, headers: dict[str, str]) -> None:
    """401, and nothing is done."""
    own_key(here)
    body = event(ROBIN, "2100-01-01T00:00:00.000000")
    sent = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    assert (await robin.send("POST", PATH, sent, body=body)).status == 401
    assert (await robin.get("/me")).status == 200


async def test_a_signature_of_another_body(here: Site, robin: Visitor) -> None:
    """Also one that only differs in the moment."""
    own_key(here)
    body = event(ROBIN, "2100-01-01T00:00:00.000000")
    other = {**signed(body), "x-signature-timestamp": "1795867201"}
    assert (await robin.send("POST", PATH, other, body=body)).status == 401
    assert (await robin.send("POST", PATH, signed(b"{}"), body=body)).status == 401
    assert (await robin.get("/me")).status == 200


async def test_an_application_without_a_key(here: Site, robin: Visitor) -> None:
    """Nothing is accepted."""
    known_as(here, "")
    body = event(ROBIN, "2100-01-01T00:00:00.000000")
    assert (await robin.send("POST", PATH, signed(body), body=body)).status == 401


async def test_a_large_event(here: Site, robin: Visitor) -> None:
    """413 before anything is verified."""
    own_key(here)
    body = b" " * (MAX_EVENT_BYTES + 1)
    assert (await robin.send("POST", PATH, signed(body), body=body)).status == 413


async def test_discord_does_not_tell_its_key(here: Site, robin: Visitor) -> None:
    """503: it sends the event again. Requests without a signature do not make anybody ask."""
    here.accounts.discord._application = None
    here.break_discord("/applications", 503, times=None)
    body = event(ROBIN, "2100-01-01T00:00:00.000000")
    assert (await robin.send("POST", PATH, signed(body), body=body)).status == 503
    assert (await robin.send("POST", PATH, {}, body=body)).status == 401


async def test_sign_in_is_off(store: Store) -> None:
    """There is nothing that could be withdrawn."""
    async with site(store, discord_client_secret="") as here, here.visitor() as discord:
        assert (await discord.send("POST", PATH, {}, body=b"{}")).status == 404


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"type": 1},
        {"type": 1, "application_id": "1", "event": {"type": "APPLICATION_DEAUTHORIZED"}},
        {"type": 1, "application_id": str(APPLICATION_ID), "event": None},
        msgspec.json.decode(event(ROBIN, "2100-01-01T00:00:00", application_id="1")),
        msgspec.json.decode(event(ROBIN, "2100-01-01T00:00:00", type=0)),
        msgspec.json.decode(event(ROBIN, "yesterday")),
        msgspec.json.decode(event(1, "2100-01-01T00:00:00")),
    ],
)
def test_other_events(body: object) -> None:
    """They are accepted, and nothing is done."""
    assert ended_consent(body, APPLICATION_ID) is None


def test_times_are_in_utc() -> None:
    """Discord writes them without a zone."""
    found = ended_consent(
        msgspec.json.decode(event(ROBIN, "2026-11-28T11:59:58.064834")), APPLICATION_ID
    )
    assert found == (ROBIN, 1_795_867_198_065)


def test_a_key_that_is_none() -> None:
    """Discord's answer may be anything."""
    for key in ("", "zz", "0" * 63, "f" * 64):
        assert not is_signed(key, "0" * 128, b"")
