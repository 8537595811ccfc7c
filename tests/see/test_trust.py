"""What is said of a map: its tests against loops, empty and even maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from toy_nets import SIDE, scene_net, scenes

import kerato
from kerato import see
from kerato.see import trust
from kerato.see.explanation import Explainer, notes_of, scaled

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> Any:
    return scene_net()


@pytest.fixture(scope="module")
def found(model: Any) -> Any:
    x, y, _ = scenes(64, 2)
    return see.explain(model, x, y)


def test_good_maps_are_believed_and_beat_chance(found: Any) -> None:
    gain = [t.insertion - t.deletion - t.by_chance for t in found.trust]
    assert np.mean(gain) > 0.1
    assert np.mean([t.score for t in found.trust]) > 0.1
    assert sum(t.sentence.startswith(("Believable", "Plausible")) for t in found.trust) > 32


def test_shuffled_weights_change_the_map_and_the_sentence_says_if_not(model: Any, found: Any) -> None:
    assert np.mean([t.randomised for t in found.trust]) < 0.5
    x, y, _ = scenes(4, 3)
    explainer = Explainer(model)
    maps, _ = explainer.maps([x], y.astype("int32"), explainer.chosen([x])[0])
    generator = np.random.default_rng(0)
    other, _ = explainer.maps(
        [x], y.astype("int32"), explainer.chosen([x])[0], [trust._shuffled(w, generator) for w in model.get_weights()]
    )
    assert np.abs(maps - other).max() > 1e-3
    numbers = {"deletion": 0.1, "insertion": 0.9, "by_chance": 0.0, "edges": 0.0, "centre": 0.0, "agreement": 0.9}
    assert trust.sentence_for(maps[0], randomised=0.1, **numbers).startswith("Believable")
    assert trust.sentence_for(maps[0], randomised=0.9, **numbers) == (
        "Do not believe it: a net with random weights gives nearly the same map."
    )
    for change, words in [
        ({"edges": 0.9}, "Be careful: the map mostly repeats the edges"),
        ({"centre": 0.95}, "Be careful: the map is mostly a spot in the middle"),
        ({"insertion": 0.1}, "Do not rely on it"),
        ({"agreement": 0.1}, "Plausible, but another method points elsewhere"),
    ]:
        assert trust.sentence_for(maps[0], randomised=0.1, **{**numbers, **change}).startswith(words)
    assert trust.sentence_for(0 * maps[0], randomised=0.1, **numbers).startswith("There is nothing to believe")


def test_deletion_and_insertion_against_a_loop(model: Any) -> None:
    x, y, _ = scenes(3, 4)
    maps = np.random.default_rng(0).random((3, SIDE, SIDE)).astype("float32")
    areas = trust.removal(Explainer(model), [x], y.astype("int32"), maps)
    for i in range(3):
        empty = np.asarray(trust.blurred(x[i : i + 1], -1))[0]
        order = maps[i].ravel().argsort()[::-1]
        curves: Any = ([], [])
        for k in range(trust.STEPS + 1):
            hot = np.zeros(SIDE * SIDE, bool)
            hot[order[: SIDE * SIDE * k // trust.STEPS]] = True
            hot = hot.reshape(SIDE, SIDE, 1)
            shown = np.stack([np.where(hot, empty, x[i]), np.where(hot, x[i], empty)])
            for curve, p in zip(curves, model.predict(shown, verbose=0)[:, y[i]], strict=True):
                curve.append(p)
        for area, curve in zip(areas, curves, strict=True):
            assert area[i] == pytest.approx(np.trapezoid(curve, dx=1 / trust.STEPS), abs=1e-5)


def test_likeness_is_the_correlation_of_ranks() -> None:
    a, b = np.random.default_rng(0).integers(0, 5, (2, 6, 7))
    assert trust.alike(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-12)
    assert trust.alike(a, 3 * a) == pytest.approx(1)
    assert trust.alike(a, np.ones((6, 7))) == 0


def test_empty_and_even_maps_are_announced(model: Any) -> None:
    x = np.random.default_rng(0).random((1, SIDE, SIDE, 1)).astype("float32")
    net = kerato.models.clone_model(model)
    net.set_weights([np.zeros_like(w) for w in model.get_weights()])
    found = see.explain(net, x, 0)
    assert found.notes == ["the map is zero everywhere: nothing speaks for the class here"]
    assert found.trust[0].sentence == "There is nothing to believe: the map is empty."
    assert "zero everywhere" in found.caption(0)
    even, against, broken = np.ones((1, 4, 4)), -np.ones((1, 4, 4)), np.full((1, 4, 4), np.nan)
    assert notes_of(even, scaled(even)) == ["the map is the same nearly everywhere: it tells no place from another"]
    assert notes_of(against, scaled(against)) == ["nothing speaks for the class; what there is speaks against it"]
    assert "not finite" in notes_of(broken, broken)[0]


def test_what_is_shown_and_written(found: Any, tmp_path: Any) -> None:
    facts = found.as_json()
    assert facts["method"] == "grad_cam"
    assert len(facts["pictures"]) == 64
    assert set(facts["pictures"][0]) == {"target", "name", "score", "hottest", "note", "trust"}
    height, width, channels = found.overlay(0).shape
    assert (height % SIDE, width, channels) == (0, height, 3)
    assert found.save(tmp_path / "sheet.png").is_file()
    assert "class" in found.name_of(0)
