"""Settings of the process: float type, epsilon, data format, seed, compile cache, native kernels.

Values come from `keras.json` (`$KERAS_HOME`, else `~/.keras`), then from the environment, then from the
setters here. The file is read at the first question, never written on `import kerato`, and a file that
cannot be read as JSON counts as empty (book section 1.1). Today's `"backend": "jax"` and the book's
`"tensorflow"` and `"theano"` are all accepted: they name conventions, the engine is always XLA. `"theano"` puts
channels first, unless the same place says otherwise.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kerato.errors import invalid, unknown

FLOAT_TYPES = ("float16", "bfloat16", "float32", "float64")
DATA_FORMATS = ("channels_last", "channels_first")
BACKENDS = ("tensorflow", "theano", "cntk", "jax", "torch", "numpy", "openvino")

_settings: dict[str, Any] = {}


def keras_home() -> Path:
    """The folder of `keras.json`: `$KERAS_HOME`, else `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser()


def cache_home() -> Path:
    """The folder for what can be made again (compiled programs): `$KERATO_CACHE`, else the user's cache folder."""
    named = os.environ.get("KERATO_CACHE")
    if named:
        return Path(named).expanduser()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "kerato" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "kerato"


def _one_of(owner: str, name: str, allowed: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise unknown(owner, f"`{name}`", value, allowed)
        return str(value)

    return check


_policy = _one_of("config", "dtype_policy", (*FLOAT_TYPES, "mixed_float16", "mixed_bfloat16"))


def _epsilon(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise invalid("config", "epsilon", "a number > 0", value)
    return float(value)


#: setting -> (value when nobody says otherwise, check)
_KNOWN: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "floatx": ("float32", _one_of("config", "floatx", FLOAT_TYPES)),
    "epsilon": (1e-7, _epsilon),
    "compile_cache": (True, bool),
    "native_kernels": (True, bool),
    "dtype_policy": (None, lambda value: value if value is None else _policy(value)),
    "image_data_format": ("channels_last", _one_of("config", "image_data_format", DATA_FORMATS)),
    "backend": ("tensorflow", _one_of("config", "backend", BACKENDS)),
}


def default(name: str) -> Any:
    """What a setting is when nobody says otherwise."""
    return _KNOWN[name][0]


def _file_settings() -> dict[str, Any]:
    try:
        found = json.loads((keras_home() / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: found[key] for key in _KNOWN if key in found} if isinstance(found, dict) else {}


def _get(name: str) -> Any:
    if not _settings:
        _settings.update({key: default for key, (default, _) in _KNOWN.items()})
        stated = _file_settings()
        named = os.environ.get("KERAS_BACKEND")
        if named and named != stated.get("backend"):
            stated["backend"] = named
            stated.pop("image_data_format", None)  # it was the other backend's
        if stated.get("backend") == "theano":
            stated.setdefault("image_data_format", "channels_first")
        for key, value in stated.items():
            _settings[key] = _KNOWN[key][1](value)
    return _settings[name]


def _set(name: str, value: Any) -> None:
    _get(name)
    _settings[name] = _KNOWN[name][1](value)


def floatx() -> str:
    """The float type of new weights and inputs; `'float32'` unless set."""
    return str(_get("floatx"))


def set_floatx(value: str) -> None:
    """Set the float type: float16, bfloat16, float32 or float64.

    Raises:
        UnknownName: `value` is none of them.
    """
    _set("floatx", value)


def dtype_policy() -> str:
    """The policy of new layers: `floatx()`, or a mixed one set with `set_dtype_policy`."""
    return _get("dtype_policy") or floatx()


def set_dtype_policy(value: str | None) -> None:
    """Let new layers compute in e.g. `'mixed_bfloat16'`: bfloat16 arithmetic on float32 weights. None undoes it.

    Raises:
        UnknownName: `value` is neither a float type nor `'mixed_'` and one.
    """
    _set("dtype_policy", value)


def compile_cache() -> bool:
    """Whether compiled programs are kept on disk for the next start: yes, unless switched off."""
    return bool(_get("compile_cache")) and os.environ.get("KERATO_COMPILE_CACHE", "1") != "0"


def set_compile_cache(value: bool) -> None:
    """Keep compiled programs on disk, or do not; asked when the first program is compiled."""
    _set("compile_cache", value)


def native_kernels() -> bool:
    """Whether the native CPU kernels compute where they have been built: yes, unless switched off."""
    return bool(_get("native_kernels")) and os.environ.get("KERATO_NATIVE", "1") != "0"


def set_native_kernels(value: bool) -> None:
    """Use the native CPU kernels, or do not; asked when a program is compiled."""
    _set("native_kernels", value)


def epsilon() -> float:
    """The small number that keeps logarithms and divisions finite; 1e-7 unless set."""
    return float(_get("epsilon"))


def set_epsilon(value: float) -> None:
    """Set the small number.

    Raises:
        InvalidValue: `value` is no number > 0.
    """
    _set("epsilon", value)


def image_data_format() -> str:
    """`'channels_last'` (batch, height, width, channels) or `'channels_first'` (batch, channels, height, width)."""
    return str(_get("image_data_format"))


def set_image_data_format(value: str) -> None:
    """Set the data format of layers that are created from now on (book section 1.2).

    Raises:
        UnknownName: `value` is neither `'channels_last'` nor `'channels_first'`.
    """
    _set("image_data_format", value)


def backend() -> str:
    """The backend's name in `keras.json`, the book's `'tensorflow'` unless set; XLA computes in any case."""
    return str(_get("backend"))


def set_backend(value: str) -> None:
    """Name the backend whose conventions hold: with `'theano'` pictures are channels_first, with others channels_last.

    Raises:
        UnknownName: no backend has that name.
    """
    _set("backend", value)
    _set("image_data_format", "channels_first" if value == "theano" else "channels_last")


#: (class name, positional, keyword arguments) of an older Keras -> those of today's class.
Dialect = Callable[[str, tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]

#: Set by `kerato.legacy`: what an older Keras understood by the arguments that a call leaves out, orders or names
#: differently. The owner is a class, a family (then `name` is what is looked up in it) or a rule of its own.
_dialect: Dialect | None = None


def in_dialect(owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments given to `owner`, as the active dialect means them; unchanged in today's dialect."""
    return (args, kwargs) if _dialect is None else _dialect(owner, args, kwargs)


def set_dialect(table: Dialect | None) -> None:
    """Let arguments be read as `table` says from now on; `kerato.legacy` sets one that asks who calls."""
    global _dialect
    _dialect = table


def begin_dialect(table: Dialect) -> None:
    """`set_dialect`, unless one is set."""
    if _dialect is None:
        set_dialect(table)


@contextlib.contextmanager
def dialect(table: Dialect | None) -> Iterator[None]:
    """Within the block, arguments are read as `table` says (`kerato.legacy` has the tables)."""
    global _dialect
    before, _dialect = _dialect, table
    try:
        yield
    finally:
        _dialect = before
