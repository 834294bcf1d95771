"""How much of everything: the whole bench, or the short form that only shows that it works."""

from __future__ import annotations

from msgspec import Struct


class Params(Struct, frozen=True, kw_only=True):
    """Defaults are the whole bench's."""

    quick: bool = False
    rounds: int = 3  # of each measurement; the median counts
    most_rounds: int = 9  # while they differ by more than figures.STEADY
    more_rounds_within: float = 45.0  # seconds since the first one
    settles: float = 1.0  # seconds until what was begun is done, and over which idle CPU is taken
    fan_out: tuple[int, ...] = (5_000, 10_000)  # sockets on one user
    frames: int = 200_000  # written in one round of a fan-out
    clients: int = 10_000  # idle ones, and those that are served while others connect
    probes: int = 150  # newcomers meanwhile
    handshakes: int = 2_000
    users: int = 10_000  # different ones that are read in turn
    changes: int = 1_000  # of them a second
    event_users: int = 5_000
    event_rate: int = 5_000  # a second
    event_seconds: float = 5.0
    burst: int = 50_000  # events
    burst_users: int = 10_000
    live_sockets: int = 1_000
    live_rate: int = 500  # events a second
    live_seconds: float = 8.0
    guilds: tuple[int, ...] = (20_000, 100_000)  # members
    growth_sockets: tuple[int, ...] = (100, 1_000, 10_000, 18_000)
    growth_users: tuple[int, ...] = (1_000, 10_000, 100_000)
    growth_processes: tuple[int, ...] = (1, 2, 4)
    upstreams: tuple[int, ...] = (1, 4)  # of each service, behind a front door
    front_sockets: int = 2_000
    front_frames: int = 40_000


QUICK = Params(
    quick=True,
    rounds=1,
    most_rounds=1,
    settles=0.2,
    fan_out=(20,),
    frames=100,
    clients=50,
    probes=5,
    handshakes=20,
    users=50,
    changes=50,
    event_users=50,
    event_rate=100,
    event_seconds=0.5,
    burst=200,
    burst_users=50,
    live_sockets=20,
    live_rate=50,
    live_seconds=0.5,
    guilds=(100,),
    growth_sockets=(10,),
    growth_users=(50,),
    growth_processes=(2,),
    upstreams=(1,),
    front_sockets=20,
    front_frames=100,
)

SHORT = Params(
    most_rounds=5,
    more_rounds_within=10.0,
    fan_out=(1_000,),
    frames=50_000,
    handshakes=500,
    users=2_000,
    event_users=1_000,
    event_rate=2_000,
    event_seconds=2.0,
)
"""Of the hot rows: enough to compare two revisions on the same machine."""
