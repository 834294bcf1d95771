"""Which package may import which, and how long a file may grow."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("shared", "services", "simulator")
LONG = 300  # lines
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}

FILES = sorted(path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py"))
OUTSIDE = ("bench", "chaos", "testing", "tests")  # nothing in ROOMS imports these
AROUND = sorted(path.relative_to(ROOT) for room in OUTSIDE for path in (ROOT / room).rglob("*.py"))


def text(file: Path) -> str:
    return (ROOT / file).read_text()


def imported(file: Path) -> Iterator[str]:
    """Every module that the file imports, at its top or inside a function, by its full name."""
    package = list(file.parent.parts)
    for node in ast.walk(ast.parse(text(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*origin, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room(name: str) -> str:
    """The room of a dotted name: `services.api.app` is in `services.api`, `redis.asyncio` in none.

    The runner is `services.__main__` and `services.run`: one room.
    """
    parts = name.split(".")
    if parts[0] not in (*ROOMS, *OUTSIDE):
        return ""
    if parts[0] != "services" or len(parts) == 1:
        return parts[0]
    return "services.run" if parts[1] == "__main__" else ".".join(parts[:2])


def room_of(file: Path) -> str:
    return room(".".join(file.with_suffix("").parts))


def packages(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(file)}


def test_there_is_something_to_check() -> None:
    """The rooms and their doors were found where this test looks for them."""
    doors = {(room_of(file), package) for file in FILES for package in packages(file)}
    assert {("shared", "redis"), ("services.gateway", "hikari"), ("services.ws", "shared")} <= doors
    assert {"simulator", "services.api", "services.run"} <= {room for room, _ in doors}


def test_arrows_point_at_shared() -> None:
    """services/* imports shared alone; shared and simulator import no other package."""
    wrong = []
    for file in FILES:
        own = room_of(file)
        allowed = {own, ""} | ({"shared"} if own.startswith("services") else set())
        wrong += [f"{file}: {name}" for name in imported(file) if room(name) not in allowed]
    assert wrong == []


def test_redis_is_imported_in_one_package() -> None:
    """Every command and every script lies in shared/redis."""
    found = {str(file) for file in FILES if "redis" in packages(file)}
    outside = {file for file in found if not file.startswith("shared/redis/")}
    assert outside == set()


def test_redis_is_not_used_through_a_store() -> None:
    """`store.redis` is for the modules of shared/redis; the others call these."""
    found = {str(file) for file in FILES if uses_client_of_store(file)}
    outside = {file for file in found if not file.startswith("shared/redis/")}
    assert outside == set()


def uses_client_of_store(file: Path) -> bool:
    """Whether anything of `….redis` is used, as in `store.redis.get(key)`."""
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "redis"
        for node in ast.walk(ast.parse(text(file)))
    )


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Imports under TYPE_CHECKING count: a reader follows them as well."""
    modules = {".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in FILES}
    graph: dict[str, set[str]] = {}
    for file in FILES:
        module = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
        names = {name if name in modules else name.rpartition(".")[0] for name in imported(file)}
        graph[module] = (names & modules) - {module}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_packages_of_shared_do_not_import_each_other_in_a_circle() -> None:
    """shared/redis may use shared/model, for example, and then not the other way round."""
    graph: dict[str, set[str]] = {}
    for file in FILES:
        if room_of(file) == "shared" and len(file.parts) > 2:
            names = {name.split(".")[1] for name in imported(file) if room(name) == "shared"}
            graph.setdefault(file.parts[1], set()).update(names - {file.parts[1]})
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_a_class_name_has_one_meaning() -> None:
    """No class of services and shared has the name of another one."""
    named: dict[str, list[str]] = {}
    for file in FILES:
        if room_of(file) != "simulator":
            for node in ast.parse(text(file)).body:
                if isinstance(node, ast.ClassDef):
                    named.setdefault(node.name, []).append(str(file))
    assert {name: files for name, files in named.items() if len(files) > 1} == {}


def test_hikari_has_one_door() -> None:
    """Only the gateway imports hikari."""
    assert [f for f in FILES if "hikari" in packages(f) and room_of(f) != "services.gateway"] == []


def test_image_libraries_have_one_door() -> None:
    """Only cards imports them: requirements/services.lock does not have them."""
    libraries = {"PIL", "uharfbuzz", "bidi", "resvg_py"}
    users = {room_of(file) for file in FILES if libraries & packages(file)}
    assert users == {"services.cards"}


def test_settings_have_one_door() -> None:
    """Only shared/config.py reads the environment; the runner hands it to its children."""
    reading = [file for file in FILES if re.search(r"os\.(environ|getenv)", text(file))]
    assert {room_of(file) for file in reading} <= {"shared", "services.run"}
    assert [file for file in reading if room_of(file) == "shared"] == [Path("shared/config.py")]


def test_names_say_what_is_inside() -> None:
    """No file is named for being of use."""
    everything = [*FILES, *AROUND]
    assert [f for f in everything if SAYS_NOTHING & set(f.with_suffix("").parts)] == []


def test_a_long_file_says_why() -> None:
    """A file over 300 lines holds the words "Long because" and the reason."""
    everything = [*FILES, *AROUND]
    long = [file for file in everything if len(text(file).splitlines()) > LONG]
    assert [file for file in long if "Long because" not in text(file)] == []
