"""What Discord refuses in a command. Source: interactions/application-commands, the structures.

Pure: a body in, the nested ``errors`` of code 50035 out. An empty result means that it is accepted.
"""

import unicodedata
from collections.abc import Callable
from typing import Any, Final

from simulator.model import Json

_LOCALES: Final = (
    "id da de en-GB en-US es-ES es-419 fr hr it lt hu nl no pl pt-BR ro fi sv-SE vi tr cs el bg "
    "ru uk hi th zh-CN ja zh-TW ko"
)
LOCALES: Final = frozenset(_LOCALES.split())
SUB_COMMAND: Final = 1
SUB_COMMAND_GROUP: Final = 2
MAX_OPTIONS: Final = 25
MAX_NAME: Final = 32
MAX_TEXT: Final = 100
MAX_TOTAL: Final = 8000
_LAST_TYPE: Final = 11


def problems_of(command: Any) -> Json:
    """Discord's ``errors`` for this command, ``{}`` if there are none."""
    if not isinstance(command, dict):
        return {"_errors": [_error("MODEL_TYPE_CONVERT", "Only dictionaries may be used")]}
    found = _texts(command, "APPLICATION_COMMAND_INVALID_NAME", is_name)
    if command.get("type", 1) == 1:
        found |= _described(command)
    found |= _options(command.get("options", []), parent=0)
    if not found and _longest(command) > MAX_TOTAL:
        found["_errors"] = [_error("APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size")]
    return found


def is_name(text: Any) -> bool:
    """``^[-_'\\p{L}\\p{N}\\p{sc=Deva}\\p{sc=Thai}]{1,32}$``, in lower case."""
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_NAME or text != text.lower():
        return False
    return all(one in "-_'" or unicodedata.category(one)[0] in "LNM" for one in text)


def is_text(text: Any) -> bool:
    """A description, or the name of a choice."""
    return isinstance(text, str) and 1 <= len(text) <= MAX_TEXT


def _options(options: Any, *, parent: int) -> Json:
    if not isinstance(options, list) or len(options) > MAX_OPTIONS:
        return {"options": {"_errors": [_error("BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer.")]}}
    found: Json = {}
    names: set[str] = set()
    optional = False
    for index, option in enumerate(options):
        errors = _option(option, parent=parent)
        if not errors and option["name"] in names:
            errors = {
                "name": {
                    "_errors": [
                        _error("APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Name is taken")
                    ]
                }
            }
        if not errors and option["type"] > SUB_COMMAND_GROUP:
            if option.get("required") and optional:
                code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"
                errors = {"_errors": [_error(code, "Required options must be first")]}
            optional = optional or not option.get("required")
        if errors:
            found[str(index)] = errors
        else:
            names.add(option["name"])
    return {"options": found} if found else {}


def _option(option: Any, *, parent: int) -> Json:
    if not isinstance(option, dict):
        return {"_errors": [_error("MODEL_TYPE_CONVERT", "Only dictionaries may be used")]}
    kind = option.get("type")
    if not isinstance(kind, int) or not 1 <= kind <= _LAST_TYPE:
        return {"type": {"_errors": [_error("BASE_TYPE_CHOICES", "Value must be one of 1 to 11")]}}
    found = _texts(option, "APPLICATION_COMMAND_INVALID_NAME", is_name) | _described(option)
    may_nest = parent == 0 or (parent == SUB_COMMAND_GROUP and kind == SUB_COMMAND)
    if kind <= SUB_COMMAND_GROUP and not may_nest:
        code = "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"
        found["type"] = {"_errors": [_error(code, "Sub-commands nest one level deep")]}
    if kind <= SUB_COMMAND_GROUP:
        return found | _options(option.get("options", []), parent=kind)
    choices = option.get("choices", [])
    if not isinstance(choices, list) or len(choices) > MAX_OPTIONS:
        found["choices"] = {"_errors": [_error("BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer.")]}
        return found
    wrong = {
        str(index): errors
        for index, choice in enumerate(choices)
        if (errors := _texts(choice, "BASE_TYPE_BAD_LENGTH", is_text))
    }
    return found | ({"choices": wrong} if wrong else {})


def _texts(item: Json, code: str, accepts: Callable[[Any], bool], field: str = "name") -> Json:
    """The field, and each of its localisations."""
    if not accepts(item.get(field)):
        return {field: {"_errors": [_error(code, f"Command {field} is invalid")]}}
    texts = item.get(f"{field}_localizations") or {}
    wrong = {
        locale: {"_errors": [_error(code, f"Command {field} is invalid")]}
        for locale, text in texts.items()
        if locale not in LOCALES or not accepts(text)
    }
    return {f"{field}_localizations": wrong} if wrong else {}


def _described(item: Json) -> Json:
    return _texts(item, "BASE_TYPE_BAD_LENGTH", is_text, "description")


def _longest(item: Json) -> int:
    """Characters of names, descriptions and values, the longest localisation counted."""
    total = 0
    for field in ("name", "description"):
        texts = (item.get(f"{field}_localizations") or {}).values()
        total += max(map(len, (item.get(field) or "", *texts)))
    total += len(str(item.get("value", "")))
    return total + sum(map(_longest, (*item.get("options", ()), *item.get("choices", ()))))


def _error(code: str, message: str) -> Json:
    return {"code": code, "message": message}
