"""Webhook events, as an application receives them that verifies signatures, or does not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jsonschema import Draft202012Validator

from simulator import BOT_ID
from simulator.people import FIRST_PERSON
from simulator.server import Simulator
from simulator.signing import FORGERIES, PUBLIC_KEY, SIGNATURE, TIMESTAMP, forged_headers
from simulator.signing import signed_headers as signed
from simulator.webhook_events import AUTHORIZED, DEAUTHORIZED, DISABLED_BY_DISCORD, ENABLED
from testing import samples
from testing.eventually import eventually
from tests.simulator.browser import Browser
from tests.simulator.client import Post


def is_signed(headers: Any, body: bytes) -> bool:
    """As Discord's documentation says to do it."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(PUBLIC_KEY))
    try:
        signature = bytes.fromhex(headers.get(SIGNATURE, ""))
        key.verify(signature, headers.get(TIMESTAMP, "").encode() + body)
    except (ValueError, InvalidSignature):
        return False
    return True


class Receiver:
    """An application that writes down what it is posted."""

    def __init__(self) -> None:
        self.verifies = True
        self.failures = 0  # so many requests are answered with 500
        self.delay = asyncio.Event()  # answers wait for it
        self.delay.set()
        self.accepted: list[dict[str, Any]] = []
        self.refused = 0
        self.failed = 0
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.verifies and not is_signed(request.headers, body):
            self.refused += 1
            return web.Response(status=401)
        if self.failures > 0:
            self.failures -= 1
            self.failed += 1
            return web.Response(status=500)
        await self.delay.wait()
        self.accepted.append(msgspec.json.decode(body))
        return web.Response(status=204)

    def events(self) -> list[tuple[str, str]]:
        """Type and user of each event."""
        found = [one["event"] for one in self.accepted if one["type"] == 1]
        return [(event["type"], event["data"]["user"]["id"]) for event in found]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A server on a free port."""
    found = Receiver()
    app = web.Application()
    app.router.add_post("/events", found.receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    yield found
    found.delay.set()
    await runner.cleanup()


@pytest.fixture
def subscribed(sim: Simulator, receiver: Receiver) -> Simulator:
    """A Discord that posts to the receiver: without forgeries, and without long pauses."""
    sim.options.webhook_forgeries = 0.0
    sim.options.webhook_retry_seconds = 0.01
    sim.events.subscribe(receiver.url)
    return sim


async def patch(sim: Simulator, **fields: Any) -> tuple[int, Any]:
    """Change the application, as the bot."""
    headers = {"Authorization": f"Bot {sim.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.patch(f"{sim.api_url}/applications/@me", json=fields) as response,
    ):
        return response.status, await response.json()


def test_signatures_are_ed25519() -> None:
    """Over the timestamp and the raw body."""
    assert len(PUBLIC_KEY) == 64
    body = b'{"type":0}'
    headers = signed(1795867200, body)
    assert is_signed(headers, body)
    assert len(headers[SIGNATURE]) == 128
    assert not is_signed(headers, body + b" ")
    assert not is_signed({**headers, TIMESTAMP: "1795867201"}, body)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgeries_are_recognised(forgery: Any) -> None:
    body = b'{"type":0}'
    assert not is_signed(forged_headers(1795867200, body, forgery), body)


async def test_the_application_is_told_what_people_grant(
    browser: Browser, receiver: Receiver, subscribed: Simulator
) -> None:
    """Once for the same scopes, again for more, and at the end, whoever ends it."""
    tokens = await browser.sign_in()
    await browser.sign_in()
    await eventually(lambda: receiver.events() == [(AUTHORIZED, FIRST_PERSON)])
    assert receiver.accepted[0]["event"]["data"]["scopes"] == ["identify", "connections"]
    assert receiver.accepted[0]["application_id"] == BOT_ID
    await browser.sign_in(scope="guilds.join")
    await eventually(lambda: len(receiver.accepted) == 2)
    async with browser.http.post(
        f"{subscribed.api_url}/oauth2/token/revoke",
        data={"token": tokens["access_token"]},
        headers=browser.client,
    ) as response:
        assert response.status == 200
    await eventually(lambda: receiver.events()[2:] == [(DEAUTHORIZED, FIRST_PERSON)])
    assert "timestamp" in receiver.accepted[2]["event"]


async def test_removing_the_application_is_told(
    browser: Browser, receiver: Receiver, subscribed: Simulator, post: Post
) -> None:
    await browser.sign_in()
    await eventually(lambda: len(receiver.accepted) == 1)
    await post("remove_app", user_id=FIRST_PERSON)
    await eventually(lambda: receiver.events()[1:] == [(DEAUTHORIZED, FIRST_PERSON)])


async def test_a_failed_event_is_posted_again(receiver: Receiver, subscribed: Simulator) -> None:
    """Until it is answered with 204."""
    receiver.failures = 3
    subscribed.events.deauthorized(FIRST_PERSON)
    await eventually(lambda: subscribed.stats.webhooks_by_answer == {"500": 3, "204": 1})
    assert receiver.failed == 3
    assert receiver.events() == [(DEAUTHORIZED, FIRST_PERSON)]


async def test_a_late_answer_counts_as_none(receiver: Receiver, subscribed: Simulator) -> None:
    """The event comes again, so that it may be there twice."""
    subscribed.options.webhook_timeout_seconds = 0.05
    receiver.delay.clear()
    subscribed.events.deauthorized(FIRST_PERSON)
    await eventually(lambda: subscribed.stats.webhooks_by_answer["none"] > 0)
    subscribed.options.webhook_timeout_seconds = 60.0
    receiver.delay.set()
    await eventually(lambda: subscribed.stats.webhooks_by_answer["204"] == 1)
    assert set(receiver.events()) == {(DEAUTHORIZED, FIRST_PERSON)}


async def test_an_application_that_never_answers_gets_no_more(
    receiver: Receiver, subscribed: Simulator
) -> None:
    """After several events that were given up."""
    subscribed.options.webhook_give_up_seconds = 0.0
    receiver.failures = 5
    for _ in range(5):
        assert subscribed.events.send(DEAUTHORIZED, {})
    await eventually(lambda: subscribed.events.status == DISABLED_BY_DISCORD)
    assert not subscribed.events.send(DEAUTHORIZED, {})
    assert receiver.failed == 5


async def test_bad_signatures_are_sent_on_purpose(
    receiver: Receiver, subscribed: Simulator
) -> None:
    """The event itself arrives all the same."""
    subscribed.options.webhook_forgeries = 1.0
    subscribed.events.deauthorized(FIRST_PERSON)
    await eventually(lambda: len(receiver.accepted) == 1)
    assert receiver.refused == 1
    assert subscribed.events.status == ENABLED


async def test_who_accepts_a_bad_signature_loses_the_url(
    receiver: Receiver, subscribed: Simulator
) -> None:
    receiver.verifies = False
    subscribed.options.webhook_forgeries = 1.0
    subscribed.events.deauthorized(FIRST_PERSON)
    await eventually(lambda: subscribed.events.status == DISABLED_BY_DISCORD)
    assert subscribed.events.as_json()["event_webhooks_url"] is None
    assert not subscribed.events.send(DEAUTHORIZED, {})


async def test_any_event_can_be_posted(
    receiver: Receiver, subscribed: Simulator, post: Post
) -> None:
    """Also a forged one, which is posted once; a kind that is not wanted is not sent."""
    data = {"user": {"id": FIRST_PERSON}}
    for forgery in FORGERIES:
        assert (await post("webhook_event", data=data, forgery=forgery))["sent"] is True
    await eventually(lambda: receiver.refused == len(FORGERIES))
    assert (await post("webhook_event", data=data, type="QUEST_USER_ENROLLMENT"))["sent"] is False
    assert (await post("webhook_event", data=data))["sent"] is True
    await eventually(lambda: receiver.events() == [(DEAUTHORIZED, FIRST_PERSON)])


async def test_a_url_is_tried_when_it_is_set(sim: Simulator, receiver: Receiver) -> None:
    """A PING, and one with a bad signature; then the application object has it."""
    status, answer = await patch(
        sim,
        event_webhooks_url=receiver.url,
        event_webhooks_status=2,
        event_webhooks_types=[DEAUTHORIZED],
        description="ignored",
    )
    assert status == 200
    assert (answer["event_webhooks_url"], answer["event_webhooks_status"]) == (receiver.url, 2)
    assert (answer["event_webhooks_types"], answer["verify_key"]) == ([DEAUTHORIZED], PUBLIC_KEY)
    assert [one["type"] for one in receiver.accepted] == [0]
    assert receiver.refused == 1
    assert not sim.events.send(AUTHORIZED, {})
    status, answer = await patch(sim, event_webhooks_url=None)
    assert (answer["event_webhooks_url"], answer["event_webhooks_status"]) == (None, 1)
    components = samples.read("discord-openapi.json")["components"]
    schema = {"$ref": "#/components/schemas/PrivateApplicationResponse", "components": components}
    Draft202012Validator(schema).validate(answer)


@pytest.mark.parametrize("fault", ["accepts everything", "fails", "is not there", "is no URL"])
async def test_a_url_that_fails_is_refused(sim: Simulator, receiver: Receiver, fault: str) -> None:
    """And nothing changes."""
    url = receiver.url
    if fault == "accepts everything":
        receiver.verifies = False
    elif fault == "fails":
        receiver.failures = 1
    elif fault == "is not there":
        url += "/nowhere"
    else:
        url = "events"
    status, answer = await patch(sim, event_webhooks_url=url, event_webhooks_status=2)
    assert (status, answer["code"]) == (400, 50035)
    assert sim.events.as_json() == {
        "event_webhooks_url": None,
        "event_webhooks_status": 1,
        "event_webhooks_types": [],
    }


async def test_a_bad_change_is_named(sim: Simulator) -> None:
    status, answer = await patch(sim, event_webhooks_status=3)
    assert (status, answer["code"]) == (400, 50035)
