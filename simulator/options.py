"""What a simulator run can be told, in one struct; most of it may change while it runs.

Each option is also a command-line flag, whose help is the description here.
"""

from typing import Annotated

from msgspec import Meta, Struct

from simulator import DEFAULT_CLIENT_SECRET, DEFAULT_TOKEN

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]


def _about(text: str) -> Meta:
    return Meta(description=text)


class Options(Struct, kw_only=True):
    """Everything adjustable. The defaults are Discord's own numbers where it has them."""

    host: Annotated[str, _about("address to listen on")] = "127.0.0.1"
    remote_images_only: Annotated[
        bool, _about("answer other machines with images only: a browser there needs no more")
    ] = False
    port: Annotated[Port, _about("port to listen on; 0 picks a free one")] = 8100
    token: Annotated[str, _about("the bot token that is valid here")] = DEFAULT_TOKEN
    client_secret: Annotated[
        str, _about("the OAuth2 client secret; the client id is the bot's id")
    ] = DEFAULT_CLIENT_SECRET
    redirect_uris: Annotated[str, _about("the registered redirect URIs, separated by commas")] = (
        "http://127.0.0.1:8000/auth/callback,http://localhost:8000/auth/callback"
    )

    event_webhooks_url: Annotated[
        str, _about("where webhook events are posted from the start; the portal's setting")
    ] = ""
    webhook_forgeries: Annotated[
        Share, _about("the share of webhook events that one with a bad signature precedes")
    ] = 0.2
    webhook_timeout_seconds: Annotated[
        Positive, _about("time in which a webhook event must be answered")
    ] = 3.0
    webhook_retry_seconds: Annotated[
        Positive, _about("the first pause before a webhook event is posted again; it doubles")
    ] = 1.0
    webhook_give_up_seconds: Annotated[
        NotNegative, _about("time for which a webhook event is posted again")
    ] = 600.0

    members: Annotated[AtLeastOne, _about("how many people there are")] = 200
    guilds: Annotated[AtLeastOne, _about("how many guilds they are spread over")] = 2
    newcomers: Annotated[Count, _about("how many more people are in no guild yet")] = 0
    keeps_history: Annotated[
        str, _about("the id of a person who has a history kept, as soon as the bot has commands")
    ] = ""
    private_people: Annotated[
        Share, _about("the share of people who hide something in some guilds")
    ] = 0.2
    seed: Annotated[int, _about("the same seed gives the same users and changes")] = 1
    rate: Annotated[
        NotNegative | None, _about("changes a second; 0: none; max: as fast as clients read")
    ] = 5.0
    demo_seconds: Annotated[Positive, _about("how often the first person changes")] = 4.0

    shards: Annotated[AtLeastOne, _about("how many shards are recommended")] = 1
    max_concurrency: Annotated[AtLeastOne, _about("identify buckets")] = 1
    identify_seconds: Annotated[
        NotNegative, _about("time in which a bucket takes one Identify")
    ] = 5.0
    session_starts: Annotated[Count, _about("Identifies a day")] = 1000
    heartbeat_interval_ms: Annotated[AtLeastOne, _about("what HELLO asks for")] = 41250
    allow_members: Annotated[bool, _about("the portal's switch for GUILD_MEMBERS")] = True
    allow_presences: Annotated[bool, _about("the portal's switch for GUILD_PRESENCES")] = True
    interactions_endpoint_url: Annotated[
        str, _about("if it is set, the gateway gets no interactions, as in the portal")
    ] = ""
    presence_limit: Annotated[
        Count, _about("a guild with more members is created with the bot alone in it")
    ] = 75_000
    guilds_per_shard: Annotated[AtLeastOne, _about("more than these need more shards")] = 2500
    chunk_seconds: Annotated[
        NotNegative, _about("time in which a guild's whole member list may be asked for once")
    ] = 30.0
    sends_per_minute: Annotated[AtLeastOne, _about("frames that a client may send")] = 120
    session_keep_seconds: Annotated[
        NotNegative, _about("how long a session without a connection can be resumed")
    ] = 180.0
    reuse_session_ids: Annotated[
        bool, _about("a shard's next session has the id of the last one, unlike Discord's")
    ] = False
    replay_events: Annotated[
        AtLeastOne, _about("dispatches that a session keeps for a resume and a slow reader")
    ] = 25_000

    rest_limit: Annotated[AtLeastOne, _about("REST requests per route and window")] = 30
    rest_window_seconds: Annotated[Positive, _about("the length of that window")] = 10.0
    rest_global_limit: Annotated[AtLeastOne, _about("REST requests a second in all")] = 50
