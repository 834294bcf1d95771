"""The route that tells other sites how to embed the page of a person."""

from __future__ import annotations

from typing import Final

from services.api.endpoints.oembed import OEmbed
from services.api.openapi.paths import IF_NONE_MATCH, cacheable, content, optional, path
from services.api.openapi.schemas import Json, ref
from shared.http.errors import NoSuchPage, UnsupportedFormat, UserNotMonitored
from shared.redis.store import SnapshotDamaged, StoreUnavailable

_EXAMPLE: Final[Json] = {
    "version": "1.0",
    "type": "rich",
    "title": "Audibert",
    "author_name": "Audibert",
    "author_url": "https://your.host/u/1274150219482660897",
    "provider_name": "Grux",
    "provider_url": "https://your.host",
    "cache_age": 300,
    "width": 400,
    "height": 320,
    "html": '<iframe src="https://your.host/embed/1274150219482660897" title="Discord presence of '
    'Audibert" width="400" height="320" style="border: 0; max-width: 100%; color-scheme: light" '
    'loading="lazy" sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"></iframe>',
}

PATHS: Final[Json] = {
    "/oembed": path(
        "getOEmbed",
        "Documents",
        "How to embed the page of a person",
        "oEmbed 1.0. The pages are /u/:id, /?user= and /embed/:id below PUBLIC_URL. In the format "
        "of oEmbed, so without `data` and `success`.",
        parameters=[
            optional("url", "The address of the page."),
            optional("maxwidth", "In pixels; 400 by default.", {"type": "integer", "minimum": 1}),
            optional("maxheight", "In pixels; 320 by default.", {"type": "integer", "minimum": 1}),
            optional("format", "`json`, the only one."),
            IF_NONE_MATCH,
        ],
        responses=cacheable(
            "An iframe, and what it shows.", content(ref(OEmbed), {"A person": _EXAMPLE})
        ),
        errors=(NoSuchPage, UserNotMonitored, UnsupportedFormat, StoreUnavailable, SnapshotDamaged),
    ),
}
