"""Every name in Redis.

The braces make Redis Cluster keep all keys of one user in one slot, so that the save script may
touch them together.
"""

from __future__ import annotations

USERS = "users"
"""Set: every monitored user."""

GUILDS = "guilds"
"""Set: every guild that has a member set, so that a guild the bot has left is found."""

APPROVED_GUILDS = "durable:approved-guilds"
"""Set: the guilds that the operator has approved. Not rebuilt from Discord: it has no TTL."""

CONTROL_CHANNEL = "control"
"""Channel that every subscriber listens to. A message: all users have been rewritten."""

HEARTBEATS = "heartbeats"
"""Sorted set: `shard/shards` by the time in ms at which it was last connected to Discord."""

SHARDS = "shards"
"""String: how many shards there are, each with a record."""

RETIRED = ("whole", "gateways", "completeness")
"""Written by earlier versions, without a TTL; the gateway deletes them."""

COMMAND_REGISTRATION = "command-registration"
"""String with a TTL: a process has just registered the commands at Discord."""

KV_RECENT = "durable:kv-recent"
"""Sorted set: users whose key-value store was written, by the time in ms. Their copies are due."""

SETTINGS_USERS = "durable:settings-users"
"""Sorted set: every person who has settings, by the time of the change in ms. Durable."""

SETTINGS_CHANNEL = "durable:settings"
"""Channel of the durable Redis: the id of a person whose settings have changed; empty: all may."""

SECRET_KEY = "durable:secret-key"  # noqa: S105 (a name)
"""String: the key that was made because SECRET_KEY is empty. In the durable Redis."""

GRANTS_DUE = "durable:grants"
"""Sorted set: users with a grant, by the time in ms at which it is checked next."""

REVOCATIONS = "durable:revocations"
"""Sorted set: users whose tokens are still to be revoked at Discord, by the time in ms of the next
attempt."""

DEPARTURES = "durable:departures"
"""Sorted set: people who are in no monitored server, by the time in ms since which that is known.
In the durable Redis."""

HISTORY_WATCHED = "durable:history-watched"
"""Hash: `shard/shards`, and when (in ms) a gateway last saw that shard's users. In the durable
Redis."""

DEPARTURES_LOCK = "durable:departures-lock"
"""String with a TTL: a gateway process erases the data of those who left. In the durable Redis."""

WEBHOOK_LEASE = "webhook-lease"
"""String with a TTL: the process that sends to webhook endpoints."""

PRESENCE_PREFIX = "presence:{"
GUILDS_PREFIX = "guilds:{"
MAX_ID_DIGITS = 20  # of 2^64: longer ones in Redis are not ours


def presence(user_id: int) -> str:
    """Hash (ARCHITECTURE.md lists its fields), and the name of the channel."""
    return f"presence:{{{user_id}}}"


def guilds(user_id: int) -> str:
    """Set: the monitored guilds the user is in. Empty: not monitored."""
    return f"guilds:{{{user_id}}}"


def profile(user_id: int) -> str:
    """String with a TTL: what the profile source said."""
    return f"profile:{{{user_id}}}"


def profile_lock(user_id: int) -> str:
    """String with a TTL: a process is asking the profile source about this user."""
    return f"profile-lock:{{{user_id}}}"


def fence(of: int | str) -> str:
    """With a TTL, the number of the last write. Of a user: a string; of a set: a hash by guild."""
    return f"fence:{{{of}}}"


def members(guild_id: int) -> str:
    """Set: the known members of a guild."""
    return f"members:{guild_id}"


def shard(shard_id: int, shard_count: int) -> str:
    """Hash with a TTL: which process runs the shard, and what Redis holds of it."""
    return f"shard:{{{shard_id}/{shard_count}}}"


def identify(bucket: int) -> str:
    """String with a TTL: a shard of this bucket has just identified with Discord."""
    return f"identify:{bucket}"


def app_icon(application_id: str) -> str:
    """String with a TTL: an application's icon hash, empty when it has none."""
    return f"app-icon:{application_id}"


