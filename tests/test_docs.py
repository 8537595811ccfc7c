"""What the documents say is so: their code prints what is shown, their commands exist, their links lead somewhere.

Python blocks of a page run one after the other, in one namespace and an empty folder; a `text` block that follows one
is its output. The quickstart's commands run on pictures made of noise; of the other commands the verb and the options
are checked.
"""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from film_samples import film, portrait

import kerato
from kerato.__main__ import VERBS, main
from kerato.__main__ import kerato as command_line
from kerato.image import write

ROOT = Path(kerato.__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPTS = ROOT / "docs" / "scripts"

#: pages whose code needs a film or a photograph of a face (run below), or is that of another page
NOT_RUN = {"book_8_films.md", "README.zh-CN.md"}
#: pages whose code trains for long
LONG = {"quickstart.md", "book_2_seeing.md"}

PYTHON = re.compile(r"```python\n(.*?)```(?:\n\n```(?:text)?\n(.*?)```)?", re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n|^\n(?= {4}))+", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and layers that are named as in a new process."""
    monkeypatch.chdir(tmp_path)
    kerato.clear_session()


@pytest.mark.filterwarnings("ignore:.* today[.]:UserWarning")  # the page on old code has old words
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name(page), marks=[pytest.mark.slow] if page.name in LONG else [])
        for page in PAGES
        if page.name not in NOT_RUN
    ],
)
def test_code_runs_and_prints_what_is_shown(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for code, output in PYTHON.findall(text(page)):
        capsys.readouterr()
        exec(compile(code, name(page), "exec"), names)
        if output:
            assert capsys.readouterr().out == output
    if "accuracy" in names:
        assert names["accuracy"] > 0.95, "the README says about 0.97"


def test_both_readmes_have_the_same_code() -> None:
    english, chinese = (PYTHON.findall(text(page)) for page in PAGES[:2])
    assert english == chinese != []


def test_the_page_on_films_runs_on_films_and_a_face(data: Path, tmp_path: Path) -> None:
    for made, count in (("film.mp4", 130), ("a.mp4", 20), ("b.mkv", 12), ("long.mp4", 40)):
        film(tmp_path / made, count)
    model = "face_detection_yunet_2023mar.onnx"
    shutil.copyfile(data / "weights" / model, tmp_path / model)
    names: dict[str, Any] = {"picture": portrait()}
    for code, _ in PYTHON.findall(text(ROOT / "docs/book_8_films.md")):
        exec(code, names)
    assert names["x"].shape == (2, 16, 112, 112, 3)
    assert names["square"].shape == (64, 64, 3)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in LINK.findall(text(page)) if not (page.parent / link).exists()] == []


def shell_lines(page: Path) -> Iterator[list[str]]:
    """The commands of indented blocks and of blocks with prompts, less their comments."""
    without_code = re.sub(r"```(?:python|ini|json|text)\n.*?```", "", text(page), flags=re.DOTALL)
    blocks = [*INDENTED.findall(without_code), *re.findall(r"```(?:sh|console)?\n(.*?)```", without_code, re.DOTALL)]
    for line in "".join(blocks).splitlines():
        bare = line.strip().removeprefix("$ ")
        if re.match(r"(kerato|make|python -m kerato|\.venv\\Scripts\\kerato) ?", bare) and "`" not in bare:
            words = shlex.split(bare.replace("\\", "/"), comments=True)
            yield words[: words.index(">")] if ">" in words else words


def check_usage(words: list[str]) -> None:
    """The verb exists and takes these options."""
    verb, *arguments = words
    command = command_line.get_command(click.Context(command_line), verb)
    assert verb in VERBS and command is not None
    if isinstance(command, click.Group):
        found = command.get_command(click.Context(command), arguments[0])
        assert found is not None, arguments[0]
        command, arguments = found, arguments[1:]
    if not {"-h", "--help"} & set(arguments):
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist(page: Path) -> None:
    targets = re.findall(r"^([\w-]+):", text(ROOT / "Makefile"), re.MULTILINE)
    for program, *words in shell_lines(page):
        if program == "make":
            assert {word for word in words if "=" not in word} <= set(targets)
        elif words:
            check_usage(words if program != "python" else words[2:])


