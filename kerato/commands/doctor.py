"""`kerato doctor`: what is installed, which devices compute, which settings hold, which data is found."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import click

from kerato.commands import answer, json_option
from kerato.commands.versions import installed, misfits
from kerato.errors import InvalidCall, plural

#: package -> what it is needed for when it is not always there
PACKAGES = {
    "kerato": "",
    "jax": "",
    "jaxlib": "",
    "numpy": "",
    "scikit-learn": "",
    "h5py": "",
    "pillow": "",
    "filelock": "",
    "scipy": "image",
    "opencv-python-headless": "image",
    "matplotlib": "image",
    "av": "video",
    "safetensors": "safetensors",
}


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Versions and whether they fit, devices, kernels, settings, cache and data found on this machine."""
    wrong = misfits(PACKAGES)
    if wrong:
        raise InvalidCall(
            f"doctor: versions do not fit together: {'; '.join(wrong)}. Install those that were tested together: "
            "python -m pip install --upgrade -c constraints.txt -e ."
        )
    found = {
        "versions": {**_versions(), "together": "they fit"},
        "devices": _devices(),
        "kernels": _kernels(),
        "settings": _settings(),
        "cache": _cache(),
        "data": _data(),
    }
    answer(found, as_json, [line for title, part in found.items() for line in _lines(title, part)])


def _lines(title: str, part: dict[str, Any]) -> list[str]:
    width = max(map(len, part), default=0)
    return [title, *(f"  {key:<{width}}  {value}" for key, value in part.items())]


def _versions() -> dict[str, str]:
    found = {"python": f"{platform.python_version()} on {platform.system()} {platform.machine()}"}
    return {**found, **{name: _version(name, extra) for name, extra in PACKAGES.items()}}


def _version(name: str, extra: str) -> str:
    return installed(name) or (f'not installed; pip install "kerato[{extra}]"' if extra else "not installed")


def _devices() -> dict[str, str]:
    import jax

    from kerato.data.sources import device_limit_bytes

    found = {str(device): device.device_kind for device in jax.devices()}
    limit = f"up to {device_limit_bytes() / 2**30:.1f} GiB of pictures stay there"
    return {**found, "processor cores": str(os.cpu_count()), "memory": limit}


def _kernels() -> dict[str, str]:
    import jax

    from kerato import kernels
    from kerato.kernels import native

    return {
        "convolution": kernels.explain(jax.default_backend()),
        "native kernels": native.explain(),
        "steps": "many per program, where nothing is slow in a loop",
    }


def _settings() -> dict[str, str]:
    from kerato import config, memory

    file = config.keras_home() / "keras.json"
    return {
        "keras.json": str(file) if file.exists() else f"none at {file}; defaults hold",
        "floatx": config.floatx(),
        "image_data_format": config.image_data_format(),
        "backend": f"{config.backend()} (a convention; XLA computes)",
        "freed memory": memory.explain(),
    }


def _cache() -> dict[str, str]:
    from kerato import config
    from kerato.programs import cache_folder

    if not config.compile_cache():
        return {"compiled programs": "off"}
    folder = cache_folder()
    return {"compiled programs": str(folder), "in it": _content(folder)}


def _content(folder: Path) -> str:
    if not folder.is_dir():
        return "nothing yet"
    sizes = [file.stat().st_size for file in folder.glob("*-cache")]
    return f"{plural(len(sizes), 'program')}, {sum(sizes) / 2**20:.1f} MiB"


def _data() -> dict[str, str]:
    from kerato import datasets

    return {name: _where(datasets.get(name)) for name in datasets.names()}


def _where(data: Any) -> str:
    if data.embedded is not None:
        return "comes with scikit-learn"
    place = data.where()
    return str(place) if place is not None else "not on this machine; would be downloaded"
