"""`kerato run`: scripts as they were run then, what they print, how they end, what a failure says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import kerato
from kerato import __main__ as command_line
from kerato import layers

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, where the scripts are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(source: str, *arguments: str, options: tuple[str, ...] = (), name: str = "train.py") -> Result:
    Path(name).write_text(source)
    before = sys.modules["__main__"], list(sys.argv), list(sys.path), list(sys.meta_path)
    result = CliRunner().invoke(command_line.kerato, ["run", *options, name, *arguments])
    assert (sys.modules["__main__"], sys.argv, sys.path) == before[:3]
    assert [finder for finder in sys.meta_path if type(finder).__name__ == "Neighbours"] == []
    return result


def test_a_script_is_the_main_program() -> None:
    result = run("import sys\nprint(__name__, __file__, sys.argv, sys.path[0])", "--epochs", "3", "-v")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"__main__ train.py ['train.py', '--epochs', '3', '-v'] {os.getcwd()}\n"


@pytest.mark.parametrize(("end", "code"), [("sys.exit()", 0), ("sys.exit(3)", 3), ("sys.exit('sorry')", 1), ("", 0)])
def test_its_exit_code_is_the_command_s(end: str, code: int) -> None:
    assert run(f"import sys\n{end}").exit_code == code


def test_python_2_with_a_neighbour() -> None:
    Path("helper.py").write_text("def half(n):\n    print 'halving', n\n    return n / 2\n")
    result = run("from helper import half\nfrom keras.layers import Dense\nprint half(7), raw_input is not None\n")
    assert result.exit_code == 0, result.output
    assert result.stdout == "halving 7\n3 True\n"
    assert result.stderr == (
        "train.py is Python 2: read as such, and `/` of two ints rounds down.\nUsing TensorFlow backend.\n"
    )
    assert not Path("__pycache__").exists()
    del sys.modules["helper"]


def test_a_python_3_script_has_its_own_division() -> None:
    assert run("from keras import backend as K\nprint(7 / 2, K.backend())").stdout == "3.5 tensorflow\n"


def test_other_encodings() -> None:
    Path("gbk.py").write_bytes("# -*- coding: gbk -*-\nprint '图像'\n".encode("gbk"))
    Path("latin.py").write_bytes("# caf\xe9\nprint 1\n".encode("latin-1"))
    for name, printed in (("gbk.py", "图像\n"), ("latin.py", "1\n")):
        assert CliRunner().invoke(command_line.kerato, ["run", name]).stdout == printed


OPTIONS = [
    ((), "tensorflow channels_last"),
    (("--channels-first",), "tensorflow channels_first"),
    (("--backend", "theano"), "theano channels_first"),
]


@pytest.mark.parametrize(("options", "printed"), OPTIONS)
def test_options_set_the_conventions(options: tuple[str, ...], printed: str) -> None:
    source = "from keras import backend as K\nprint(K.backend(), K.image_data_format())"
    result = run(source, options=options)
    assert result.stdout == f"{printed}\n"
    assert result.stderr == ("Using Theano backend.\n" if "theano" in options else "Using TensorFlow backend.\n")


@pytest.mark.parametrize(("options", "epsilon"), [((), 1e-8), (("--dialect", "keras3"), 1e-7)])
def test_scripts_of_today_say_so(options: tuple[str, ...], epsilon: float) -> None:
    result = run("import keras\nprint(keras.optimizers.Adam().epsilon)", options=options)
    assert float(result.stdout) == epsilon


@pytest.mark.parametrize("options", [("--dialect", "keras4"), ("--backend", "mxnet")])
def test_wrong_options_are_refused(options: tuple[str, ...]) -> None:
    Path("train.py").write_text("")
    with pytest.raises(SystemExit) as left:
        command_line.main(["run", *options, "train.py"])
    assert left.value.code == 2


def test_kerato_s_errors_are_one_line_that_names_the_script_s(capsys: pytest.CaptureFixture[str]) -> None:
    result = run("from keras.layers import Dense\n\nDense(0)\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("train.py, line 3: Dense: `units` must be an int >= 1. Got 0.\n")
    result = run("from keras.layers import Densse\n")
    assert result.stderr.endswith(
        "train.py, line 1: keras.layers: Kerato does not have 'Densse'. Did you mean 'Dense'?\n"
    )


def test_other_errors_show_the_script_s_lines_from_its_first() -> None:
    result = run("def deeper():\n    print 1 / 0\n\ndeeper()\n")
    assert result.exit_code == 1
    told = result.stderr.split("rounds down.\n")[1]
    assert told.startswith('Traceback (most recent call last):\n  File "train.py", line 4, in <module>\n    deeper()\n')
    assert '  File "train.py", line 2, in deeper\n    print 1 / 0\n' in told
    assert told.endswith("ZeroDivisionError: integer division or modulo by zero\n")
    assert "click" not in told


def test_what_is_no_python_says_where() -> None:
    result = run("x = 1\ndef (:\n")
    assert result.exit_code == 1
    assert 'File "train.py", line 2' in result.stderr and "SyntaxError" in result.stderr


def test_a_missing_script(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command_line.main(["run", "nowhere.py"])
    assert left.value.code == 1
    assert capsys.readouterr().err == "kerato: run: there is no file nowhere.py.\n"


PROGRAM = """
import multiprocessing
from keras.layers import Dense
from keras.utils import np_utils

class Squares:
    def __call__(self, n):
        print 'working'
        return n * n, Dense.__module__

if __name__ == '__main__':
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        print pool.map(Squares(), [3])
        print pool.map(np_utils.to_categorical, [[0, 1]])[0].tolist()
"""


@pytest.mark.slow
def test_worker_processes_know_the_script_and_keras(folder: Path) -> None:
    (folder / "train.py").write_text(PROGRAM)
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(Path(kerato.__file__).parent.parent)}
    command = [sys.executable, "-m", "kerato", "run", "train.py"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
    assert f"[(9, '{layers.Dense.__module__}')]\n[[1.0, 0.0], [0.0, 1.0]]\n" in found.stdout
