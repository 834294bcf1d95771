"""Control commands about what people let the application do."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from simulator.command import Command, ControlTarget
from simulator.control_world import Snowflake
from simulator.guild_join import JoinRule, Outcome
from simulator.model import Json
from simulator.options import NotNegative
from simulator.signing import Forgery
from simulator.webhook_events import DEAUTHORIZED


class RemoveApp(Command):
    """The person removes the application in User Settings: every token of theirs is dead."""

    user_id: Snowflake

    async def run(self, sim: ControlTarget) -> Json:
        user_id = sim.world.person(self.user_id).user.id
        return {"granted": sim.grants.remove(user_id)}


class SetConnections(Command):
    """Replace the accounts that the person has connected; null is what Discord may answer too."""

    user_id: Snowflake
    connections: list[dict[str, Any]] | None

    async def run(self, sim: ControlTarget) -> Json:
        sim.accounts.replace(sim.world.person(self.user_id).user.id, self.connections)
        return {}


class PassTime(Command):
    """Let OAuth2 codes (100 s) and access tokens (7 days) age by so many seconds at once."""

    seconds: NotNegative

    async def run(self, sim: ControlTarget) -> Json:
        sim.clock.advance(self.seconds)
        return {}


class IssueDeadTokens(Command):
    """Refuse the next access tokens (null: all, until clear) with 401 for ever."""

    times: Annotated[int, Meta(ge=1)] | None = None

    async def run(self, sim: ControlTarget) -> Json:
        sim.faults.issue_dead_tokens(self.times)
        return {}


class SetJoin(Command):
    """Say what becomes of attempts to join: in one guild or all, of one person or all.

    outcome: joined; pending (201, screening to do); requested (201, but let in after seconds,
    null: never); banned, server_limit, server_full, limited, unverified, not_verified_yet,
    under_age, missing_permission.
    """

    outcome: Outcome
    guild_id: Snowflake | None = None
    user_id: Snowflake | None = None
    seconds: NotNegative | None = None

    async def run(self, sim: ControlTarget) -> Json:
        if self.guild_id is not None:
            sim.world.guild(self.guild_id)
        if self.user_id is not None:
            sim.world.person(self.user_id)
        sim.joins.set_rule(self.guild_id, self.user_id, JoinRule(self.outcome, self.seconds))
        return {}


class WebhookEvent(Command):
    """Post a webhook event of any type and data; with forgery once, and with a bad signature."""

    data: dict[str, Any]
    type: str = DEAUTHORIZED
    forgery: Forgery | None = None

    async def run(self, sim: ControlTarget) -> Json:
        return {"sent": sim.events.send(self.type, self.data, self.forgery)}


ACCOUNT_COMMANDS: Final[dict[str, type[Command]]] = {
    "remove_app": RemoveApp,
    "set_connections": SetConnections,
    "pass_time": PassTime,
    "set_join": SetJoin,
    "webhook_event": WebhookEvent,
    "issue_dead_tokens": IssueDeadTokens,
}
