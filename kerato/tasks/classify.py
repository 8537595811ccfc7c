"""From pictures to a trained classifier and its files: `model.keras`, `history.csv`, `run.json`, `report.html`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kerato import report
from kerato.data.parts import Part
from kerato.errors import BadFile, InvalidValue
from kerato.report import Clock
from kerato.tasks import recipes, transfer
from kerato.tasks.augmentation import generator
from kerato.tasks.material import Material, material, same_classes
from kerato.tasks.records import REPORT, Run, check_writable, earlier, versions, write
from kerato.tasks.scores import scores

#: from so many pictures on, updates take 128 of them instead of 32
MANY = 4000
#: updates that a run should have when nobody says how many epochs, and between which epochs that may lie
UPDATES, FEWEST_EPOCHS, MOST_EPOCHS = 600, 5, 30


def classify(
    data: Any,
    out: Any,
    *,
    net: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    size: int | tuple[int, int] | None = None,
    augment: str = "none",
    seed: int = 0,
    verbose: int = 1,
    resume: bool = False,
    weights: Any = None,
    fine_tune: int = 0,
    recipe: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """Train a classifier on pictures and write its files to `out`.

    Args:
        data: the name of a data set, a folder, a `kerato.datasets.Dataset`, or `kerato.data.pictures(...)`.
        out: an existing folder; with `resume`, that of an earlier run, whose settings hold.
        net: a name in `kerato.applications.NETS`, or of a net with trained weights; None chooses by the
            size of the pictures.
        epochs: how often the training pictures are gone through, those before a resume included; None chooses by
            how many there are.
        batch_size: pictures per update; None chooses by how many there are.
        size: (height, width) that the pictures of a folder are brought to; None chooses by what is there.
        augment: how much training pictures are varied: `none`, `light` or `strong`.
        seed: of initial weights, order, dropout, augmentation and the division of a folder.
        weights: what a pretrained net starts with: `'imagenet'` or a file; `'none'` starts anew. None takes weights
            that are on this machine for a folder of photographs, if nothing else is asked for.
        fine_tune: with `weights`, epochs in which the last block of the net learns too.
        recipe: the name of a way to train that brings its own net: `'fast'`, see `kerato.tasks.recipes`.
        say: is told what happens, a line at a time.

    Raises:
        BadFile: the data or an earlier run cannot be read, or the results cannot be written.
        UnknownName: there is no such data set, net, recipe or level of augmentation.
        InvalidValue: settings that do not go together.
    """
    check_writable(out)
    if recipe is not None:
        others = {"net": net, "weights": weights, "fine_tune": fine_tune, "resume": resume, "augment": augment}
        if clash := recipes.clash(others):
            raise InvalidValue(f"--recipe brings its own net and training: leave {clash} out.")
        settings: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "size": size, "seed": seed}
        return recipes.learn(data, out, recipe, **settings, verbose=verbose, say=say)
    if not resume:
        plain = net is None and epochs is None and size is None and augment == "none"
        start = transfer.start(data, weights, net, plain)
        if start is not None:
            wishes: dict[str, Any] = {
                "net": net,
                "fine_tune": fine_tune,
                "batch_size": batch_size,
                "size": size,
                "augment": augment,
            }
            return transfer.learn(data, out, start, **wishes, epochs=epochs, seed=seed, verbose=verbose, say=say)
    kept = earlier(out) if resume else None
    if kept is not None:
        net, seed, augment, batch_size, size = (
            kept.net,
            kept.seed,
            kept.augment,
            kept.batch_size,
            kept.picture_shape[:2],
        )
    if kept is not None and (kept.weights or kept.recipe):
        how, again = ("with trained weights", "--fine-tune") if kept.weights else ("by a recipe", "--recipe")
        raise InvalidValue(f"--resume: the run in {out} began {how}. Run it anew with {again}.")
    check_net(net)
    from kerato.applications import net_for

    began, clock = time.perf_counter(), Clock()
    with clock.data():
        found = material(data, size, seed)
    for line in found.summary:
        say(line)
    run = kept or begun(found, out, net or net_for(*found.picture_shape), augment, seed)
    run.versions, run.interrupted = versions(), False
    run.batch_size = batch_size or (128 if found.train.samples >= MANY else 32)
    run.wanted_epochs = epochs or epochs_for(found.train.samples, run.batch_size)
    run.spent("data", began)
    _prepare(run, found, say)
    fit(run, found, verbose, clock)
    answers = judge(run, found)
    finish(run, found, answers, clock.split())
    return run


def finish(run: Run, found: Material, answers: Any, seconds: dict[str, float]) -> None:
    """Write all files of a run.

    Args:
        run: with everything but its files.
        found: what it learned from.
        answers: the probabilities (n, classes) for the pictures of the judged part.
        seconds: what the time was spent on.
    """
    write(run)
    held_out = found.judged[1] if found.judged else None
    evidence = report.gather(_record(run, seconds), run.model, found.train, held_out, run.scores, answers)
    report.write(run.out / REPORT, evidence)


def _record(run: Run, seconds: dict[str, float]) -> report.Record:
    return report.Record(
        data=run.data,
        net=run.net,
        class_names=run.class_names,
        history=run.history,
        part=run.judged or "test",
        epochs=run.epochs,
        wanted_epochs=run.wanted_epochs,
        interrupted=run.interrupted,
        command=run.command,
        finished=time.strftime("%Y-%m-%d %H:%M"),
        settings={"augment": run.augment, "batch size": run.batch_size, "seed": run.seed},
        versions=run.versions,
        seconds=seconds,
        skipped=[(item["file"], item["reason"]) for item in run.skipped],
    )


def check_net(net: str | None) -> None:
    """Refuse the name of a net that there is not.

    Raises:
        UnknownName: with the nearest name.
    """
    from kerato.applications import NETS, pretrained
    from kerato.errors import unknown

    if net is not None and net not in NETS and net not in pretrained.rows():
        raise unknown("train", "the net", net, [*NETS, *pretrained.rows()])


def epochs_for(samples: int, batch_size: int) -> int:
    """How often to go through so many pictures when nobody says it."""
    steps = -(-samples // batch_size)
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-UPDATES // steps)))


def begun(found: Material, out: Any, net: str, augment: str, seed: int) -> Run:
    """A run that has its material, and nothing done yet."""
    run = Run(out=out, data=found.name, source=found.source, net=net, seed=seed, augment=augment)
    run.class_names, run.picture_shape = list(found.class_names), found.picture_shape
    run.skipped = [{"file": item.file, "reason": item.reason} for item in found.skipped]
    run.samples = {name: part.samples for name, part in found.parts.items()}
    run.shares = found.shares
    return run


def _prepare(run: Run, found: Material, say: Callable[[str], None]) -> None:
    """The model of the run, new or as it was left."""
    from kerato import applications, optimizers, random, schedules

    random.set_seed(run.seed)
    found.train.generator = generator(run.augment, found.picture_shape[2] == 3)
    for part in found.parts.values():
        part.batch_size = run.batch_size
    before = len(run.history.get("loss", []))
    steps = len(found.train) * run.wanted_epochs
    if before:
        same_classes("--resume", found.class_names, run.class_names)
        if before >= run.wanted_epochs:
            raise InvalidValue(f"--resume: the run in {run.out} has {before} epochs already. Ask for more: --epochs.")
        run.model.optimizer.learning_rate = schedules.CosineDecay(applications.NETS[run.net].rate, decay_steps=steps)
        say(f"going on with {run.out} after epoch {before}")
        return
    row = applications.NETS[run.net]
    run.model = applications.build(run.net, found.picture_shape, len(found.class_names))
    run.parameters = run.model.count_params()
    say(f"net: {run.net} ({row.purpose}), {run.parameters:,} parameters")
    rate = schedules.CosineDecay(row.rate, decay_steps=steps)
    run.model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])


def _fed(part: Part, clock: Clock) -> dict[str, Any]:
    """The arguments of `fit` for a part: arrays where it lies in memory as it is, else the batches."""
    if part.pixels is None or part.generator is not None:
        return {"x": clock.watched(part)}
    x, y = part.arrays()
    return {"x": x, "y": y, "batch_size": part.batch_size}


def fit(run: Run, found: Material, verbose: int, clock: Clock) -> None:
    """Train the compiled model of a run up to its `wanted_epochs`."""
    began, before = time.perf_counter(), len(run.history.get("loss", []))
    found.train.epoch = before
    watched = found.validation
    validation: Any = None
    if watched is not None:
        validation = watched.arrays() if watched.pixels is not None else clock.watched(watched)
    try:
        run.model.fit(
            **_fed(found.train, clock),
            epochs=run.wanted_epochs,
            initial_epoch=before,
            validation_data=validation,
            verbose=verbose,
        )
    except KeyboardInterrupt:
        run.interrupted = True
    for name, values in run.model.history.history.items():
        run.history.setdefault(name, []).extend(values)
    run.epochs = len(run.history.get("loss", []))
    run.spent("training", began)
    run.seconds = run.times["training"]


def judge(run: Run, found: Material) -> Any:
    """Measure the model on the part kept for it; the probabilities of its pictures."""
    if found.judged is None:
        return None
    began = time.perf_counter()
    name, part = found.judged
    answers = answered(run.model, part)
    run.judged, run.scores = name, scores(answers, part.labels, found.class_names)
    run.spent("judging", began)
    return answers


def batch_for(picture_shape: tuple[int, int, int]) -> int:
    """How many pictures of a size are answered at once: 256, fewer of large ones."""
    return max(8, min(256, 256 * 96 * 96 // (picture_shape[0] * picture_shape[1])))


def answered(model: Any, part: Part) -> Any:
    """The probabilities (n, classes) that a model gives to the pictures of a part, in their order.

    Raises:
        BadFile: the model does not give one probability per class.
    """
    shuffle, transform = part.shuffle, part.generator
    part.shuffle, part.generator, part.epoch = False, None, 0
    part.forget()
    try:
        found = model.predict(
            part.pixels if part.pixels is not None else part, batch_size=batch_for(part.picture_shape)
        )
    finally:
        part.shuffle, part.generator = shuffle, transform
        part.forget()
    if getattr(found, "ndim", 0) != 2:
        raise BadFile(f"{model.name}: expected a classifier, with one probability per class for each picture.")
    return found
