"""`.env.example` tells all that the code reads, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from shared import config, unknown_settings
from shared.config import (
    ApiSettings,
    CardsSettings,
    GatewaySettings,
    Settings,
    WebhooksSettings,
    WsSettings,
)

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
KINDS: tuple[type[Settings], ...] = (
    GatewaySettings,
    ApiSettings,
    WsSettings,
    CardsSettings,
    WebhooksSettings,
)


def documented() -> dict[str, str]:
    """Name and value of every setting in the example, those behind a # included."""
    return dict(re.findall(r"^#?([A-Z][A-Z_]*)=(.*)$", EXAMPLE, re.MULTILINE))


def defaults() -> dict[str, str]:
    """Name and default of every setting that a process reads."""
    return {
        field.name.upper(): str(field.default).lower()
        if isinstance(field.default, bool)
        else str(field.default)
        for kind in KINDS
        for field in msgspec.structs.fields(kind)
    }


def of_compose() -> dict[str, str]:
    """Name and default of every variable that docker-compose.yml alone reads."""
    asked = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)", COMPOSE), "")
    asked |= dict(re.findall(r"\$\{([A-Z_]+):-([^${}]*)\}", COMPOSE))
    settings = {*defaults(), "GRUX_REVISION"}  # that one is set by the scripts in deploy/
    return {name: default for name, default in asked.items() if name not in settings}


def test_every_setting_is_there_with_its_default() -> None:
    """Nothing is missing, nothing is made up, and every default is the code's."""
    assert documented() == defaults() | of_compose() | {"SITE_ADDRESS": ""}


def test_settings_of_compose_are_known() -> None:
    """To the check that warns of unknown ones."""
    names = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE)) | set(documented()) | {"SITE_ADDRESS"}
    assert unknown_settings.unknown(names) == []
    assert names | {"GRUX_REVISION"} >= unknown_settings.COMPOSE_SETTINGS


def test_an_unknown_setting_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the setting that is probably meant, if one is similar; never the value."""
    (tmp_path / ".env").write_text("API_PRT=hunter2\nAPI_PORT=1\nNONSENSE=hunter2\n")
    monkeypatch.chdir(tmp_path)
    assert unknown_settings.in_dotenv() == [
        "API_PRT in .env is not a setting of Grux, and changes nothing: did you mean API_PORT?",
        "NONSENSE in .env is not a setting of Grux, and changes nothing",
    ]


def test_every_setting_is_explained() -> None:
    """Above each setting, or above the ones right before it, stands a comment."""
    for block in EXAMPLE.split("\n\n"):
        lines = block.strip().splitlines()
        if any(re.match(r"#?[A-Z][A-Z_]*=", line) for line in lines):
            assert lines[0].startswith("# "), lines[0]


def test_a_plain_copy_changes_nothing() -> None:
    """Nothing but the empty token is set by `cp .env.example .env`."""
    assert re.findall(r"^[A-Z].*$", EXAMPLE, re.MULTILINE) == ["DISCORD_TOKEN="]


@pytest.mark.parametrize("kind", KINDS)
def test_the_values_are_accepted_as_they_stand(kind: type[Settings]) -> None:
    """With every # taken away, each process reads its defaults."""
    assert config.from_env(kind, documented()) == kind()


@pytest.mark.parametrize("kind", KINDS)
def test_the_environment_wins_over_the_file(
    kind: type[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.env` is read from the working directory; a variable that is set goes before it."""
    (tmp_path / ".env").write_text("LOG_LEVEL=DEBUG\nLOG_FORMAT=json\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    monkeypatch.delenv("LOG_FORMAT", raising=False)
    settings = config.from_env(kind, config.environment())
    assert (settings.log_level, settings.log_format) == ("WARNING", "json")
