"""Book 2.2 names VGG-19 beside VGG-16."""

from __future__ import annotations

from kerato.applications import VGG19
from kerato.counting import counts


def test_row_2_2_14_the_convolutions_of_vgg_19_have_20_million_weights() -> None:
    model = VGG19(weights=None, include_top=False)
    assert model.count_params() == 20_024_384
    convolutions = [row for row in counts(model) if row.kind == "Conv2D"]
    assert len(convolutions) == 16
    assert model.get_layer("conv5_4").filters == 512
    assert VGG19(weights=None).count_params() == 143_667_240
