"""The limits of one client, one user and one process, in one struct.

Production uses the defaults; tests pass smaller values, so that they need not wait.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from shared.config import WsSettings
from shared.net.client_address import Networks
from shared.net.connection_limiter import RESERVED_FILES

REFUSED_CONNECTIONS: Final = RESERVED_FILES // 2  # over the limit, while they get the 503
MAX_SLOW_REFUSALS: Final = 1000
SLOW_REFUSALS_SHARE: Final = 4  # one in four connections at most: most are for clients
FRAMES_PER_CLIENT: Final = 12  # per minute: three pongs, three pings of its own, six messages
HANDSHAKES_PER_CLIENT: Final = 2  # per minute: all clients of an address reconnect after a restart
CHANGES_PER_CLIENT: Final = 12  # users added or removed, per minute
LOOKUPS_PER_CLIENT: Final = 2  # users that this process does not follow yet, per minute
MIN_LOOKUPS: Final = 1200  # per minute: what the REST API answers to an address


class WsLimits(Struct, frozen=True, kw_only=True):
    """Times are in seconds, sizes in bytes."""

    # What a client may request and send.
    users: int = 50  # on one connection
    connections: int = 1_000_000  # of this process; the limit of open files is usually lower
    handshakes: int = 4096  # at once; only an attacker's takes longer than a round trip
    connections_per_address: int = 500  # enough for a school behind one address
    trusted: Networks = ()  # proxies whose X-Forwarded-For is trusted
    handshake_size: int = 32_768  # may hold the cookies of a shared domain
    message_size: int = 4096
    # The kernel lets a client send no more before it is read. A whole handshake: with a smaller
    # buffer, 200 clients that send too large ones delay others for seconds.
    received_at_once: int = 32_768
    reads_at_once: int = 8  # clients that say something, in a turn of the event loop
    waiting_messages: int = 8  # of a client that does not read the answers to earlier ones
    frames: int = 120  # in `frames_within`
    frames_per_address: int = 500 * FRAMES_PER_CLIENT  # over all its connections
    frames_within: float = 60.0
    handshakes_per_address: int = 500 * HANDSHAKES_PER_CLIENT  # these three in a minute
    changes_per_address: int = 500 * CHANGES_PER_CLIENT
    lookups_per_address: int = MIN_LOOKUPS

    # What a client of Lanyard's dialect may request and send. It is never closed for too much, as
    # most of these clients would reconnect at once: it is read later.
    lanyard_users: int = 1000  # on one connection; more are answered as if not monitored
    lanyard_message_size: int = 65_536  # 2,900 ids
    lanyard_hold: float = 5.0  # how long it is not read
    refuse_after: float = 5.0  # on average, where another limit has to close it
    slow_refusals: int = MAX_SLOW_REFUSALS  # at once; further ones are refused immediately

    # How long a client may take.
    handshake_within: float = 10.0
    ping_every: float = 20.0  # also how long the pong may take
    slow_within: float = 45.0  # with a full buffer and nothing read
    close_within: float = 5.0  # to answer our Close

    # How the process ends: within ten seconds, with the default DRAIN_SECONDS.
    notice: float = 0.0  # DRAIN_SECONDS: reports that it is draining, and still listens
    close_interval: float = 0.02  # between two clients, so that they do not reconnect all at once;
    close_all_within: float = 4.0  # shorter if closing all would take longer than this
    shutdown_within: float = 2.5  # after the last client was sent Close

    # What is buffered for a client that does not read: in the kernel, a frame or two, pongs.
    kernel_buffer: int = 65_536
    replies: int = 16_384  # with so many bytes waiting, its pings get no pong

    # How Redis is read.
    load_within: float = 1.0  # else new subscriptions are refused with `unavailable`
    load_batch: int = 128  # users
    load_again: float = 0.05  # after a failure
    unknown_for: float = 2.0  # a user whom Redis does not hold is not looked up again
    look_up_every: float = 5.0  # who may join meanwhile, where Redis does not report joins
    unknown_users: int = 10_000  # remembered; about 1.5 MB

    # How long a topic is kept without being needed.
    linger: float = 30.0  # after the last subscription has ended
    grace: float = 30.0  # at most, while a Redis that came back empty may not hold the user yet

    # How profile extras are refreshed.
    # An `initial_data` waits no longer for them, including the wait for a slot. More than
    # shared.profiles.service.READER_TIMEOUT_S, which has to expire first: the source counts as slow
    # then.
    extras_within: float = 2.0
    extras_again: float = 2.0  # after a failed request; doubled each time
    extras_per_second: int = 100  # requests, most of which a cache answers
    extras_at_once: int = 64

    # How long the event loop is blocked.
    fan_out_slice: int = 64  # subscriptions: a new client waits for about 3 slices (decision 0003)


def from_settings(settings: WsSettings, files: int) -> WsLimits:
    """`files`: the limit of open files of this process."""
    most = max(1, files - RESERVED_FILES)
    asked = settings.ws_max_connections or most
    per_address = settings.ws_connections_per_address or most
    connections = min(asked, most)
    return WsLimits(
        connections=connections,
        slow_refusals=min(MAX_SLOW_REFUSALS, connections // SLOW_REFUSALS_SHARE),
        connections_per_address=per_address,
        frames=settings.ws_messages_per_minute,
        frames_per_address=max(settings.ws_messages_per_minute, per_address * FRAMES_PER_CLIENT),
        handshakes_per_address=per_address * HANDSHAKES_PER_CLIENT,
        changes_per_address=per_address * CHANGES_PER_CLIENT,
        lookups_per_address=max(MIN_LOOKUPS, per_address * LOOKUPS_PER_CLIENT),
        trusted=settings.proxies(),
        notice=settings.drain_seconds,
    )
