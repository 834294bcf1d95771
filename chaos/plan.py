"""From a seed to a timed list of faults. Pure: the same seed gives the same list."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

GATEWAYS: Final = ("gateway", "standby")
APIS: Final = ("api-1", "api-2")
SOCKETS: Final = ("ws-1", "ws-2")
PROCESSES: Final = (*GATEWAYS, *APIS, *SOCKETS)
REDIS_LINKS: Final = tuple(f"{name}>redis" for name in PROCESSES)
DISCORD_LINKS: Final = tuple(f"{name}>discord" for name in GATEWAYS)
CLIENT_LINKS: Final = tuple(f"clients>{name}" for name in (*APIS, *SOCKETS))
PROFILES: Final = "profiles"  # the link to the source of profile facts
DURABLE_LINKS: Final = tuple(f"{name}>durable" for name in GATEWAYS)
LINKS: Final = (*REDIS_LINKS, *DISCORD_LINKS, *CLIENT_LINKS, PROFILES)


class Kind(Struct, frozen=True):
    """One kind of fault: what it may hit and how long it lasts, in seconds."""

    name: str
    targets: tuple[str, ...]
    shortest: float
    longest: float


class Fault(Struct, frozen=True):
    """One thing that goes wrong: `at` seconds after the start, for `seconds`."""

    at: float
    kind: str
    target: str
    seconds: float
    seed: int  # for whatever else there is to choose

    def __str__(self) -> str:
        return f"{self.at:6.2f} s  {self.kind:22} {self.target:18} {self.seconds:5.2f} s"


KINDS: Final = (
    Kind("process_killed", PROCESSES, 0.1, 3.0),
    Kind("process_ended", PROCESSES, 0.1, 3.0),
    Kind("process_stopped", PROCESSES, 0.5, 4.0),
    Kind("gateway_killed", GATEWAYS, 0.1, 2.0),
    Kind("gateway_stopped_long", GATEWAYS, 9.0, 13.0),
    Kind("redis_killed", ("redis",), 0.1, 3.0),
    Kind("redis_emptied", ("redis",), 0.0, 0.0),
    Kind("redis_restarted_empty", ("redis",), 0.0, 0.1),
    Kind("redis_rolled_back", ("redis",), 1.0, 3.0),
    Kind("redis_paused", ("redis",), 0.5, 4.0),
    Kind("redis_out_of_memory", ("redis",), 0.5, 4.0),
    Kind("redis_read_only", ("redis",), 0.5, 4.0),
    Kind("redis_pubsub_killed", ("redis",), 0.0, 1.0),
    Kind("redis_clients_killed", ("redis",), 0.0, 0.0),
    Kind("redis_scripts_lost", ("redis",), 0.0, 0.0),
    Kind("link_cut", LINKS, 0.1, 4.0),
    Kind("link_delayed", LINKS, 1.0, 4.0),
    Kind("link_reset", LINKS, 0.0, 0.0),
    Kind("link_reset_mid_frame", LINKS, 0.5, 2.0),
    Kind("link_throttled", LINKS, 1.0, 4.0),
    Kind("link_silent", LINKS, 0.5, 7.0),
    Kind("discord_reset", ("discord",), 0.0, 0.0),
    Kind("discord_hung_up", ("discord",), 0.0, 0.0),
    Kind("discord_reconnect", ("discord",), 0.0, 0.0),
    Kind("discord_invalid", ("discord",), 0.0, 0.0),
    Kind("discord_invalid_resumable", ("discord",), 0.0, 0.0),
    Kind("discord_close_code", ("discord",), 0.0, 0.0),
    Kind("discord_acks_missing", ("discord",), 2.0, 5.0),
    Kind("discord_refuses", ("discord",), 1.0, 5.0),
    Kind("discord_resume_refused", ("discord",), 1.0, 2.0),
    Kind("discord_op7_for_hello", ("discord",), 0.5, 1.0),
    Kind("discord_replays_twice", ("discord",), 1.0, 2.0),
    Kind("discord_roster_limited", ("discord",), 3.0, 5.0),
    Kind("discord_rest_fails", ("discord",), 1.0, 4.0),
    Kind("discord_outage", ("discord",), 0.5, 3.0),
    Kind("discord_nonsense", ("discord",), 0.5, 1.0),
    Kind("burst", ("people",), 0.0, 0.0),
)

REDIS: Final = "redis_"
"""How the kinds begin that hit a single Redis."""

CLUSTER_KINDS: Final = (
    Kind("cluster_master_killed", ("redis",), 0.0, 2.0),
    Kind("cluster_master_restarted", ("redis",), 0.0, 0.5),
    Kind("cluster_masters_restarted", ("redis",), 0.0, 2.0),
    Kind("cluster_all_restarted", ("redis",), 0.0, 1.0),
    Kind("cluster_rolled_back", ("redis",), 1.0, 3.0),
    Kind("cluster_failed_over", ("redis",), 0.0, 0.0),
    Kind("cluster_paused", ("redis",), 0.5, 4.0),
    Kind("cluster_slots_moved", ("redis",), 0.0, 0.0),
    Kind("cluster_emptied", ("redis",), 0.0, 0.0),
    Kind("cluster_out_of_memory", ("redis",), 0.5, 4.0),
    Kind("cluster_pubsub_killed", ("redis",), 0.0, 1.0),
    Kind("cluster_clients_killed", ("redis",), 0.0, 0.0),
    Kind("cluster_scripts_lost", ("redis",), 0.0, 0.0),
)
"""Where Redis is a cluster, in place of those."""

DURABLE_KINDS: Final = (
    Kind("durable_killed", ("durable",), 0.1, 3.0),
    Kind("durable_paused", ("durable",), 0.5, 3.0),
    Kind("durable_clients_killed", ("durable",), 0.0, 0.0),
    Kind("link_cut", DURABLE_LINKS, 0.1, 3.0),
    Kind("link_delayed", DURABLE_LINKS, 1.0, 3.0),
    Kind("link_silent", DURABLE_LINKS, 0.5, 4.0),
)
"""Of the Redis with the settings, and of the way to it. It forgets nothing."""

RETURNING_OLDER: Final = (
    *("redis_rolled_back", "cluster_master_killed", "cluster_master_restarted"),
    *("cluster_masters_restarted", "cluster_rolled_back", "cluster_failed_over", "cluster_paused"),
)
"""Kinds after which Redis may hold what it held before."""

FORGETTING: Final = (
    *("redis_killed", "redis_restarted_empty", "redis_emptied", "redis_rolled_back"),
    *("cluster_master_killed", "cluster_master_restarted", "cluster_masters_restarted"),
    *("cluster_all_restarted", "cluster_rolled_back", "cluster_failed_over", "cluster_paused"),
    *("cluster_slots_moved", "cluster_emptied"),
)
"""Kinds after which a session cannot be resumed from what Redis holds: it is gone, or it may be
older than the users."""

LONG: Final = 240.0  # seconds: a plan as long as that has also
LONG_KINDS: Final = (Kind("discord_refuses_long", ("discord for long",), 60.0, 150.0),)


def plan(seed: int, seconds: float, only: str = "", *, cluster: bool = False) -> list[Fault]:
    """Faults that all begin and end within so many seconds, one at a time on each target.

    Kinds come like cards from a shuffled deck, so that a long run has them all. `only`: kinds
    whose name begins so.
    """
    rng = random.Random(seed)
    every = [*KINDS, *LONG_KINDS] if seconds >= LONG else [*KINDS]
    if cluster:
        every = [*(kind for kind in every if not kind.name.startswith(REDIS)), *CLUSTER_KINDS]
    return _deal(rng, [kind for kind in every if kind.name.startswith(only)], seconds, 1.3)


def plan_durable(seed: int, seconds: float) -> list[Fault]:
    """Faults of the durable Redis, beside those of `plan`."""
    return _deal(random.Random(seed + 4), DURABLE_KINDS, seconds, 5.0)


def _deal(
    rng: random.Random, kinds: Sequence[Kind], seconds: float, interval: float
) -> list[Fault]:
    """`interval`: the longest one between two faults, in seconds."""
    deck: list[Kind] = []
    free: dict[str, float] = {}
    faults: list[Fault] = []
    at = 0.5
    while at < seconds:
        if not deck:
            deck = rng.sample(kinds, len(kinds))
        kind = deck.pop()
        target = rng.choice(kind.targets)
        lasts = round(rng.uniform(kind.shortest, kind.longest), 2)
        begins = max(at, free.get(target, 0.0))
        if begins + lasts <= seconds:
            faults.append(Fault(round(begins, 2), kind.name, target, lasts, rng.getrandbits(32)))
            free[target] = begins + lasts + 0.3
        at += rng.uniform(0.1, interval)
    return sorted(faults, key=lambda fault: fault.at)
