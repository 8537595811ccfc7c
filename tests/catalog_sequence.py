"""The table's rows of layers over time and of attention: embedding, recurrent, wrappers, attention."""

from __future__ import annotations

from typing import Any

from attention_reference import attended, standardized, unit
from catalog_row import STEPS, Row
from sequence_reference import both_ways, each_step, embedded, filmed, walked

from kerato import layers


def _inner(name: str, **options: Any) -> dict[str, Any]:
    """A layer as a configuration holds it."""
    return {"class_name": name, "config": options}


PAIR = ((3, 3, 2), (3, 4, 2))

ROWS = [
    Row("additive_attention", layers.AdditiveAttention, {"dropout": 0.4}, PAIR, attended, (("use_scale", "yes"),),
        sequential=False, random=True),
    Row("attention", layers.Attention, {"use_scale": True}, PAIR, attended,
        (("score_mode", "sum"), ("dropout", 2)), sequential=False),
    Row("attention-concat", layers.Attention, {"score_mode": "concat"}, (*PAIR, PAIR[1]), attended, sequential=False),
    Row("bidirectional", layers.Bidirectional, {"layer": _inner("GRU", units=2, return_sequences=True)}, STEPS,
        both_ways, (("layer", "gru"), ("merge_mode", "join"), ("backward_layer", 3))),
    Row("bidirectional-last", layers.Bidirectional, {"layer": _inner("SimpleRNN", units=2), "merge_mode": "mul"}, STEPS,
        both_ways),
    Row("conv_lstm1d", layers.ConvLSTM1D, {"filters": 2, "kernel_size": 3, "strides": 2, "return_sequences": True},
        ((3, 3, 6, 2),), filmed),
    Row("conv_lstm2d", layers.ConvLSTM2D, {"filters": 2, "kernel_size": (2, 3), "padding": "same", "dropout": 0.3,
                                           "recurrent_dropout": 0.3, "go_backwards": True}, ((3, 2, 3, 4, 1),), filmed,
        (("filters", 0), ("kernel_size", (1, 2, 3)), ("padding", "causal"), ("recurrent_activation", "hard")),
        random=True),
    Row("conv_lstm3d", layers.ConvLSTM3D, {"filters": 1, "kernel_size": 2, "dilation_rate": (1, 1, 2),
                                           "use_bias": False}, ((3, 2, 2, 3, 4, 1),), filmed),
    Row("embedding", layers.Embedding, {"input_dim": 9, "output_dim": 2}, ((3, 5),), embedded,
        (("input_dim", 0), ("output_dim", "2"), ("mask_zero", "yes")), codes=9),
    Row("group_normalization", layers.GroupNormalization, {"groups": 2}, ((3, 2, 3, 4),), standardized,
        (("groups", 0), ("axis", "last"), ("epsilon", -1))),
    Row("gru", layers.GRU, {"units": 2, "return_sequences": True, "dropout": 0.3, "recurrent_dropout": 0.4}, STEPS,
        walked, (("units", 0), ("reset_after", 2), ("recurrent_activation", "hard"), ("implementation", 3)),
        random=True),
    Row("gru-before", layers.GRU, {"units": 2, "reset_after": False, "go_backwards": True}, STEPS, walked),
    Row("layer_normalization", layers.LayerNormalization, {"epsilon": 0.01}, ((3, 2, 4),), standardized,
        (("axis", "last"), ("epsilon", -1), ("center", 3))),
    Row("lstm", layers.LSTM, {"units": 2}, STEPS, walked,
        (("units", 1.5), ("dropout", 2), ("recurrent_dropout", -1), ("return_sequences", "yes"), ("unroll", 3),
         ("recurrent_initializer", "orto"), ("recurrent_regularizer", "l3"))),
    Row("lstm-dropout", layers.LSTM, {"units": 2, "dropout": 0.4}, STEPS, walked, random=True),
    Row("rms_normalization", layers.RMSNormalization, {"epsilon": 0.01}, ((3, 2, 4),), unit, (("axis", "last"),)),
    Row("rnn", layers.RNN, {"cell": _inner("LSTMCell", units=2), "return_sequences": True}, STEPS, walked,
        (("cell", 3), ("stateful", "no"), ("zero_output_for_mask", 2))),
    Row("simple_rnn", layers.SimpleRNN, {"units": 3, "unroll": True, "return_sequences": True}, STEPS, walked,
        (("units", "3"), ("seed", -1))),
    Row("time_distributed", layers.TimeDistributed, {"layer": _inner("Dense", units=3)}, STEPS, each_step,
        (("layer", "dense"),)),
    Row("unit_normalization", layers.UnitNormalization, {}, ((3, 2, 4),), unit, (("axis", "last"),)),
]  # fmt: skip
