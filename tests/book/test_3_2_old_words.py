"""Book 3.2: `layers.deserialize` of scripts that import `keras`, listing 12."""

from __future__ import annotations

import pytest
from catalog import TABLE, Row

from kerato.keras import layers


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_row_3_2_04_any_layer_is_made_again_by_its_class_s_name(row: Row) -> None:
    layer = row.make()
    config = layer.get_config()
    functions = {value.__name__: value for value in row.arguments.values() if callable(value)}
    found = layers.deserialize({"class_name": type(layer).__name__, "config": config}, functions)
    assert type(found) is type(layer)
    assert {name: found.get_config()[name] for name in config} == config


def test_row_3_2_04_a_name_that_no_layer_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the class 'Dens' is not known.*Did you mean 'Dense'"):
        layers.deserialize({"class_name": "Dens", "config": {}})
