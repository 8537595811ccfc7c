"""Book 1.3 and 1.6: which Python, and whether the versions of the packages go together."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import kerato
from kerato.__main__ import main
from kerato.commands import versions

ROOT = Path(kerato.__file__).parent.parent


def test_row_1_3_01_pages_and_package_agree_on_the_versions_of_python() -> None:
    said = re.search(r'requires-python = ">=(\d+)\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert said is not None
    lowest = f"{said[1]}.{said[2]}"
    for page, words in (
        ("README.md", f"Python {lowest} or newer"),
        ("docs/install.md", f"Python {lowest} or newer"),
        ("README.zh-CN.md", f"Python {lowest}"),
        (".github/workflows/ci.yml", f'"{lowest}"'),
    ):
        assert words in (ROOT / page).read_text(encoding="utf-8"), page
    assert sys.version_info >= (int(said[1]), int(said[2]))


def other_versions(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> None:
    """Have packages of other versions, or none, installed."""
    real = importlib.metadata.version

    def version(package: str) -> str:
        found = changed.get(package.replace("-", "_"), "real")
        if found is None:
            raise importlib.metadata.PackageNotFoundError(package)
        return real(package) if found == "real" else found

    monkeypatch.setattr(importlib.metadata, "version", version)


def doctor(capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    with pytest.raises(SystemExit) as left:
        main(["doctor"])
    return left.value.code, capsys.readouterr().err


def test_row_1_6_01_versions_that_do_not_fit_are_one_clear_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other_versions(monkeypatch, jaxlib="0.4.30", h5py="3.2", click=None)
    code, said = doctor(capsys)
    assert code == 1
    assert re.fullmatch(
        r"kerato: doctor: versions do not fit together: h5py 3\.2 \(kerato needs >=3\.11\); click is missing "
        r"\(kerato needs >=8\.1\); jaxlib 0\.4\.30 \(jax needs <=[\d.]+,>=[\d.]+\)\. Install those that were tested "
        r"together: python -m pip install --upgrade -c constraints\.txt -e \.\n",
        said,
    )


@pytest.mark.parametrize(("numpy", "fits"), [("1.26.4", False), ("2.0", True), ("2.0.0rc1", True), ("10.0", False)])
def test_row_1_6_01_limits_are_compared_as_numbers(numpy: str, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    other_versions(monkeypatch, numpy=numpy)
    wrong = versions.misfits(["kerato", "scipy"])  # scipy refuses a numpy that is too new
    assert (wrong == []) == fits


def test_row_1_6_01_optional_packages_may_be_missing_but_not_old(monkeypatch: pytest.MonkeyPatch) -> None:
    other_versions(monkeypatch, av=None)
    assert versions.misfits(["kerato"]) == []
    other_versions(monkeypatch, av="9.0.1")
    assert versions.misfits(["kerato"]) == ["av 9.0.1 (kerato needs >=14.0)"]


def test_row_1_6_01_what_is_installed_here_fits(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["doctor"])
    assert left.value.code == 0
    assert "they fit" in capsys.readouterr().out
