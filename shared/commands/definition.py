"""`/grux` as it is registered at Discord. Discord docs: Application Commands.

The names are English in every language, so that documentation and people can quote them.
Descriptions and choices are translated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shared.commands.texts import ENGLISH, LANGUAGES, LOCALES, Texts
from shared.model.user_settings import HIDEABLE_FIELDS, HISTORY_LEVELS

NAME: Final = "grux"
EVERYTHING: Final = "everything"
"""The choice beside HIDEABLE_FIELDS: the whole person."""

MAX_PAUSE_HOURS: Final = 168

Json = dict[str, Any]

_CHAT_INPUT: Final = 1
_SUB_COMMAND: Final = 1
_STRING: Final = 3
_INTEGER: Final = 4
_INSTALLED_IN_SERVERS: Final = 0
_IN_SERVERS: Final = 0
_IN_DM_OF_BOT: Final = 1


def definition() -> Json:
    """The command with its sub-commands."""
    return {
        "name": NAME,
        "type": _CHAT_INPUT,
        **_described(lambda texts: texts.descriptions.grux),
        "default_member_permissions": None,
        "integration_types": [_INSTALLED_IN_SERVERS],
        "contexts": [_IN_SERVERS, _IN_DM_OF_BOT],
        "options": [
            _sub_command(
                "show", lambda t: t.descriptions.show, _what(lambda t: t.descriptions.show_what)
            ),
            _sub_command(
                "hide", lambda t: t.descriptions.hide, _what(lambda t: t.descriptions.hide_what)
            ),
            _sub_command("pause", lambda t: t.descriptions.pause, _hours()),
            _sub_command("history", lambda t: t.descriptions.history, _keep()),
            _sub_command("profile", lambda t: t.descriptions.profile),
            _sub_command("key", lambda t: t.descriptions.key),
            _sub_command("links", lambda t: t.descriptions.links),
            _sub_command("data", lambda t: t.descriptions.data),
            _sub_command("erase", lambda t: t.descriptions.erase),
        ],
    }


Choose = Callable[[Texts], str]


def _sub_command(name: str, choose: Choose, *options: Json) -> Json:
    return {"type": _SUB_COMMAND, "name": name, **_described(choose), "options": list(options)}


def _what(choose: Choose) -> Json:
    choices = [_choice(EVERYTHING, lambda texts: texts.descriptions.everything)]
    choices += [_choice(part, _name_of(part)) for part in HIDEABLE_FIELDS]
    return {"type": _STRING, "name": "what", **_described(choose), "choices": choices}


def _name_of(part: str) -> Choose:
    def choose(texts: Texts) -> str:
        name: str = getattr(texts.parts, part)
        return name

    return choose


def _hours() -> Json:
    return {
        "type": _INTEGER,
        "name": "hours",
        **_described(lambda texts: texts.descriptions.pause_hours),
        "required": True,
        "min_value": 0,
        "max_value": MAX_PAUSE_HOURS,
    }


def _keep() -> Json:
    choices = [_choice(level, _name_of_level(level)) for level in HISTORY_LEVELS]
    described = _described(lambda texts: texts.descriptions.history_keep)
    return {"type": _STRING, "name": "keep", **described, "choices": choices}


def _name_of_level(level: str) -> Choose:
    def choose(texts: Texts) -> str:
        name: str = getattr(texts.history, f"keep_{level}")
        return name

    return choose


def _choice(value: str, choose: Choose) -> Json:
    return {"name": choose(ENGLISH), "name_localizations": _localized(choose), "value": value}


def _described(choose: Choose) -> Json:
    return {"description": choose(ENGLISH), "description_localizations": _localized(choose)}


def _localized(choose: Choose) -> dict[str, str]:
    """By locale, English included: Discord looks at related locales before the default."""
    return {
        locale: choose(LANGUAGES[language])
        for language, locales in LOCALES.items()
        for locale in locales
    }
