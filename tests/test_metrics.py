"""Metrics: numbers of Keras 3.15.1 over batches of different sizes, state inside an evaluation, names."""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np
import pytest
from reference import WEIGHTS, compiled, samples

from kerato import legacy, losses, metrics
from kerato.errors import InvalidValue, UnknownName
from kerato.graph import Tensor, evaluate
from kerato.variables import Run, Variable

#: class, arguments, kind of samples, Keras 3.15.1's result after batches of 4, 4 and 3 samples, then that with weights
KERAS: list[tuple[str, dict[str, Any], str, Any, Any]] = [
    ("Accuracy", {}, "classes", 0.4545455, 0.2),
    ("BinaryAccuracy", {}, "binary", 0.6363636, 0.637037),
    ("BinaryAccuracy", {"threshold": 0.3}, "binary", 0.6969697, 0.725926),
    ("CategoricalAccuracy", {}, "onehot", 0.2727273, 0.2222222),
    ("SparseCategoricalAccuracy", {}, "sparse", 0.2727273, 0.2222222),
    ("TopKCategoricalAccuracy", {"k": 2}, "onehot", 0.6363636, 0.6666667),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse", 0.6363636, 0.6666667),
    ("MeanSquaredError", {}, "values", 0.3291608, 0.3195606),
    ("RootMeanSquaredError", {}, "values", 0.5737254, 0.5652969),
    ("MeanAbsoluteError", {}, "values", 0.4882332, 0.4643851),
    ("MeanAbsolutePercentageError", {}, "values", 44.40799, 40.98665),
    ("MeanSquaredLogarithmicError", {}, "values", 0.09131923, 0.08988512),
    ("LogCoshError", {}, "values", 0.1496061, 0.1447438),
    ("CosineSimilarity", {}, "values", 0.8846136, 0.8902249),
    ("Poisson", {}, "values", 1.166721, 1.173111),
    ("Hinge", {}, "signs", 0.6775632, 0.6223313),
    ("SquaredHinge", {}, "signs", 1.087364, 0.9336618),
    ("CategoricalHinge", {}, "onehot", 1.368496, 1.412342),
    ("KLDivergence", {}, "onehot", 1.854904, 1.951969),
    ("BinaryCrossentropy", {}, "binary", 0.5960231, 0.5462036),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "onehot", 1.853835, 1.940958),
    ("SparseCategoricalCrossentropy", {}, "sparse", 1.854907, 1.951972),
    ("TruePositives", {}, "binary", 11.0, 13.25),
    ("TrueNegatives", {}, "binary", 10.0, 8.25),
    ("FalsePositives", {}, "binary", 5.0, 5.5),
    ("FalseNegatives", {"thresholds": [0.2, 0.7]}, "binary", [2.0, 8.0], [0.25, 8.75]),
    ("Precision", {}, "binary", 0.6875, 0.7066666),
    ("Precision", {"thresholds": [0.2, 0.5, 0.8]}, "binary", [0.64, 0.6875, 0.9], [0.7314815, 0.7066666, 0.9555556]),
    ("Precision", {"top_k": 2}, "binary", 0.6363636, 0.7222222),
    ("Recall", {}, "binary", 0.6111111, 0.6625),
    ("Recall", {"class_id": 1, "thresholds": 0.4}, "binary", 0.7142857, 0.7777778),
    ("AUC", {}, "binary", 0.7740741, 0.8088637),
    ("AUC", {"num_thresholds": 5}, "binary", 0.7166666, 0.7486364),
    ("AUC", {"curve": "PR"}, "binary", 0.8309699, 0.8789983),
    ("AUC", {"curve": "PR", "summation_method": "minoring", "num_thresholds": 7}, "binary", 0.4112103, 0.3609096),
    ("AUC", {"summation_method": "majoring", "thresholds": [0.3, 0.6]}, "binary", 0.8629629, 0.9018182),
    ("AUC", {"from_logits": True}, "logits", 0.7740741, 0.8088637),
    ("AUC", {"multi_label": True, "num_labels": 3}, "binary", 0.770635, 0.8378463),
    ("AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 2.0, 0.5]}, "binary", 0.74966, 0.7400293),
    ("AUC", {"label_weights": [1.0, 2.0, 0.5]}, "binary", 0.7583334, 0.7711627),
    ("F1Score", {}, "onehot", [0.2499999, 0.0, 0.5714285], [0.0, 0.0, 0.6896551]),
    ("F1Score", {"average": "macro", "threshold": 0.4}, "onehot", 0.3571428, 0.3000605),
    ("FBetaScore", {"average": "micro", "beta": 2.0}, "onehot", 0.2727273, 0.2222222),
    ("FBetaScore", {"average": "weighted", "beta": 0.5}, "onehot", 0.2344497, 0.1472557),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, "classes", 0.2666667, None),
    ("MeanIoU", {"num_classes": 3}, "classes", 0.2888889, None),
    ("MeanIoU", {"num_classes": 3, "ignore_class": 1}, "classes", 0.2166667, None),
    ("BinaryIoU", {"threshold": 0.4}, "binary", 0.5285088, None),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [1]}, "onehot", 0.0, None),
    ("OneHotMeanIoU", {"num_classes": 3}, "onehot", 0.1809524, None),
    ("MeanIoU", {"num_classes": 3, "sparse_y_pred": False}, "sparse", 0.1809524, None),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, "binary", 0.7777778, 0.7125),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5, "num_thresholds": 11}, "binary", 0.9333333, 0.9636363),
    ("PrecisionAtRecall", {"recall": 0.7}, "binary", 0.7, 0.7314815),
    ("RecallAtPrecision", {"precision": 0.75, "num_thresholds": 1}, "binary", 0.0, 0.0),
    ("RecallAtPrecision", {"precision": 0.65}, "binary", 0.8333333, 1.0),
    ("PearsonCorrelation", {}, "values", -0.240757, -0.09576878),
    ("ConcordanceCorrelation", {}, "values", -0.160404, -0.1279985),
    ("R2Score", {}, "values", -2.368055, -3.08208),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "values", -2.420536, -3.130092),
    (
        "R2Score",
        {"class_aggregation": None},
        "values",
        [-2.914081, -1.644347, -2.545736],
        [-3.648215, -2.384543, -3.21348],
    ),
    ("R2Score", {"num_regressors": 2}, "values", -2.592592, -3.354218),
]

