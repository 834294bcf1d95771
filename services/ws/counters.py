"""What has happened in this process: plain numbers, read by whoever asks."""

from __future__ import annotations

from shared.telemetry.metrics import AGES, Distribution


class Counters:
    """All of them only grow, except for the first three, which are of now."""

    __slots__ = (
        "ages",
        "connections",
        "dropped",
        "frames",
        "handshakes",
        "refused",
        "resyncs",
        "skipped",
        "slow",
        "watchers",
    )

    def __init__(self) -> None:
        self.connections = 0  # open now, before and after the handshake
        self.watchers = 0  # eyes of clients on users
        self.slow = 0  # clients for whom bytes wait here, as the kernel takes no more
        self.handshakes = 0  # accepted
        self.frames = 0  # written, of every kind
        self.skipped = 0  # times that a slow client was passed over
        self.dropped = 0  # clients that read nothing, or answered no ping
        self.refused = 0  # error frames
        self.resyncs = 0  # users loaded again after a cut
        self.ages = Distribution(AGES)  # from Discord's word to the last watcher's socket
