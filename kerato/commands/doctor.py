"""`kerato doctor`: what is installed, which devices compute, which settings hold, which data is found."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

import click

from kerato.commands import answer, json_option

PACKAGES = (
    "kerato",
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "scikit-learn",
    "h5py",
    "pillow",
    "opencv-python-headless",
    "av",
)


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Versions, devices, settings and data found on this machine."""
    found = {
        "versions": _versions(),
        "devices": _devices(),
        "kernels": _kernels(),
        "settings": _settings(),
        "data": _data(),
    }
    answer(found, as_json, [line for title, part in found.items() for line in _lines(title, part)])


def _lines(title: str, part: dict[str, Any]) -> list[str]:
    width = max(map(len, part), default=0)
    return [title, *(f"  {key:<{width}}  {value}" for key, value in part.items())]


def _versions() -> dict[str, str]:
    found = {"python": f"{platform.python_version()} on {platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _devices() -> dict[str, str]:
    import jax

    found = {str(device): device.device_kind for device in jax.devices()}
    return {**found, "processor cores": str(os.cpu_count())}


def _kernels() -> dict[str, str]:
    import jax

    from kerato import kernels

    return {"convolution and pooling": kernels.explain(jax.default_backend()), "steps": "many per program, where nothing is slow in a loop"}


def _settings() -> dict[str, str]:
    from kerato import config
    from kerato.programs import cache_folder

    file = config.keras_home() / "keras.json"
    return {
        "keras.json": str(file) if file.exists() else f"none at {file}; defaults hold",
        "floatx": config.floatx(),
        "image_data_format": config.image_data_format(),
        "backend": f"{config.backend()} (a convention; XLA computes)",
        "compile cache": str(cache_folder()) if config.compile_cache() else "off",
    }


def _data() -> dict[str, str]:
    from kerato import datasets

    return {name: _where(datasets.get(name)) for name in datasets.names()}


def _where(data: Any) -> str:
    if data.embedded is not None:
        return "comes with scikit-learn"
    place = data.where()
    return str(place) if place is not None else "not on this machine; would be downloaded"
