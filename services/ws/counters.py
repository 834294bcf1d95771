"""What happens in this process.

The numbers that the program itself reads are plain: `frames`, as fan-out compares it before and
after a slice (0.02 µs to add to; a Counter of prometheus_client takes 0.31, and its value cannot be
read as cheaply), and those that are of now. The others are metrics.
"""

from __future__ import annotations

from prometheus_client import Counter, Histogram
from prometheus_client.registry import Collector

from shared.telemetry.metrics import CHANGE_AGE_BUCKETS_S


class Counters:
    """One for each server. services.ws.metrics registers its metrics."""

    __slots__ = (
        "ages",
        "backpressured",
        "connections",
        "dropped",
        "event_clients",
        "event_frames",
        "frames",
        "handshakes",
        "lanyard_clients",
        "lanyard_watchers",
        "refused",
        "resyncs",
        "skipped",
        "watchers",
    )

    def __init__(self) -> None:
        self.connections = 0  # open now, before and after the handshake
        self.watchers = 0  # subscriptions of clients to users
        self.lanyard_watchers = 0  # those of Lanyard's dialect
        self.lanyard_clients = 0  # sessions of Lanyard's dialect
        self.event_clients = 0  # event streams
        self.backpressured = 0  # clients for which bytes wait here, as the kernel takes no more
        self.frames = 0  # written, of every kind; only grows
        self.event_frames = 0  # those of them that were written to event streams
        self.handshakes = Counter("grux_ws_handshakes", "Handshakes.", registry=None)
        self.skipped = Counter(
            "grux_ws_skipped", "Updates that a backpressured client was not sent.", registry=None
        )
        self.dropped = Counter(
            "grux_ws_dropped", "Clients that read nothing or answered no ping.", registry=None
        )
        self.refused = Counter(
            "grux_ws_refused", "Error frames, and handshakes of a flood.", registry=None
        )
        self.resyncs = Counter(
            "grux_ws_resyncs",
            "Users loaded again after a lost connection to Redis.",
            registry=None,
        )
        self.ages = Histogram(
            "grux_ws_frame_age_seconds",
            "From Discord's event to the last subscribed client's socket.",
            buckets=CHANGE_AGE_BUCKETS_S,
            registry=None,
        )

    def metrics(self) -> tuple[Collector, ...]:
        """Those to register."""
        return (
            *(self.handshakes, self.skipped, self.dropped),
            *(self.refused, self.resyncs, self.ages),
        )
