"""`/widget.js`: the modules of web/widget as one file, so that a page asks once.

They are written to be joined: names are unique among them, imports and exports stand on one line
each, a comment stands on its own line or after a blank. Comments and indents are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from shared.config import ApiSettings

FIRST: Final = "main.js"
SERVED: Final = 'const SERVED = { socket: "", invite: "" };'
HEAD: Final = "// Grux: <grux-presence user=…>. MIT. https://github.com/matheusaudibert/grux\n"

_IMPORT: Final = re.compile(r'^import \{[^}]+\} from "\./([a-z]+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?!\{)", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *//.*$|^ */\*\*[\s\S]*?\*/$| // .*$", re.MULTILINE)


def joined(folder: Path, settings: ApiSettings) -> str:
    """The whole module, with what the settings say of this place."""
    modules: dict[str, str] = {}
    _add(folder, FIRST, modules)
    text = "".join(modules.values())
    place = {"socket": settings.public_ws_url, "invite": settings.discord_invite}
    return HEAD + text.replace(SERVED, f"const SERVED = {msgspec.json.encode(place).decode()};")


def _add(folder: Path, name: str, modules: dict[str, str]) -> None:
    """This module behind those that it imports, each once."""
    text = (folder / name).read_text()
    for imported in _IMPORT.findall(text):
        if imported not in modules:
            _add(folder, imported, modules)
    modules[name] = _small(text)


def _small(text: str) -> str:
    text = _EXPORT.sub("", _IMPORT.sub("", text))
    lines = (line.strip() for line in _COMMENT.sub("", text).splitlines())
    return "".join(f"{line}\n" for line in lines if line)
