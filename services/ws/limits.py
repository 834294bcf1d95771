"""What one client, one user and one process may take: every number in one struct.

The defaults are what production uses; tests pass smaller ones, so that they need not wait.
"""

from __future__ import annotations

from msgspec import Struct

from shared.config import WsSettings
from shared.net.client_address import Networks
from shared.net.connection_limiter import RESERVED_FILES

REFUSED_CONNECTIONS = RESERVED_FILES // 2  # over the limit, while they read that the server is full
FRAMES_EACH = 12  # a minute: three pongs, three pings of the client's own, and six to say


class WsLimits(Struct, frozen=True, kw_only=True):
    """Times are in seconds, sizes in bytes."""

    # What a client may ask and send.
    users: int = 50  # on one connection
    connections: int = 1_000_000  # of this process; the file limit is lower nearly everywhere
    handshakes: int = 4096  # at once; none takes longer than a round trip, but for attackers
    connections_per_address: int = 500  # a school behind one address still fits
    trusted: Networks = ()  # proxies whose X-Forwarded-For is believed
    handshake_size: int = 32_768  # cookies of a shared domain pass through here
    message_size: int = 4096
    frames: int = 120  # in `frames_within`
    frames_per_address: int = 500 * FRAMES_EACH  # over all its connections
    frames_within: float = 60.0

    # How long a client may take.
    handshake_within: float = 10.0
    ping_every: float = 20.0  # also how long the pong may take
    slow_within: float = 45.0  # with its buffer full and nothing read
    close_within: float = 5.0  # to answer our Close

    # How the process ends: within ten seconds, with DRAIN_SECONDS as it is by default.
    notice: float = 0.0  # DRAIN_SECONDS: told that it will end, and still listening
    part_every: float = 0.02  # a client, so that they do not all come again at once,
    part_within: float = 4.0  # or more of them at a time
    shutdown_within: float = 2.5  # after the last of them was told

    # What waits for a client that does not read: the kernel's part, a frame or two, pongs.
    kernel_buffer: int = 65_536
    replies: int = 16_384  # with so much waiting, its pings get no pong

    # How Redis is read.
    load_within: float = 1.0  # or the newcomers hear `unavailable`
    load_batch: int = 128
    load_again: float = 0.05  # after a failure

    # How long a user stays without a reason to.
    linger: float = 30.0  # subscribed after the last watcher has left
    grace: float = 30.0  # shown, at most, while a Redis that came back empty may not hold them yet

    # How profile facts are kept young.
    facts_within: float = 2.0  # an `initial_data` waits no longer, its turn to ask included.
    # More than shared.profiles.service.CAP, which has to end first: so a slow source is noticed
    facts_again: float = 2.0  # after no answer; doubled each time
    facts_per_second: int = 100  # questions, most of which a cache answers
    facts_at_once: int = 64

    # How long the loop is held.
    fan_out_slice: int = 64  # watchers: a newcomer waits for 3 slices or so, see decision 0003


def from_settings(settings: WsSettings, files: int) -> WsLimits:
    """`files`: how many this process may have open."""
    most = max(1, files - RESERVED_FILES)
    asked = settings.ws_max_connections or most
    per_address = settings.ws_connections_per_address or most
    return WsLimits(
        connections=min(asked, most),
        connections_per_address=per_address,
        frames=settings.ws_messages_per_minute,
        frames_per_address=max(settings.ws_messages_per_minute, per_address * FRAMES_EACH),
        trusted=settings.proxies(),
        notice=settings.drain_seconds,
    )
