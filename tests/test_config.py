"""Settings: from keras.json, from the environment, from setters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from kerato import config, layers


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[Any], None]]:
    """Nothing set, and a function that writes a keras.json."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    before, wide = dict(config._settings), jax.config.jax_enable_x64
    config._settings.clear()

    def write(content: Any) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "keras.json").write_text(text)
        config._settings.clear()

    yield write
    config._settings.clear()
    config._settings.update(before)
    jax.config.update("jax_enable_x64", wide)


def test_defaults_hold_without_a_file_and_none_is_written(tmp_path: Path) -> None:
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float32", 1e-7, "channels_last")
    assert config.backend() == "tensorflow"
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_honoured(fresh: Callable[[Any], None]) -> None:
    fresh({"floatx": "float64", "epsilon": 1e-4, "image_data_format": "channels_first", "backend": "theano", "x": 1})
    assert (config.floatx(), config.epsilon()) == ("float64", 1e-4)
    assert (config.image_data_format(), config.backend()) == ("channels_first", "theano")


@pytest.mark.parametrize("content", ["not json", "[]", "", "3"])
def test_a_file_that_is_no_table_counts_as_empty(fresh: Callable[[Any], None], content: str) -> None:
    fresh(content)
    assert config.floatx() == "float32"


@pytest.mark.parametrize("backend", ["jax", "torch", "tensorflow", "theano"])
def test_every_backend_of_keras_is_accepted_as_a_name(fresh: Callable[[Any], None], backend: str) -> None:
    fresh({"backend": backend})
    assert config.backend() == backend


def test_the_environment_wins_over_the_file(fresh: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    fresh({"backend": "theano"})
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert config.backend() == "jax"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"floatx": "float31"}, r"`floatx` 'float31' is not known .*Did you mean 'float32'"),
        ({"backend": "theeano"}, r"`backend` 'theeano' is not known .*Did you mean 'theano'"),
        ({"image_data_format": "th"}, r"`image_data_format` 'th' is not known"),
        ({"epsilon": -1}, r"`epsilon` must be a number > 0\. Got -1"),
        ({"epsilon": "small"}, r"Got 'small'"),
    ],
)
def test_a_bad_value_in_the_file_is_named(fresh: Callable[[Any], None], content: Any, message: str) -> None:
    fresh(content)
    with pytest.raises(ValueError, match=message):
        config.floatx()


@pytest.mark.parametrize(
    ("setter", "value"),
    [
        (config.set_floatx, "int8"),
        (config.set_epsilon, 0),
        (config.set_image_data_format, "last"),
        (config.set_dtype_policy, "mixed_int8"),
    ],
)
def test_setters_refuse_what_the_file_may_not_say(setter: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="config: `"):
        setter(value)


def test_the_data_format_holds_for_layers_made_from_now_on() -> None:
    before = layers.Conv2D(2, 3)
    config.set_image_data_format("channels_first")
    after = layers.Conv2D(2, 3)
    assert (before.data_format, after.data_format) == ("channels_last", "channels_first")
    assert after(layers.Input((1, 5, 6))).shape == (None, 2, 3, 4)


def test_floatx_and_policy_hold_for_layers_made_from_now_on() -> None:
    config.set_floatx("float64")
    assert layers.Dense(1).dtype_policy == "float64"
    assert str(layers.Dense(1)(np.ones((1, 2))).dtype) == "float64"
    config.set_dtype_policy("mixed_bfloat16")
    mixed = layers.Dense(1)
    assert (mixed.compute_dtype, mixed.variable_dtype) == ("bfloat16", "float32")
    config.set_dtype_policy(None)
    assert layers.Dense(1).dtype_policy == "float64"


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERATO_CACHE", str(tmp_path / "here"))
    assert config.cache_home() == tmp_path / "here"
    monkeypatch.delenv("KERATO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert config.cache_home() == tmp_path / "kerato"


def test_the_compile_cache_is_switched_off_by_setter_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.compile_cache()
    config.set_compile_cache(False)
    assert not config.compile_cache()
    config.set_compile_cache(True)
    monkeypatch.setenv("KERATO_COMPILE_CACHE", "0")
    assert not config.compile_cache()
