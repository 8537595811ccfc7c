"""The table's rows of layers for tones, sharpness, mixing, perspective and policies, and of categories."""

from __future__ import annotations

from catalog_row import PICTURES, VECTORS, Row
from layer_reference import dense, same
from tone_reference import adaptively_equalized, binned, encoded, stretched

from kerato import layers

COLORS = ((3, 3, 2, 3),)
SMALL = ((3, 4, 3, 2),)
NINE = {"value_range": (-9, 9)}
KERNEL = {"class_name": "Dense", "config": {"units": 3}}

ROWS = [
    Row("auto_contrast", layers.AutoContrast, {"value_range": (-1, 1)}, SMALL, stretched, (("value_range", (1, 1)),),
        spatial=True),
    Row("augmix", layers.AugMix, {"num_chains": 2, **NINE}, COLORS, same,
        (("num_chains", 0), ("chain_depth", 1.5), ("alpha", 0), ("all_ops", "all"), ("factor", 2)), random=True,
        spatial=True, heavy=True),
    Row("category_encoding", layers.CategoryEncoding, {"num_tokens": 4, "output_mode": "one_hot"}, ((3, 5),), encoded,
        (("num_tokens", 0), ("output_mode", "int"), ("sparse", True)), codes=4),
    Row("clahe", layers.ContrastLimitedAdaptiveHistogramEqualization,
        {"value_range": (-2, 2), "tile_grid_size": (2, 3), "clip_limit": 3}, ((3, 5, 6, 2),), adaptively_equalized,
        (("clip_limit", -1), ("tile_grid_size", (0, 1))), spatial=True),
    Row("cutmix", layers.CutMix, {"factor": (0.5, 1)}, SMALL, same, (("factor", 2),), random=True, spatial=True),
    Row("discretization", layers.Discretization,
        {"bin_boundaries": (-0.5, 0.1, 0.6), "output_mode": "one_hot"}, VECTORS, binned,
        (("bin_boundaries", (1, 0)), ("num_bins", 0), ("epsilon", -1), ("output_mode", "sum"))),
    Row("equalization", layers.Equalization, {"bins": 8}, SMALL, same, (("bins", 1),), spatial=True),
    Row("mixup", layers.MixUp, {"alpha": 0.5}, SMALL, same, (("alpha", 0),), random=True, spatial=True),
    Row("randaugment", layers.RandAugment, NINE, COLORS, same, (("num_ops", 0), ("interpolation", "cubic")),
        random=True, spatial=True, heavy=True),
    Row("random_color_degeneration", layers.RandomColorDegeneration, {"factor": 0.5, **NINE}, COLORS, same,
        (("factor", 2),), random=True, spatial=True),
    Row("random_color_jitter", layers.RandomColorJitter, {"brightness_factor": 0.1, "contrast_factor": 0.2, **NINE},
        COLORS, same, (("brightness_factor", 2), ("contrast_factor", -1), ("saturation_factor", "a"),
        ("hue_factor", 2)), random=True, spatial=True),
    Row("random_elastic_transform", layers.RandomElasticTransform, {"scale": (1, 1), **NINE}, PICTURES, same,
        (("factor", 2), ("scale", 2)), random=True, spatial=True, heavy=True),
    Row("random_erasing", layers.RandomErasing, {"factor": (1, 1), "scale": (0.3, 0.5), **NINE}, SMALL, same,
        (("factor", 2), ("scale", -0.1), ("fill_value", "grey")), random=True, spatial=True),
    Row("random_gaussian_blur", layers.RandomGaussianBlur, {"factor": (1, 1), **NINE}, SMALL, same,
        (("factor", 2), ("kernel_size", 2), ("sigma", -1)), random=True, spatial=True),
    Row("random_perspective", layers.RandomPerspective, {"factor": (1, 1), "scale": 0.5}, SMALL, same,
        (("factor", 2), ("scale", 2), ("interpolation", "cubic")), random=True, spatial=True),
    Row("random_posterization", layers.RandomPosterization, {"factor": (1, 8), **NINE}, SMALL, same,
        (("factor", 9), ("factor", 0)), random=True, spatial=True),
    Row("random_sharpness", layers.RandomSharpness, {"factor": 1, **NINE}, SMALL, same, (("factor", -1),),
        random=True, spatial=True),
    Row("solarization", layers.Solarization, {"addition_factor": 0.1, "threshold_factor": 1, **NINE}, SMALL, same,
        (("addition_factor", 2), ("threshold_factor", "x")), random=True, spatial=True),
    Row("spectral_normalization", layers.SpectralNormalization, {"layer": KERNEL}, VECTORS, dense,
        (("layer", 3), ("power_iterations", 0))),
]  # fmt: skip
