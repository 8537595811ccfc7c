"""Which installed font can write which characters, so that no name on a picture turns into boxes.

DejaVu Sans, which comes with matplotlib, is asked first; what it lacks is looked for in the fonts of the system,
the one that has most of the missing characters first. Nothing is downloaded.
"""

from __future__ import annotations

import functools
import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

from kerato.errors import require

#: where systems keep their fonts
FOLDERS = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("%WINDIR%/Fonts", "%LOCALAPPDATA%/Microsoft/Windows/Fonts"),
    "linux": ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
}


def runs(words: str, size: int) -> list[tuple[str, str]]:
    """`words` cut into (font file, characters) pieces that one font each can write; what no font has is left out.

    size: height of the letters in pixels. Marks and joiners stay with the character that they belong to.
    """
    fonts = _fonts_for(frozenset(filter(_visible, words)), size)
    pieces: list[tuple[str, str]] = []
    for character in filter(_printable, words):
        font = fonts.get(character) if _visible(character) else (pieces[-1][0] if pieces else _first())
        if font is None:
            continue
        if pieces and pieces[-1][0] == font:
            pieces[-1] = (font, pieces[-1][1] + character)
        else:
            pieces.append((font, character))
    return pieces


def missing(words: str, size: int = 16) -> str:
    """The characters of `words` that no installed font has, each once, in their order."""
    fonts = _fonts_for(frozenset(filter(_visible, words)), size)
    return "".join(dict.fromkeys(c for c in words if _printable(c) and _visible(c) and c not in fonts))


@functools.lru_cache(64)
def load(path: str, size: int) -> Any:
    """Pillow's font of that file at `size` pixels."""
    return require("PIL.ImageFont", "image", "writing on pictures").truetype(path, size)


def _printable(character: str) -> bool:
    """Control characters and halves of surrogate pairs (undecodable bytes of a file name) are never written."""
    return unicodedata.category(character) not in ("Cc", "Cs", "Cn", "Zl", "Zp")


def _visible(character: str) -> bool:
    """Whether a character needs a glyph of its own: spaces, joiners and combining marks go with the one before."""
    return unicodedata.category(character) not in ("Cf", "Mn", "Me", "Zs", "Cc", "Cs", "Cn", "Zl", "Zp")


@functools.lru_cache(1024)
def _fonts_for(characters: frozenset[str], size: int) -> dict[str, str]:
    """character -> font file. The first font writes all it can; then the one that has most of the rest; and so on."""
    found = dict.fromkeys(_covered(_first(), characters), _first())
    wanted = characters - found.keys()
    covers = {path: _covered(path, wanted) for path in _installed()} if wanted else {}
    while wanted:
        ranked = sorted(covers, key=lambda path: -len(covers[path] & wanted))
        best = next((path for path in ranked if covers[path] & wanted and _scales(path, size)), None)
        if best is None:
            break
        found |= dict.fromkeys(covers[best] & wanted, best)
        wanted -= covers[best]
    return found


@functools.cache
def _first() -> str:
    return str(Path(require("matplotlib", "image", "writing on pictures").get_data_path(), "fonts/ttf/DejaVuSans.ttf"))


@functools.cache
def _installed() -> tuple[str, ...]:
    """All font files of this system, regular styles first, then by name."""
    folders = FOLDERS.get(sys.platform, FOLDERS["linux"])
    roots = [Path(os.path.expandvars(folder)).expanduser() for folder in folders]
    files = [file for root in roots for file in root.rglob("*") if file.suffix.lower() in (".ttf", ".ttc", ".otf")]
    plain = {str(file): ("regular" not in file.stem.lower(), file.name, str(file)) for file in files}
    return tuple(sorted(plain, key=plain.__getitem__))


def _covered(path: str, characters: frozenset[str]) -> frozenset[str]:
    """Those of the characters that the font has; none for a file that is no font. The file is not kept open."""
    module = require("matplotlib.ft2font", "image", "writing on pictures")
    try:
        face = module.FT2Font(path)
        return frozenset(character for character in characters if face.get_char_index(ord(character)))
    except (RuntimeError, OSError, ValueError):
        return frozenset()


def _scales(path: str, size: int) -> bool:
    """Fonts made of small pictures (colour emoji) exist in one size only."""
    try:
        load(path, size)
    except OSError:
        return False
    return True
