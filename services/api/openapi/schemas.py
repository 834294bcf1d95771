"""JSON Schema 2020-12 from structs, as exact as the contract.

msgspec knows types, descriptions, and which keys may be missing when reading. The contract is
about writing: every key is present, except those whose type is a union with UnsetType.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, get_args, get_type_hints

import msgspec
from msgspec import Struct, UnsetType

Json = dict[str, Any]

REF: Final = "#/components/schemas/{name}"


def ref(struct: type[Struct]) -> Json:
    """A reference to the schema of `struct`."""
    return {"$ref": REF.format(name=struct.__name__)}


def schemas(structs: Iterable[type[Struct]]) -> Json:
    """The schemas of these structs and of every struct they contain, by struct name."""
    return dict(_schemas(tuple(structs)))


@cache  # takes 0.1 s: a process needs it once, its tests a thousand times
def _schemas(structs: tuple[type[Struct], ...]) -> Json:
    _, components = msgspec.json.schema_components(structs, ref_template=REF)
    by_name = {struct.__name__: struct for struct in _contained(structs)}
    return {name: _exact(schema, by_name[name]) for name, schema in sorted(components.items())}


def _exact(schema: Json, struct: type[Struct]) -> Json:
    """With `required` as the contract has it."""
    hints = get_type_hints(struct)
    required = [
        field.encode_name
        for field in msgspec.structs.fields(struct)
        if UnsetType not in get_args(hints[field.name])
    ]
    tidy = {name: value for name, value in _tidy(schema).items() if name != "required"}
    return {**tidy, "required": required} if required else tidy


def _tidy(schema: Json) -> Json:
    """In the forms that client generators understand.

    Without `default`, which is about reading; `type: [string, null]` for an anyOf; a tuple of equal
    parts as an array of that length; `boolean` for a boolean with only one value.
    """
    tidy = {
        name: {key: _tidy(value) for key, value in found.items()}
        if name == "properties"
        else _tidy_value(found)
        for name, found in schema.items()
        if name != "default"
    }
    match tidy.get("enum"):
        case [bool(only)]:
            del tidy["enum"]
            tidy = {"type": "boolean", "description": f"Always {str(only).lower()}.", **tidy}
        case [int(), *_]:
            tidy = {"type": "integer", **tidy}
        case [*_]:
            tidy = {"type": "string", **tidy}
    if tidy.get("items") is False:
        part, *others = tidy.pop("prefixItems")
        if any(other != part for other in others):
            raise TypeError("a tuple of different parts has no schema that generators understand")
        tidy["items"] = part
    match [form for form in tidy.pop("anyOf", []) if form]:  # msgspec.Raw, {}, is of another form
        case []:
            return tidy
        case [form]:
            return {**form, **tidy}
        case [{"type": str(kind)} as known, {"type": "null"}] if "properties" not in known:
            enum = {"enum": [*known["enum"], None]} if "enum" in known else {}
            return {**known, **enum, **tidy, "type": [kind, "null"]}
        case forms:
            return {**tidy, "anyOf": forms}


def _tidy_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _tidy(value)
    if isinstance(value, list):
        return [_tidy_value(part) for part in value]
    return value


def _contained(types: Iterable[Any]) -> Iterator[type[Struct]]:
    """Every struct in these types, themselves included."""
    for each in types:
        if isinstance(each, type) and issubclass(each, Struct):
            yield each
            yield from _contained(get_type_hints(each).values())
        else:
            yield from _contained(get_args(each))