BATCHES = [(4, 0.0), (4, 1.0), (3, 2.0)]


def _count(metric: metrics.Metric, batches: list[Any], weighted: bool) -> Any:
    """The result after the batches, as a compiled step finds it: all state in a run."""
    with Run():
        for y, p, w in batches:
            metric.update_state(y, p, **({"sample_weight": w} if weighted else {}))
        return metric.result()


@pytest.fixture(scope="module")
def keras_numbers() -> list[Any]:
    """Every row of `KERAS`, without and with weights: one program, formulas held to strict shapes and types."""

    def table(data: dict[str, Any]) -> list[Any]:
        def made(row: Any) -> Any:
            return getattr(metrics, row[0])(**row[1])

        return [
            (_count(made(row), data[row[2]], False), 0 if row[4] is None else _count(made(row), data[row[2]], True))
            for row in KERAS
        ]

    kinds = {row[2] for row in KERAS}
    data = {kind: [(*samples(kind, n, shift), WEIGHTS[n]) for n, shift in BATCHES] for kind in kinds}
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        return jax.tree.map(np.asarray, compiled(table)(data))


@pytest.mark.parametrize("number", range(len(KERAS)), ids=[f"{row[0]}{json.dumps(row[1])}" for row in KERAS])
def test_result_is_keras_number(number: int, keras_numbers: list[Any]) -> None:
    _, _, _, plain, weighted = KERAS[number]
    assert keras_numbers[number][0] == pytest.approx(np.asarray(plain), rel=1e-5)
    if weighted is not None:
        assert keras_numbers[number][1] == pytest.approx(np.asarray(weighted), rel=1e-5)


