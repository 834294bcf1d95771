"""From structs to JSON Schema 2020-12, as exact as the contract is.

msgspec knows types, descriptions and which keys may be left out when reading. The contract is
about writing: every key is there, but those whose type says that they may be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, get_args, get_type_hints

import msgspec
from msgspec import Struct, UnsetType

Json = dict[str, Any]

REF: Final = "#/components/schemas/{name}"


def schemas(kinds: Iterable[type[Struct]]) -> Json:
    """The schema of each kind, and of each struct inside, by the struct's name."""
    return dict(_schemas(tuple(kinds)))


@cache  # a tenth of a second: a process does it once, and its tests a thousand times
def _schemas(kinds: tuple[type[Struct], ...]) -> Json:
    _, components = msgspec.json.schema_components(kinds, ref_template=REF)
    structs = {kind.__name__: kind for kind in _inside(kinds)}
    return {name: _exact(schema, structs[name]) for name, schema in sorted(components.items())}


def ref(kind: type[Struct]) -> Json:
    return {"$ref": REF.format(name=kind.__name__)}


def _exact(schema: Json, kind: type[Struct]) -> Json:
    hints = get_type_hints(kind)
    always = [
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if UnsetType not in get_args(hints[field.name])
    ]
    tidy = {name: value for name, value in _tidied(schema).items() if name != "required"}
    return {**tidy, "required": always} if always else tidy


def _tidied(schema: Json) -> Json:
    """`default` is about reading; and `type: [string, null]` reads better than an anyOf."""
    tidy = {
        name: {key: _tidied(value) for key, value in found.items()}
        if name == "properties"
        else _tidied_value(found)
        for name, found in schema.items()
        if name != "default"
    }
    if "enum" in tidy:
        tidy = {"type": "boolean" if tidy["enum"] in ([True], [False]) else "string", **tidy}
    match tidy.pop("anyOf", None):
        case [{"type": str(), "properties": _}, _] as forms:
            return {**tidy, "anyOf": forms}
        case [{"type": str(kind)} as known, {"type": "null"}]:
            enum = {"enum": [*known["enum"], None]} if "enum" in known else {}
            return {**known, **enum, **tidy, "type": [kind, "null"]}
        case None:
            return tidy
        case forms:
            return {**tidy, "anyOf": forms}


def _tidied_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _tidied(value)
    if isinstance(value, list):
        return [_tidied_value(part) for part in value]
    return value


def _inside(kinds: Iterable[Any]) -> Iterator[type[Struct]]:
    """Every struct that these types hold, themselves included."""
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield kind
            yield from _inside(get_type_hints(kind).values())
        else:
            yield from _inside(get_args(kind))
