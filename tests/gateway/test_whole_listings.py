"""A GUILD_CREATE that lists all members, while they are being requested."""

from __future__ import annotations

import asyncio

from services.gateway.discord.member_requests import MemberRequests
from services.gateway.event_handler import EventHandler
from testing.eventually import eventually
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD, OTHER, GatewayFixture, chunk, guild
from tests.gateway.test_member_requests import RecordingSender


class RequestingGateway(GatewayFixture):
    """With requests that are sent, while `requests.run` runs."""

    def __init__(self) -> None:
        super().__init__()
        self.sender = RecordingSender()
        self.sent_requests = MemberRequests(self.sender)
        self.handler = EventHandler(
            (0, 1),
            is_approved=lambda guild_id: True,
            users=self.users,
            guilds=self.guilds,
            writer=self.writer,
            requests=self.sent_requests,
            reconciler=self.reconciler,
            on_interaction=self.interactions.append,
        )


async def test_late_answer_removes_no_member() -> None:
    """The listing that it was to complete is over, so the members that it names do not count."""
    gateway = RequestingGateway()
    task = asyncio.create_task(gateway.sent_requests.run())
    gateway.handler.begin_guild(GUILD)
    await eventually(lambda: len(gateway.sender.all) == 1)
    nonce = gateway.sender.all[0][1]
    gateway.handle("GUILD_CREATE", guild(GUILD, [1, 2]))
    assert gateway.handle("GUILD_MEMBERS_CHUNK", {**chunk(GUILD, [1, 2]), "nonce": nonce}) == []
    assert gateway.sent_requests.is_idle
    await ended(task)


async def test_request_that_waits_is_not_sent() -> None:
    """As after a takeover. The next process requests the members of a guild, because Redis does not
    hold all of them. Discord's replay ends an outage of the guild before the request is sent."""
    gateway = RequestingGateway()
    gateway.sender.is_connected = False
    gateway.handler.begin_guild(GUILD)
    gateway.handle("GUILD_CREATE", guild(GUILD, [1, 2]))
    gateway.sender.is_connected = True
    gateway.sent_requests.request_guild(OTHER)
    task = asyncio.create_task(gateway.sent_requests.run())
    await eventually(lambda: gateway.sender.all)
    assert [guild_id for guild_id, _ in gateway.sender.all] == [OTHER]
    await ended(task)