def test_functions_give_one_number_per_sample() -> None:
    one_hot, p = samples("onehot")
    labels = one_hot.argmax(-1)
    right = (p.argmax(-1) == labels).astype("float32").tolist()
    assert metrics.categorical_accuracy(one_hot, p).tolist() == right
    assert metrics.sparse_categorical_accuracy(labels, p).tolist() == right
    assert metrics.sparse_categorical_accuracy(labels[:, None], p).tolist() == right
    ranks = (p > p[np.arange(4), labels][:, None]).sum(-1)
    assert metrics.top_k_categorical_accuracy(one_hot, p, k=2).tolist() == (ranks < 2).tolist()
    assert metrics.sparse_top_k_categorical_accuracy(labels, p, k=2).tolist() == (ranks < 2).tolist()
    order = np.argsort(-p, axis=-1)
    assert metrics.sparse_top_k_categorical_accuracy(labels, order, 2, True).tolist() == (ranks < 2).tolist()
    assert metrics.binary_accuracy([[0.0, 1.0]], [[0.5, 0.6]]).tolist() == [[1, 1]]


def test_top_k_counts_ties_for_the_label() -> None:
    assert metrics.sparse_top_k_categorical_accuracy([2], [[0.4, 0.3, 0.3]], k=2).tolist() == [1]


def test_functions_take_symbolic_tensors() -> None:
    y, p = samples("onehot")
    a, b = Tensor((None, 3), "float32"), Tensor((None, 3), "float32")
    found = evaluate([metrics.categorical_accuracy(a, b)], {a: y, b: p}).outputs[0]
    assert found.tolist() == metrics.categorical_accuracy(y, p).tolist()


def test_sum_and_mean_of_values() -> None:
    total = metrics.Sum()
    total.update_state([1.0, 2.0], [1.0, 0.5])
    total.update_state(3.0)
    assert total.result() == 5
    mean = metrics.Mean()
    assert mean.result() == 0
    mean.update_state([[1.0, 3.0], [5.0, 7.0]])
    mean.update_state(0.0)
    assert mean.result() == pytest.approx((2 + 6 + 0) / 3)
    mean.reset_state()
    assert mean([4.0]) == 4 and [v.path for v in mean.variables] == ["mean/total", "mean/count"]


def test_state_inside_a_run_is_its_result() -> None:
    metric = metrics.MeanSquaredError()
    with Run() as run:
        metric.update_state([[0.0]], [[3.0]])
    assert {v.path: float(value) for v, value in run.updates.items()} == {
        "mean_squared_error/total": 9,
        "mean_squared_error/count": 1,
    }
    assert metric.result() == 0


