"""Notebooks: their code run from a file, and `%load_ext kerato`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import kerato
from kerato import __main__ as command_line
from kerato import layers
from kerato.errors import BadFile
from kerato.legacy import notebooks


def notebook(*sources: str, **metadata: Any) -> dict[str, Any]:
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    return {"cells": [{"cell_type": "markdown", "source": "# Title"}, *cells], "metadata": metadata}


def run(tmp_path: Path, content: Any) -> Result:
    path = tmp_path / "net.ipynb"
    path.write_text(json.dumps(content))
    return CliRunner().invoke(command_line.kerato, ["run", str(path)])


def test_cells_run_in_order_and_show_their_last_value(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        notebook(
            "%matplotlib inline\nfrom keras.layers import Dense\n!pip install keras\nDense?",
            "%%bash\nls",
            "%%time\nx = 3\nx + 1",
            "x;",
            "None",
            "print x, 7 / 2",
        ),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == "4\n3 3\n"
    left_out = [line for line in result.stderr.splitlines() if "left out" in line]
    assert left_out == [
        "net.ipynb[1]: left out: %matplotlib inline",
        "net.ipynb[1]: left out: !pip install keras",
        "net.ipynb[1]: left out: Dense?",
        "net.ipynb[2]: left out: %%bash",
        "net.ipynb[3]: left out: %%time",
    ]


def test_a_notebook_of_python_2_divides_as_then(tmp_path: Path) -> None:
    assert run(tmp_path, notebook("print(7 / 2)", language_info={"version": "2.7.12"})).stdout == "3\n"
    assert run(tmp_path, notebook("print(7 / 2)", language_info={"version": "3.6"})).stdout == "3.5\n"


def test_notebooks_before_2015(tmp_path: Path) -> None:
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["print 1"]}]}], "metadata": {}}
    assert run(tmp_path, old).stdout == "1\n"


def test_failures_name_the_cell(tmp_path: Path) -> None:
    result = run(tmp_path, notebook("from keras.layers import Dense", "x = 1\nDense(0)"))
    assert result.exit_code == 1
    assert result.stderr.endswith("net.ipynb[2], line 2: Dense: `units` must be an int >= 1. Got 0.\n")
    result = run(tmp_path, notebook("1", "x = 1\n1 / 0"))
    assert 'File "net.ipynb[2]", line 2, in <module>\n    1 / 0\n' in result.stderr


@pytest.mark.parametrize("content", [[], {}, {"cells": [{}]}, {"cells": 3}])
def test_what_is_no_notebook(tmp_path: Path, content: Any) -> None:
    (tmp_path / "a.ipynb").write_text(json.dumps(content))
    with pytest.raises(BadFile, match=r"^run: .*a\.ipynb is no notebook\.$"):
        notebooks.cells(tmp_path / "a.ipynb")


def test_load_ext(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    history = pytest.importorskip("IPython.core.history")
    monkeypatch.setattr(history.HistoryManager, "enabled", False)
    shell = interactive.InteractiveShell()
    try:
        kerato.load_ipython_extension(shell)
        done = shell.run_cell("from keras.layers.core import Dense\nfrom scipy.misc import imsave\nprint 'made', 3L")
        assert done.success
        assert capsys.readouterr().out == "made 3\n"
        assert shell.user_ns["Dense"] is layers.Dense
        assert shell.run_cell("print(1)").success
        kerato.unload_ipython_extension(shell)
        assert shell.input_transformers_post == []
        assert notebooks.readable(["x = (\n"]) == ["x = (\n"]
    finally:
        interactive.InteractiveShell.clear_instance()
