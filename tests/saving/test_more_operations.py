"""Operations of the table survive a file: every row has a class, and a model made of some predicts the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerato import layers, models, ops
from kerato.saving import load_model
from kerato.saving.operations import FORMS, known_operation, stored_form


def test_every_row_names_an_operation() -> None:
    assert sorted(set(FORMS) - set(ops.OPS)) == []


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_call_goes_out_and_comes_back(name: str) -> None:
    form = FORMS[name]
    given = [f"value of {argument}" for argument in form.order]
    record, at_call, named = stored_form(name, given, {})
    assert record["module"].startswith("keras.src.ops.") and not named
    found = known_operation(record["module"], record["class_name"], record["config"])
    assert found is not None
    positional, back = form.join(at_call, record["config"])
    assert {**dict(zip(form.order, positional, strict=False)), **back} == dict(zip(form.order, given, strict=True))


def test_a_model_of_operations_predicts_the_same_from_its_file(tmp_path: Path) -> None:
    x = layers.Input((4, 6))
    y = ops.hypot(ops.cbrt(x), ops.deg2rad(x))
    y = ops.diff(ops.fmax(y, ops.flipud(y)), n=1, axis=-1)
    y = (
        ops.norm(ops.normalize(y, axis=-1, order=2), ord=2, axis=-1)
        + ops.nanmean(ops.glu(x, axis=1), axis=[1, 2])[:, None]
    )
    model = models.Model(x, ops.soft_shrink(y, threshold=0.1))
    given = np.random.default_rng(0).normal(size=(5, 4, 6)).astype("float32")
    model.save(tmp_path / "ops.keras")
    np.testing.assert_array_equal(
        load_model(tmp_path / "ops.keras").predict(given, verbose=0), model.predict(given, verbose=0)
    )