class Largest(metrics.Metric):
    """A user's metric, made of a variable, an attribute variable and another metric."""

    def __init__(self, name: str = "largest", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.best = self.add_weight(name="best", initializer="zeros")
        self.seen = Variable(np.zeros((), "int32"), trainable=False, name="seen")
        self.inner = metrics.Mean()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.best.assign(np.maximum(self.best.numpy(), np.max(y_pred)))
        self.seen.assign_add(1)
        self.inner.update_state(y_pred)

    def result(self) -> Any:
        return self.best.value + self.inner.result()


def test_a_users_metric_has_all_its_state() -> None:
    metric = Largest()
    assert metric([0.0], [2.0]) == 4
    assert [v.name for v in metric.variables] == ["best", "seen", "total", "count"]
    metric.reset_state()
    assert metric.seen.numpy() == 0 and metric.result() == 0
    for method in ("update_state", "result"):
        with pytest.raises(NotImplementedError):
            getattr(metrics.Metric(), method)()


def test_scores_per_class_need_their_shape() -> None:
    score = metrics.F1Score()
    assert score.variables == []
    score.build((None, 3), (None, 3))
    score.build((None, 3), (None, 3))
    assert [v.shape for v in score.variables] == [(3,)] * 3
    with pytest.raises(InvalidValue, match=r"F1Score: `y_pred` must be of shape \(samples, classes\)"):
        metrics.F1Score().build((None,), (None,))
    curve = metrics.AUC(multi_label=True)
    curve.build((None, 2), (None, 2))
    assert curve.variables[0].shape == (200, 2)


#: output shape, target shape, loss -> today's class, 2.0.5's class
ACCURACIES = [
    ((None, 1), (None, 1), "mse", "BinaryAccuracy", "BinaryAccuracy"),
    ((None, 10), (None, 10), "categorical_crossentropy", "CategoricalAccuracy", "CategoricalAccuracy"),
    (
        (None, 10),
        (None, 1),
        "sparse_categorical_crossentropy",
        "SparseCategoricalAccuracy",
        "SparseCategoricalAccuracy",
    ),
    ((None, 10), (None,), "sparse_categorical_crossentropy", "SparseCategoricalAccuracy", "SparseCategoricalAccuracy"),
    ((None, 3), (None, 3), "binary_crossentropy", "CategoricalAccuracy", "BinaryAccuracy"),
    ((None, 8, 8, 5), (None, 8, 8), None, "SparseCategoricalAccuracy", "SparseCategoricalAccuracy"),
]


@pytest.mark.parametrize(("output", "target", "loss", "today", "old"), ACCURACIES)
def test_accuracy_is_chosen_by_shapes_and_once_by_the_loss(
    output: Any, target: Any, loss: str | None, today: str, old: str
) -> None:
    assert metrics.accuracy_for(loss, output, target) == today
    with legacy.dialect():
        assert metrics.accuracy_for(loss, output, target) == old


def test_as_metric_keeps_the_name_it_was_asked_by() -> None:
    metric = metrics.as_metric("acc", None, (None, 3), (None,))
    assert type(metric) is metrics.SparseCategoricalAccuracy and metric.name == "acc"
    assert metrics.as_metric("mse").name == "mse" and metrics.as_metric("acc").name == "acc"
    assert metrics.as_metric("huber")([[0.0]], [[2.0]]) == 1.5
    assert metrics.as_metric(losses.Huber()).name == "huber_loss"

    def mine(y: Any, p: Any) -> Any:
        return p - y

    assert metrics.as_metric(mine).name == "mine"
    named = metrics.as_metric(metrics.AUC(name="area"))
    assert named.name == "area" and type(named) is metrics.AUC


def test_every_name_and_alias_resolves() -> None:
    needed = {"IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "MeanMetricWrapper"}
    needed |= {"SensitivityAtSpecificity", "SpecificityAtSensitivity", "PrecisionAtRecall", "RecallAtPrecision"}
    for name in [*metrics.FAMILY.members, *metrics.FAMILY.aliases]:
        if metrics.FAMILY.aliases.get(name, name) not in needed:
            assert metrics.get(name) is not None
    with pytest.raises(UnknownName, match=r"^metrics: metric 'acuracy' is not known .* Did you mean 'Accuracy'\?"):
        metrics.get("acuracy")


@pytest.mark.parametrize("row", KERAS, ids=[f"{row[0]}{json.dumps(row[1])}" for row in KERAS])
def test_configurations_rebuild(row: Any) -> None:
    metric = getattr(metrics, row[0])(**row[1])
    written = metrics.serialize(metric)
    assert json.loads(json.dumps(written)) == written and written["module"] == "keras.metrics"
    again = metrics.deserialize(written)
    assert type(again) is type(metric) and again.get_config() == metric.get_config()


def test_wrapped_functions_keep_their_arguments() -> None:
    wrapped = metrics.MeanMetricWrapper(losses.huber, "mine", delta=0.5)
    assert wrapped.get_config() == {"fn": "huber", "name": "mine", "dtype": "float32", "delta": 0.5}
    assert wrapped([[0.0]], [[2.0]]) == pytest.approx(0.5 * (2 - 0.25))


VIOLATIONS = [
    (
        metrics.Precision,
        {"thresholds": 1.5},
        "Precision: `thresholds` must be a number from 0 to 1, or several or None.",
    ),
    (metrics.Recall, {"top_k": 0}, "Recall: `top_k` must be an int >= 1 or None. Got 0."),
    (metrics.AUC, {"curve": "roc curve"}, "AUC: `curve` must be one of 'ROC', 'PR'."),
    (metrics.AUC, {"num_thresholds": 1}, "AUC: `num_thresholds` must be an int >= 2. Got 1."),
    (metrics.FBetaScore, {"average": "mean"}, "FBetaScore: `average` must be one of"),
    (metrics.IoU, {"num_classes": 2, "target_class_ids": [2]}, "IoU: `target_class_ids` must be ints < 2. Got [2]."),
    (metrics.BinaryAccuracy, {"threshold": "half"}, "(BinaryAccuracy): `threshold` must be a number or None."),
]


@pytest.mark.parametrize(("kind", "options", "message"), VIOLATIONS)
def test_violations_say_what_is_allowed(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue) as error:
        kind(**options)
    assert message in str(error.value)
