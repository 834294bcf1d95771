"""Checks of the ports: whether api, ws and cards answer there, or could listen there."""

from __future__ import annotations

import socket
from typing import Final

from services.doctor.report import Finding, failure, ok, warning
from shared.config import ApiSettings, CardsSettings, WsSettings
from shared.net.http_client import HttpClient, HttpError
from shared.net.listen import listen_problem

NAMES: Final = ("api", "ws", "cards")  # of the containers, in docker-compose.yml


async def on_this_machine(
    api: ApiSettings, ws: WsSettings, cards: CardsSettings, http: HttpClient
) -> list[Finding]:
    """Each port should be in use by Grux, or free."""
    found = []
    for setting, host, port in (
        ("API_PORT", api.api_host, api.api_port),
        ("WS_PORT", ws.ws_host, ws.ws_port),
        ("CARDS_PORT", cards.cards_host, cards.cards_port),
        ("METRICS_PORT", api.metrics_host, api.metrics_port),
    ):
        if not port:
            continue
        if await _is_grux(http, _reachable(host), port):
            found.append(ok(f"Grux answers on {setting} {port}"))
        else:
            found.append(_could_listen(setting, host, port))
    return found


async def in_containers(
    api: ApiSettings, ws: WsSettings, cards: CardsSettings, http: HttpClient
) -> list[Finding]:
    """The other containers should answer at their names."""
    found = []
    for name, port in zip(NAMES, (api.api_port, ws.ws_port, cards.cards_port), strict=True):
        if await _is_grux(http, name, port):
            found.append(ok(f"{name} answers"))
        else:
            found.append(
                warning(
                    f"{name} does not answer",
                    f"See `docker compose ps`, and its log: `docker compose logs {name}`.",
                )
            )
    return found


def compose_names_resolve() -> bool:
    """Whether the service names of docker-compose.yml resolve, so that its containers run."""
    try:
        socket.getaddrinfo(NAMES[0], None)
    except OSError:
        return False
    return True


async def _is_grux(http: HttpClient, host: str, port: int) -> bool:
    """Whether Grux answers `/health` there."""
    name = f"[{host}]" if ":" in host else host
    try:
        async with http.get(f"http://{name}:{port}/health") as response:
            body = await response.json()
    except HttpError:
        return False
    return isinstance(body, dict) and "status" in body.get("data", body)


def _could_listen(setting: str, host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            probe.bind((host, port))
    except OSError as error:
        problem = listen_problem(error, host, port, setting)
        return failure(problem.cause, f"{problem.remedy[0].upper()}{problem.remedy[1:]}.")
    return ok(f"{setting} {port} is free")


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared)
