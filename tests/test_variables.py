"""Variables, and the evaluations in which they are read and written."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kerato import config, random
from kerato.errors import InvalidValue
from kerato.variables import Run, Slot, Variable, evaluation, recording, running


def test_a_variable_takes_shape_and_dtype_from_its_value() -> None:
    floats, ints = Variable([1.0, 2.0]), Variable(np.array([1, 2]))
    assert (floats.shape, floats.dtype, ints.dtype) == ((2,), config.floatx(), "int64")
    assert Variable(np.zeros(2), dtype="bfloat16").dtype == "bfloat16"


def test_assigning_copies_and_checks_the_shape() -> None:
    v, data = Variable(np.zeros(2, "float32"), name="v"), np.float32([1, 2])
    v.assign(data)
    data[:] = 9
    np.testing.assert_array_equal(v.numpy(), [1, 2])
    with pytest.raises(InvalidValue, match=r"v: `value` must be an array of shape \(2,\)\. Got int64"):
        v.assign(np.zeros(3, int))
    v.assign_add([1, 1])
    v.assign_sub([0, 3])
    np.testing.assert_array_equal(v.numpy(), [2, 0])


@pytest.mark.parametrize(
    ("build", "expected"),
    [(lambda v: v + 1, 4), (lambda v: 2 * v, 6), (lambda v: v @ np.ones(1), 3), (lambda v: np.float32([2]) - v, -1),
     (lambda v: -v[0], -3), (lambda v: v / v, 1), (lambda v: abs(-v), 3)],
)  # fmt: skip
def test_operators_compute_with_the_value(build: Any, expected: float) -> None:
    assert float(np.ravel(build(Variable([3.0])))[0]) == expected


def test_numbers_are_taken_out() -> None:
    v = Variable(2.5)
    assert (float(v), int(v), np.asarray(v).tolist(), repr(Variable([1.0], name="w"))) == (
        2.5, 2, 2.5, "<Variable w shape=(1,) dtype=float32>",
    )  # fmt: skip


def test_inside_an_evaluation_writes_are_results() -> None:
    v = Variable([1.0])
    with Run({v: jnp.float32([5])}) as run:
        assert float(v.value[0]) == 5
        v.assign(v.value * 2)
        assert float(v.value[0]) == 10
    assert float(run.updates[v][0]) == 10
    assert float(v.value[0]) == 1


def test_an_eager_evaluation_writes_at_its_end() -> None:
    v = Variable([1.0])
    with evaluation():
        v.assign([4.0])
        assert float(v.concrete()[0]) == 1
    assert float(v.value[0]) == 4


def test_an_evaluation_that_fails_writes_nothing() -> None:
    v = Variable([1.0])
    with pytest.raises(ZeroDivisionError), evaluation():
        v.assign([4.0])
        raise ZeroDivisionError
    assert float(v.value[0]) == 1
    assert running() is None


def test_runs_nest_and_recording_hides_them() -> None:
    with Run() as outer:
        with Run() as inner:
            assert running() is inner
        with recording():
            assert running() is None
        assert running() is outer


def test_call_paths_count_calls_of_one_name() -> None:
    seen = []
    with Run() as run:
        for _ in range(2):
            with run.inside("a"):
                for _ in range(2):
                    with run.inside("b") as path:
                        seen.append(path)
    assert seen == ["a/b", "a/b@1", "a@1/b", "a@1/b@1"]


def test_a_value_read_under_jit_is_made_outside_of_it() -> None:
    v = Variable(lambda shape, dtype, path: np.ones(shape, dtype), (2,))
    assert float(jax.jit(lambda: jnp.sum(v.value))()) == 2
    assert not isinstance(v.value, jax.core.Tracer)


def test_the_seed_of_a_variable_is_that_of_its_making() -> None:
    def draw(shape: Any, dtype: Any, path: str) -> Any:
        return random.host_generator(path).normal(size=shape)

    random.set_seed(1)
    early = Variable(draw, (3,), name="w")
    random.set_seed(2)
    late = Variable(draw, (3,), name="w")
    random.set_seed(1)
    same = Variable(draw, (3,), name="w")
    np.testing.assert_array_equal(early.numpy(), same.numpy())
    assert (early.numpy() != late.numpy()).all()


def test_a_slot_replaced_as_a_whole_is_seen_by_its_variables() -> None:
    a, b = Variable([1.0]), Variable([2.0])
    slot = Slot([a.concrete(), b.concrete()])
    a.bind(slot, 0)
    b.bind(slot, 1)
    slot.values = [jnp.float32([7]), jnp.float32([8])]
    assert (float(a.value[0]), float(b.value[0])) == (7, 8)
