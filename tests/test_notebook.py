"""Notebooks: progress, models and histories show as HTML. The first test runs a real one."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import kerato
from kerato import layers, notebook

CELLS = (
    "import numpy as np, kerato\n"
    "model = kerato.Sequential([kerato.Input((4,)), kerato.layers.Dense(2, name='<b>')])\n"
    "model.compile('sgd', 'mse', metrics=['mae'])\n"
    "x, y = np.ones((8, 4)), np.ones((8, 2))",
    "model",
    "history = model.fit(x, y, epochs=7, validation_data=(x, y))",
    "history",
    "model.evaluate(x, y)",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What the cells of an executed notebook show. The kernel runs in a process of its own, as do its warnings."""
    folder = tmp_path_factory.mktemp("notebook")
    pytest.importorskip("ipykernel")
    code = (
        "import sys, nbformat, nbclient; from nbformat import v4\n"
        f"book = v4.new_notebook(cells=[v4.new_code_cell(text) for text in {CELLS!r}])\n"
        "nbclient.NotebookClient(book, timeout=120, kernel_name='python3').execute()\n"
        "nbformat.write(book, 'book.ipynb')"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=folder, check=True, capture_output=True)
    return [cell["outputs"] for cell in json.loads((folder / "book.ipynb").read_text(encoding="utf-8"))["cells"]]


def html_of(output: Any) -> str:
    return "".join(output["data"]["text/html"])


def test_a_model_is_a_table(outputs: list[list[Any]]) -> None:
    (shown,) = outputs[1]
    assert "<td>&lt;b&gt; (Dense)</td>" in html_of(shown) and "Parameters: 10" in html_of(shown)
    assert "".join(shown["data"]["text/plain"]).startswith("<Sequential")


def test_progress_is_one_output_that_changes(outputs: list[list[Any]]) -> None:
    (shown,) = outputs[2]
    assert "Epoch 7/7" in html_of(shown) and "Epoch 2/7" not in html_of(shown) and "val_loss" in html_of(shown)
    assert "<progress" not in html_of(shown), "the run is over"


def test_a_history_is_curves(outputs: list[list[Any]]) -> None:
    (shown,) = outputs[3]
    assert html_of(shown).count("<svg") == 2 and "validation" in html_of(shown)


def test_an_evaluation_shows_its_progress_and_its_result(outputs: list[list[Any]]) -> None:
    progress, result = outputs[4]
    assert "Evaluate" in html_of(progress) and result["output_type"] == "execute_result"


def test_nothing_of_it_happens_in_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert not notebook.is_running()
    model = kerato.Sequential([kerato.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)))
    assert capsys.readouterr().err.startswith("Epoch 1/1 - ")


def test_an_ipython_without_a_kernel_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace()))
    assert not notebook.is_running()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object())))
    assert notebook.is_running()


class Screen:
    """A display that keeps what was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def HTML(self, text: str) -> str:
        return text

    def display(self, text: str, display_id: bool) -> Screen:
        self.shown.append(text)
        return self

    def update(self, text: str) -> None:
        self.shown.append(text)


def test_the_bar_counts_and_does_not_flicker(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setitem(sys.modules, "IPython.display", screen)
    bar = notebook.Bar()
    bar.begin("Epoch 1/2", 2000)
    bar.show(1, "loss: 1")
    assert len(screen.shown) == 1 and 'max="2000"' in screen.shown[0] and "0/2,000" in screen.shown[0]
    monkeypatch.setattr(notebook, "PAUSE_S", 0)
    bar.show(1000, "<loss>: 1")
    assert 'value="1000"' in screen.shown[-1] and "&lt;loss&gt;" in screen.shown[-1]
    bar.end("1.0s")
    bar.begin("Predict", None)
    assert "Epoch 1/2 - 1.0s" in screen.shown[-1] and "<progress></progress>" in screen.shown[-1]
    bar.stop()


@pytest.mark.parametrize(
    ("history", "charts"),
    [
        ({}, 0),
        ({"loss": [1.0]}, 1),
        ({"loss": [1.0, math.nan], "val_loss": [2.0, 1.0], "accuracy": [0.5, 0.7]}, 2),
        ({"val_loss": [1.0, 2.0]}, 1),
        ({"loss": [3.0], "f1_score": [np.ones(3)]}, 1),
        ({"<script>": [1.0]}, 1),
    ],
)
def test_every_history_can_be_drawn(history: dict[str, Any], charts: int) -> None:
    text = notebook.learning_curves(history)
    assert text.count("<svg") == charts and "<script>" not in text
    ElementTree.fromstring(text)


def test_models_without_shapes_have_a_table_too() -> None:
    text = kerato.Sequential([layers.Dense(3)])._repr_html_()
    assert "Dense" in text
    picture = kerato.Input((2,))
    assert "Connected to" in kerato.Model(picture, layers.Dense(1)(picture))._repr_html_()


def test_ipython_is_not_needed() -> None:
    code = "import sys, kerato.models; print({'IPython'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_the_style_has_no_address() -> None:
    assert "http" not in notebook.page("") and Path(notebook.__file__).name == "notebook.py"
