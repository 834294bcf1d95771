"""`/widget.js`: the modules of web/widget and their style sheet as one file.

The modules are written to be joined: names are unique among them, imports and exports are
statements of their own, a comment has its own line or follows a blank. Comments, indents and
the blanks around punctuation are left out. Private members and the constants in capitals get
short names: no other name begins with # or is in capitals, in a string neither.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from shared.config import ApiSettings

ENTRY: Final = "main.js"
STYLE_SHEET: Final = "widget.css"
SERVED: Final = 'const SERVED={socket:"",invite:""};'  # without blanks
STYLE: Final = 'const STYLE="";'
BANNER: Final = "// Grux: <grux-presence user=…>. MIT. https://github.com/matheusaudibert/grux\n"

_IMPORT: Final = re.compile(r'^import \{[^}]+\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?!\{)", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *//.*$|^ */\*\*[\s\S]*?\*/$| // .*$", re.MULTILINE)
_BLANKS: Final = re.compile(
    r"""("(?:[^"\\\n]|\\.)*"|`[^`]*`)| ?(=>|[=!]==|&&|\|\||\?\?|[={}(),:?;]) ?"""
)
_BREAKS: Final = re.compile(r"(?<=[{([,>])\n|;?\n(?=\})")
_PRIVATE: Final = re.compile(r"#[a-z]\w+")
_CONSTANT: Final = re.compile(r"^const ([A-Z][A-Z_]+)\b", re.MULTILINE)
_CSS_COMMENT: Final = re.compile(r"/\*[\s\S]*?\*/")
_CSS_BLANK: Final = re.compile(r"(?<=[{};,:]) |;? (?=\})| (?=\{)")


def bundle(folder: Path, settings: ApiSettings) -> str:
    """The whole module, with the WebSocket's address and the invite of the settings."""
    modules: dict[str, str] = {}
    _add(folder, ENTRY, modules)
    script = "".join(modules.values())
    served = {"socket": settings.public_ws_url, "invite": settings.discord_invite}
    style = _minify_css((folder / STYLE_SHEET).read_text())
    script = _rename(script)
    script = script.replace(STYLE, f"const STYLE = {_json(style)};")
    return BANNER + script.replace(SERVED, f"const SERVED = {_json(served)};")


def _json(value: str | dict[str, str]) -> str:
    return msgspec.json.encode(value).decode()


def _add(folder: Path, name: str, modules: dict[str, str]) -> None:
    """Add this module after those that it imports, each once."""
    text = (folder / name).read_text()
    for imported in _IMPORT.findall(text):
        if imported not in modules:
            _add(folder, imported, modules)
    modules[name] = _minify_js(text)


def _minify_js(text: str) -> str:
    text = _EXPORT.sub("", _IMPORT.sub("", text))
    lines = (line.strip() for line in _COMMENT.sub("", text).splitlines())
    joined = "".join(f"{line}\n" for line in lines if line)
    return _BREAKS.sub("", _BLANKS.sub(lambda found: found[1] or found[2], joined))


def _rename(script: str) -> str:
    """With short names for private members and constants."""
    for number, name in enumerate(sorted(set(_PRIVATE.findall(script)))):
        script = re.sub(rf"{name}\b", f"#p{number}", script)
    kept = {"SERVED", "STYLE"}
    for number, name in enumerate(sorted(set(_CONSTANT.findall(script)) - kept)):
        script = re.sub(rf"(?<!\.)\b{name}\b", f"K{number}", script)
    return script


def _minify_css(text: str) -> str:
    """Without comments and without the blanks between declarations."""
    return _CSS_BLANK.sub("", " ".join(_CSS_COMMENT.sub("", text).split()))
