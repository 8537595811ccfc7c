"""The table's rows of layers that merge, that are activations or noise, and that change pictures on the device."""

from __future__ import annotations

from catalog_row import PICTURES, STEPS, VECTORS, Row
from layer_reference import same
from picture_reference import (
    bent,
    dotted,
    einsum_dense,
    merged,
    normalized_exponentials,
    permuted,
    repeated_vector,
)

from kerato import layers

TWO, THREE = ((3, 4), (3, 4)), ((3, 4), (3, 4), (3, 4))
FILMS = ((3, 2, 3, 2, 4),)

ROWS = [
    Row("activity_regularization", layers.ActivityRegularization, {"l1": 0.1, "l2": 0.2}, VECTORS, same,
        (("l1", -1), ("l2", "much"))),
    Row("add-ranks", layers.Add, {}, ((3, 4), (3, 5, 4)), merged, sequential=False),
    Row("alpha_dropout", layers.AlphaDropout, {"rate": 0.3}, VECTORS, same,
        (("rate", 1), ("rate", -0.1), ("noise_shape", "all"), ("seed", "a")), random=True),
    Row("average", layers.Average, {}, THREE, merged, sequential=False),
    Row("dot", layers.Dot, {"axes": 1}, TWO, dotted, (("axes", 0), ("axes", (1, 2, 3)), ("normalize", "no")),
        sequential=False),
    Row("dot-axes", layers.Dot, {"axes": [2, 1]}, ((3, 2, 4), (3, 4, 2, 3)), dotted, sequential=False),
    Row("dot-cosine", layers.Dot, {"axes": -1, "normalize": True}, ((3, 2, 4), (3, 4)), dotted, sequential=False),
    Row("einsum_dense", layers.EinsumDense,
        {"equation": "...x,xy->...y", "output_shape": 5, "bias_axes": "y", "activation": "tanh"}, STEPS, einsum_dense,
        (("equation", "ab"), ("equation", "ab,bc->ad"), ("activation", "than"), ("bias_constraint", "postive"))),
    Row("einsum_dense-heads", layers.EinsumDense,
        {"equation": "abc,cde->abde", "output_shape": [None, 2, 3], "bias_axes": "de"}, STEPS, einsum_dense),
    Row("einsum_dense-right", layers.EinsumDense,
        {"equation": "ab...,bc->ac...", "output_shape": 4, "bias_axes": "c"}, STEPS, einsum_dense),
    Row("elu", layers.ELU, {"alpha": 0.7}, VECTORS, bent, (("alpha", "big"),)),
    Row("gaussian_dropout", layers.GaussianDropout, {"rate": 0.5}, VECTORS, same, (("rate", 1), ("rate", None)),
        random=True),
    Row("gaussian_noise", layers.GaussianNoise, {"stddev": 0.5}, VECTORS, same, (("stddev", -1), ("seed", [])),
        random=True),
    Row("identity", layers.Identity, {}, VECTORS, same),
    Row("leaky_relu", layers.LeakyReLU, {"negative_slope": 0.1}, VECTORS, bent, (("negative_slope", -1),)),
    Row("maximum", layers.Maximum, {}, ((3, 5, 4), (3, 1, 4), (3, 5, 1)), merged, sequential=False),
    Row("minimum", layers.Minimum, {}, THREE, merged, sequential=False),
    Row("multiply", layers.Multiply, {}, THREE, merged, sequential=False),
    Row("permute", layers.Permute, {"dims": (3, 1, 2)}, PICTURES, permuted, (("dims", (0, 1)), ("dims", 2))),
    Row("prelu", layers.PReLU, {"alpha_initializer": "ones"}, VECTORS, bent,
        (("shared_axes", 0), ("shared_axes", "x"), ("alpha_initializer", "one_half"))),
    Row("prelu-shared", layers.PReLU, {"shared_axes": [1, 2]}, PICTURES, bent),
    Row("relu", layers.ReLU, {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}, VECTORS, bent,
        (("max_value", -1), ("negative_slope", -1), ("threshold", -1))),
    Row("relu-plain", layers.ReLU, {}, VECTORS, bent),
    Row("repeat_vector", layers.RepeatVector, {"n": 3}, VECTORS, repeated_vector, (("n", 0), ("n", "3"))),
    Row("rrelu", layers.RReLU, {"lower": 0.1, "upper": 0.3}, VECTORS, bent, (("lower", "x"), ("upper", -1)),
        random=True),
    Row("softmax", layers.Softmax, {"axis": [1, 2]}, ((3, 2, 4),), normalized_exponentials, (("axis", "last"),)),
    Row("softmax-plain", layers.Softmax, {}, VECTORS, normalized_exponentials),
    Row("spatial_dropout1d", layers.SpatialDropout1D, {"rate": 0.5}, ((3, 2, 16),), same, (("rate", 2),), random=True),
    Row("spatial_dropout2d", layers.SpatialDropout2D, {"rate": 0.5}, ((3, 2, 1, 16),), same,
        (("data_format", "last"),), random=True, spatial=True),
    Row("spatial_dropout3d", layers.SpatialDropout3D, {"rate": 0.5}, FILMS, same, (("rate", "a"),), random=True,
        spatial=True),
    Row("subtract", layers.Subtract, {}, TWO, merged, sequential=False),
    Row("thresholded_relu", layers.ThresholdedReLU, {"theta": 0.3}, VECTORS, bent, (("theta", -1),)),
]  # fmt: skip
