"""Control commands: a struct of fields that can be carried out on a running simulator."""

from __future__ import annotations

from msgspec import Struct

from simulator.clock import MovableClock
from simulator.connected_accounts import ConnectedAccounts
from simulator.faults import Faults
from simulator.gateway import Gateway
from simulator.guild_join import GuildJoins
from simulator.interactions import Interactions
from simulator.model import Json
from simulator.oauth_grants import Grants
from simulator.options import Options
from simulator.sessions import Sessions
from simulator.stats import Stats
from simulator.webhook_events import WebhookEvents
from simulator.world import World


class ControlTarget(Struct, frozen=True):
    """The parts of a simulator that commands read and change."""

    world: World
    sessions: Sessions
    gateway: Gateway
    faults: Faults
    options: Options
    stats: Stats
    interactions: Interactions
    grants: Grants
    accounts: ConnectedAccounts
    clock: MovableClock
    joins: GuildJoins
    events: WebhookEvents


class Command(Struct, kw_only=True, forbid_unknown_fields=True):
    """One change to a simulator; decoding validates the fields."""

    async def run(self, sim: ControlTarget) -> Json:
        """Carry it out. The result becomes part of the answer.

        Raises :class:`simulator.world.Unknown` for an id or a field that does not exist.
        """
        raise NotImplementedError
