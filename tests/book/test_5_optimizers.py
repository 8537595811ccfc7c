"""Chapter 5, optimizers: three updates of each on w**2 / 2 from w = 1, in 2.0.5's dialect."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from kerato import config, legacy, optimizers
from kerato.errors import UnknownName
from kerato.variables import Variable

#: section, class, arguments, w after one, two and three updates as printed
TRAJECTORIES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("5.2", "SGD", {}, [".99", ".9801", ".970299"]),
    ("5.2", "SGD", {"momentum": 0.9}, [".99", ".9711", ".944379"]),
    ("5.2", "SGD", {"momentum": 0.9, "nesterov": True}, [".981", ".954261", ".920893941"]),
    ("5.1", "SGD", {"lr": 0.1, "decay": 0.5}, [".9", ".84", ".798"]),
    ("5.3", "RMSprop", {}, [".996837722", ".994547010", ".992630674"]),
    ("5.4", "Adagrad", {}, [".99", ".982964554", ".977237940"]),
    ("5.5", "Adadelta", {}, [".999552786", ".999099974", ".998643443"]),
    ("5.6", "Adam", {}, [".999", ".998000027", ".997000097"]),
    ("5.7", "Adamax", {}, [".998", ".996000105", ".994000388"]),
    ("5.8", "Nadam", {}, [".997887096", ".996321197", ".994858915"]),
]
IDS = [
    f"row_{section.replace('.', '_')}_{'03' if section == '5.1' else '01'}-{name} {options}"
    for section, name, options, _ in TRAJECTORIES
]


def follow(name: str, options: dict[str, Any], dtype: str) -> list[float]:
    with legacy.dialect():
        optimizer = getattr(optimizers, name)(**options)
    w, path = Variable(np.array([1.0]), dtype=dtype, name="w"), []
    for _ in range(3):
        optimizer.apply([w.value], [w])
        path.append(float(w.numpy()[0]))
    return path


@pytest.fixture
def float64() -> Iterator[None]:
    config.set_floatx("float64")
    with jax.enable_x64(True):
        yield
    config.set_floatx("float32")


@pytest.mark.parametrize(("name", "options", "printed"), [row[1:] for row in TRAJECTORIES], ids=IDS)
@pytest.mark.usefixtures("float64")
def test_float64_gives_all_printed_digits(name: str, options: dict[str, Any], printed: list[str]) -> None:
    for value, digits in zip(follow(name, options, "float64"), printed, strict=True):
        assert f"{value:.9f}" == f"0{digits:0<10}"


@pytest.mark.parametrize(("name", "options", "printed"), [row[1:] for row in TRAJECTORIES], ids=IDS)
def test_float32_is_near(name: str, options: dict[str, Any], printed: list[str]) -> None:
    assert follow(name, options, "float32") == pytest.approx([float(digits) for digits in printed], rel=3e-7)


#: 5.1: arguments -> what the gradients 3 and 4 become
CLIPPED = [({"clipnorm": 1.0}, [0.6, 0.8]), ({"clipvalue": 0.5}, [0.5, 0.5])]


@pytest.mark.parametrize(
    ("options", "expected"),
    [*CLIPPED, ({"clipnorm": 1.0, "clipvalue": 0.7}, [0.6, 0.7])],
    ids=["row_5_1_01-norm", "row_5_1_02-value", "row_5_1_02-both"],
)
def test_clipping(options: dict[str, Any], expected: list[float]) -> None:
    with legacy.dialect():
        optimizer = optimizers.SGD(lr=1.0, **options)
    variables = [Variable(np.zeros(1), name="a"), Variable(np.zeros(1), name="b")]
    optimizer.apply([np.array([3.0]), np.array([4.0])], variables)
    assert [-float(v.numpy()[0]) for v in variables] == pytest.approx(expected)


def test_row_5_1_04_by_name_or_as_an_object() -> None:
    with legacy.dialect():
        sgd = optimizers.SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True)
        assert optimizers.get(sgd) is sgd and float(sgd.lr) == pytest.approx(0.01)
        for name in ("sgd", "RMSprop", "adagrad", "Adadelta", "ADAM", "adamax", "nadam"):
            assert isinstance(optimizers.get(name), optimizers.Optimizer)
        with pytest.raises(UnknownName):
            optimizers.get("adm")
        with pytest.raises(TypeError):
            optimizers.SGD(speed=0.1)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"],
                         ids=lambda name: f"row_5_0_01-{name}")  # fmt: skip
def test_a_training_resumed_from_its_state_is_the_uninterrupted_one(name: str) -> None:
    def steps(optimizer: Any, w: Variable, count: int) -> None:
        for _ in range(count):
            optimizer.apply([w.value], [w])

    with legacy.dialect():
        whole = getattr(optimizers, name)(lr=0.05)
    w = Variable(np.array([1.0]), name="w")
    steps(whole, w, 3)
    state, config_, kept = whole.get_weights(), whole.get_config(), w.numpy()
    steps(whole, w, 3)
    resumed, v = type(whole).from_config(config_), Variable(kept, name="w")
    resumed.build([v])
    resumed.set_weights(state)
    steps(resumed, v, 3)
    assert resumed.get_config() == whole.get_config()
    np.testing.assert_array_equal(v.numpy(), w.numpy())


@pytest.mark.slow
def test_the_example_prints_the_trajectories_and_fits_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "5_optimizers.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split()[-3:] for line in lines if line.startswith("5.")]
    for row, (*_, printed) in zip(rows, TRAJECTORIES, strict=True):
        assert [float(value) for value in row] == pytest.approx([float(digits) for digits in printed], rel=3e-7)
    for line in lines[len(rows) :]:
        first, _, last = line.split()[-3:]
        assert float(last) < 0.02 * float(first)