def picture(digest: str) -> str:
    """String with a TTL: a picture of a card, scaled down; empty when there is none to be had."""
    return f"picture:{digest}"


def webhook_progress(endpoint: str) -> str:
    """Hash with a TTL: of each user, what the webhook endpoint has acknowledged last."""
    return f"webhook:{endpoint}"


def is_id(text: bytes | str) -> bool:
    """Whether this is an id, and not what other software has written there."""
    return text.isdigit() and len(text) <= MAX_ID_DIGITS


def user_of(name: bytes) -> int | None:
    """The user in the braces of a key; None where other software has written something else."""
    user_id = name[name.find(b"{") + 1 : -1]
    return int(user_id) if is_id(user_id) else None


def kv_revision(user_id: int) -> str:
    """String with a TTL: the revision of the newest copy of the user's key-value store."""
    return f"kv-revision:{{{user_id}}}"


def durable_kv(user_id: int) -> str:
    """Hash `revision`, `kv` (JSON): what the user has written. In the durable Redis."""
    return f"durable:{{{user_id}}}:kv"


def durable_key(user_id: int) -> str:
    """Hash `digest`, `created_at` (ms): the user's key for writing. In the durable Redis."""
    return f"durable:{{{user_id}}}:key"


def durable_connections(user_id: int) -> str:
    """String: the user's connections at Discord, as JSON. In the durable Redis."""
    return f"durable:{{{user_id}}}:connections"


def key_owner(digest: str) -> str:
    """String: the user whose key this was when it was created. In the durable Redis."""
    return f"durable:key:{{{digest}}}"


def durable_settings(user_id: int) -> str:
    """Hash `revision`, `settings` (JSON): what the user has chosen. In the durable Redis."""
    return f"durable:{{{user_id}}}:settings"


def history(user_id: int) -> str:
    """Hash with a TTL: `revision`, `seen` and `open` (JSON): whether the user is seen, and their
    activities that are not over. In the durable Redis."""
    return f"durable:{{{user_id}}}:history"


def history_recent(user_id: int) -> str:
    """Sorted set with a TTL: activities that are over, as JSON, by their end in ms. In the durable
    Redis."""
    return f"durable:{{{user_id}}}:history-recent"


def grant(user_id: int) -> str:
    """Hash `tokens` (encrypted), `scopes`, `granted_at`, `expires_at` (ms): what Discord has
    granted for the user who signed in. In the durable Redis."""
    return f"durable:{{{user_id}}}:grant"


def grant_lock(user_id: int) -> str:
    """String with a TTL: the process that refreshes the grant. In the durable Redis."""
    return f"durable:{{{user_id}}}:grant-lock"


def revocation(user_id: int) -> str:
    """String: encrypted tokens that are still to be revoked at Discord. In the durable Redis."""
    return f"durable:{{{user_id}}}:revocation"


def sessions(user_id: int) -> str:
    """Hash with a TTL: the digest of each session's secret, and when it ends (ms)."""
    return f"durable:{{{user_id}}}:sessions"


def used_sign_in(digest: str) -> str:
    """String with a TTL: a sign-in that has come back from Discord, and may not come again."""
    return f"durable:sign-in:{{{digest}}}"


_OF_CONSENT = (":grant", ":grant-lock", ":revocation", ":sessions", ":connections")


def is_of_consent(name: bytes) -> bool:
    """Whether a key of the durable Redis came from signing in with Discord, or protects that.

    It is no part of a backup: a copy would outlive the consent, and would hold the tokens beside
    the key that decrypts them.
    """
    text = name.decode("utf-8", "replace")
    return (
        text in (SECRET_KEY, GRANTS_DUE, REVOCATIONS)
        or text.startswith("durable:sign-in:")
        or text.endswith(_OF_CONSENT)
    )


def user_of_channel(channel: bytes) -> int:
    """The user whose presence channel this is."""
    return int(channel[len(PRESENCE_PREFIX) : -1])
