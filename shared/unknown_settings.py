"""Lines of `.env` that set nothing, because no program of Grux reads a variable of that name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import msgspec

from shared import config
from shared.config import (
    ApiSettings,
    CardsSettings,
    GatewaySettings,
    WebhooksSettings,
    WsSettings,
)

COMPOSE_SETTINGS: Final = frozenset(
    {
        *("API_REPLICAS", "CARDS_REPLICAS", "GATEWAY_REPLICAS", "WS_REPLICAS"),
        *("GRAFANA_ADDRESS", "GRUX_REVISION", "GRUX_VERSION", "HTTP_ADDRESS", "PIP_CONFIG_FILE"),
        *("REDIS_ADMIN_PASSWORD", "REDIS_GATEWAY_PASSWORD", "REDIS_API_PASSWORD"),
        *("DUAL_STACK", "DUAL_STACK_SUBNET", "FRONT_DOOR"),
        *("REDIS_WS_PASSWORD", "REDIS_CARDS_PASSWORD", "REDIS_WEBHOOKS_PASSWORD"),
        *("REDIS_MEMORY", "REDIS_MEMORY_LIMIT", "SITE_ADDRESS"),
    }
)
"""Read by docker-compose.yml alone."""

OTHER_PREFIXES: Final = ("COMPOSE_", "DOCKER_", "SIMULATOR_")


def in_dotenv() -> list[str]:
    """A sentence for each such line of the `.env` file in the working directory."""
    return [explain(name) for name in unknown(config.dotenv())]


def unknown(names: Iterable[str]) -> list[str]:
    """Those of these variables that are no settings."""
    known = _known()
    return [name for name in names if name not in known and not name.startswith(OTHER_PREFIXES)]


def explain(name: str) -> str:
    """That it is unknown, and which setting may be meant."""
    similar = get_close_matches(name.upper(), sorted(_known()), n=1, cutoff=0.75)
    meant = f": did you mean {similar[0]}?" if similar else ""
    return f"{name} in .env is not a setting of Grux, and changes nothing{meant}"


def _known() -> frozenset[str]:
    kinds = (GatewaySettings, ApiSettings, WsSettings, CardsSettings, WebhooksSettings)
    fields = (field for kind in kinds for field in msgspec.structs.fields(kind))
    return frozenset(field.name.upper() for field in fields) | COMPOSE_SETTINGS