def run(line: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(shlex.split(line)[1:])
    return int(left.value.code or 0)


@pytest.fixture
def photos(tmp_path: Path) -> None:
    """What the pages speak of: folders of pictures, made of noise."""
    noise = np.random.default_rng(0)
    for folder in ("photos", "other-photos"):
        for kind, darkest in (("cats", 140), ("dogs", 0)):
            (tmp_path / folder / kind).mkdir(parents=True)
            for number in range(30):
                picture = noise.integers(darkest, darkest + 100, (12, 12, 3)).astype(np.uint8)
                write(tmp_path / folder / kind / f"{number}.png", picture)
    (tmp_path / "photos/cats/0.png").rename("holiday.jpg")
    (tmp_path / "other-photos").joinpath("cats").rename("more-pictures")
    (tmp_path / "other-photos/cats").mkdir()
    write(tmp_path / "other-photos/cats/1.png", np.full((12, 12, 3), 200, np.uint8))


@pytest.mark.slow
def test_the_commands_of_the_quickstart_work(photos: None, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [words for words in shell_lines(ROOT / "docs/quickstart.md") if words[0] == "kerato"]
    assert [words[1] for words in lines] == ["train", "predict", "predict", "evaluate", "compare"]
    train = [*lines[0], "--model", "mlp", "--epochs", "2", "--quiet"]
    for words in (train, [*train, "--seed", "1"], *lines[1:]):
        assert run(shlex.join(words)) == 0
    files = {path.name for path in Path("runs/photos-1").iterdir()}
    assert files == set(re.findall(r"^\| `([\w.]+)` \|", text(ROOT / "docs/quickstart.md"), re.MULTILINE))
    assert "cats" in capsys.readouterr().out


@pytest.mark.slow
def test_the_demo_ends_with_its_report_and_three_commands(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("kerato demo --out run") == 0
    said = capfd.readouterr()
    assert f"report: {Path('run/report.html').resolve().as_uri()}" in said.out
    following = re.findall(r"kerato \w+", said.err.splitlines()[-1])
    assert len(following) == 3 and {words.split()[1] for words in following} <= set(VERBS)
    assert json.loads(text(Path("run/run.json")))["test_accuracy"] > 0.95


def script_output(script: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [script, *arguments])
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    return capsys.readouterr().out


def shown(script: str) -> str:
    """What `docs/why.md` shows below the command."""
    after = text(ROOT / "docs/why.md").split(f"    $ python docs/scripts/{script}\n")[1]
    lines = after[: re.search(r"^ {4}\$|^\S", after, re.MULTILINE).start()].splitlines()  # type: ignore[union-attr]
    return "\n".join(line.removeprefix("    ") for line in lines).strip()


@pytest.mark.parametrize("script", ["symbolic.py", "messages.py"])
def test_scripts_print_what_is_shown(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert script_output(script, capsys).strip() == shown(script)


@pytest.mark.slow
def test_the_time_of_a_step_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(
        r"^kerato 0\S+: \d+ ms per step$", script_output("step_time.py", capsys, "kerato", "1"), re.MULTILINE
    )


def test_what_is_said_to_be_missing_is_missing() -> None:
    missing = text(ROOT / "docs/from_keras.md").split("## What is not here yet")[1].split("##")[0]
    rooms = (kerato.layers, kerato.callbacks, kerato.applications)
    here = [word for word in re.findall(r"`(\w+)`", missing) if any(hasattr(room, word) for room in rooms)]
    assert here == [], "docs/from_keras.md and the README's table say that they are not here yet"
