"""Arguments are written once: attributes, checks and configuration follow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerato import arguments, layers
from kerato.arguments import Configurable, Family, snake_case
from kerato.errors import InvalidType, InvalidValue, UnknownName


class Owner:
    rank = 2
    __module__ = "kerato.tests"


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (arguments.positive_int, {3: 3, 4.0: 4}, [0, -1, 1.5, "3", None, True]),
        (arguments.fraction, {0: 0.0, 0.5: 0.5, 1: 1.0}, [-0.1, 1.1, "0.5", None, float("nan"), True]),
        (arguments.number(0, below=1), {0.99: 0.99}, [1, -1]),
        (arguments.number(), {-5: -5.0}, ["x", None, float("nan")]),
        (arguments.flag, {True: True, 0: False}, ["yes", 2, None]),
        (arguments.one_of("a", "b"), {"a": "a"}, ["c", 1, None]),
        (arguments.optional(arguments.positive_int), {None: None, 2: 2}, [0, "2"]),
        (arguments.shape, {3: (3,), None: (None,), (2, None): (2, None)}, ["ab", (1.5,), (-2,)]),
        (arguments.per_axis(), {2: (2, 2), (1, 3): (1, 3)}, [0, (1,), (1, 2, 3), (1, 0), "2", 1.5]),
    ],
    ids=["positive_int", "fraction", "below", "number", "flag", "one_of", "optional", "shape", "per_axis"],
)
def test_a_rule_converts_what_fits_and_refuses_the_rest(rule: Any, good: dict[Any, Any], bad: list[Any]) -> None:
    for value, expected in good.items():
        found = rule(Owner(), "it", value)
        assert found == expected
        assert type(found) is type(expected)
    for value in bad:
        with pytest.raises(InvalidValue) as caught:
            rule(Owner(), "it", value)
        assert str(caught.value) == f"Owner: `it` must be {rule.text}. Got {value!r}."


class Thing(Configurable):
    """As a class of the package: arguments become attributes."""

    __module__ = "kerato.tests"
    checks = {"size": arguments.positive_int, "*_share": arguments.fraction}

    def __init__(self, size: int, test_share: float = 0.5, **common: Any) -> None:
        self.more = common


Thing.__init__.__module__ = "kerato.tests"


class Users(layers.Layer):
    """As a user writes it, attributes by hand."""

    def __init__(self, units: int, scale: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.factor = units, scale

    def call(self, x: Any) -> Any:
        return x * self.factor


def test_a_user_s_layer_is_configured_without_a_line_for_it() -> None:
    layer = Users(3, scale=4.0, name="mine")
    config = layer.get_config()
    assert (config["units"], config["scale"], config["name"]) == (3, 4.0, "mine")
    again = Users.from_config(config)
    assert (again.units, again.factor, again.name) == (3, 4.0, "mine")


def test_a_layer_shows_its_class_and_name() -> None:
    assert repr(Users(3, name="mine")) == "<Users name=mine built=False>"


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: layers.Dense(unit=3), r"^Dense: the argument 'unit' is not known \(units, .*Did you mean 'units'\?"),
        (lambda: layers.Dense(), r"^Dense: missing a required argument: 'units'\. It takes \(units, "),
        (lambda: layers.Dense(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14), r"^Dense: too many positional arguments"),
        (lambda: layers.Dense(3, units=4), r"^Dense: multiple values for argument 'units'"),
        (lambda: Users(3, nane="x"), r"^Users: the argument 'nane' is not known .*Did you mean 'name'\?"),
    ],
)
def test_a_call_that_does_not_bind_says_what_there_is(act: Any, message: str) -> None:
    with pytest.raises(InvalidType, match=message):
        act()


def test_a_message_names_the_object_once_it_has_a_name() -> None:
    layer = layers.Dense(3, name="head")
    assert arguments.title(layer) == "head (Dense)"
    assert arguments.title(layers.Dense) == "Dense"


@pytest.mark.parametrize(
    ("name", "snake"),
    [("Conv2DTranspose", "conv2d_transpose"), ("ReLU", "re_lu"), ("LSTM", "lstm"), ("ConvLSTM2D", "conv_lstm2d"),
     ("BatchNormalization", "batch_normalization"), ("MaxPooling2D", "max_pooling2d"), ("PReLU", "p_re_lu")],
)  # fmt: skip
def test_snake_case_is_that_of_keras(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@settings(deadline=None)
@given(st.text("ABCabc123_", min_size=1, max_size=20))
def test_snake_case_is_lower_and_stays_as_it_is(name: str) -> None:
    once = snake_case(name)
    assert once == once.lower()
    assert snake_case(once) == once


FAMILY = Family("shapes", "shape", {"Thing": Thing, "round": round}, {"ball": "round"})


def test_a_family_finds_names_aliases_configurations_classes_and_functions() -> None:
    assert FAMILY.get("round") is FAMILY.get("ball") is FAMILY.get("ROUND") is round
    assert FAMILY.get(None) is None
    assert FAMILY.get(len) is len
    assert isinstance(FAMILY.get({"class_name": "Thing", "config": {"size": 2}}), Thing)


@pytest.mark.parametrize("bad", ["rund", 3, 2.5])
def test_a_family_lists_its_names_when_it_does_not_find_one(bad: Any) -> None:
    with pytest.raises(UnknownName, match=r"shapes: shape .* is not known \((ball, )?round, Thing\)\."):
        FAMILY.get(bad)


def test_nested_objects_are_serialised_as_keras_does() -> None:
    config = layers.Dense(2, kernel_regularizer="l2", activation="relu").get_config()
    assert config["activation"] == "relu"
    assert config["kernel_initializer"]["class_name"] == "GlorotUniform"
    assert config["kernel_regularizer"]["module"] == "keras.regularizers"
    assert layers.Dense.from_config(config).get_config() == config
