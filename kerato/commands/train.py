"""`kerato demo` and `kerato train`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from kerato.commands import answer, json_option, new_folder, note, out_option, quiet_option, seed_option


@click.command()
@click.argument("data")
@click.option("--model", "net", metavar="NAME", help="A net by name. [default: chosen by the size of the pictures]")
@click.option("--epochs", type=click.IntRange(1), help="Times through the pictures. [default: by how many there are]")
@click.option("--batch-size", type=click.IntRange(1), help="Pictures per update. [default: by how many there are]")
@click.option("--size", type=click.IntRange(4), help="Side of the pictures, in pixels. [default: chosen by theirs]")
@click.option(
    "--augment",
    type=click.Choice(["none", "light", "strong"]),
    default="none",
    show_default=True,
    help="How much pictures are moved, zoomed, turned and mirrored while training.",
)
@click.option(
    "--weights",
    metavar="imagenet|none|FILE",
    help="Start from a net trained on ImageNet. [default: when its weights are on this machine, for photographs]",
)
@click.option("--fine-tune", type=click.IntRange(0), default=0, metavar="EPOCHS", help="Its last block learns too.")
@click.option("--recipe", metavar="NAME", help="A way to train with its own net: fast, for small colour pictures.")
@click.option("--resume", is_flag=True, help="Go on with the run whose folder is --out, with its settings.")
@out_option
@seed_option
@json_option
@quiet_option
def train(
    data: str,
    resume: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    **wishes: Any,
) -> None:
    """Train a network on DATA, a folder of pictures or the name of a data set (digits, mnist, ...).

    The folder holds one folder of pictures per class, or train, validation and test with those inside. The net is
    chosen by the size of the pictures unless --model names one. Writes model.keras, history.csv,
    run.json and report.html.
    """
    if resume and out is None:
        raise click.UsageError("--resume needs the folder of the run: --out DIR.")
    check_names(data, wishes["net"], wishes["recipe"])
    if wishes["recipe"]:
        from kerato.tasks.recipes import clash

        if other := clash({**wishes, "resume": resume}):
            raise click.UsageError(f"--recipe brings its own net and training: leave {other} out.")
    if wishes["epochs"] and wishes["weights"] not in (None, "none"):
        raise click.UsageError("--epochs: a net with trained weights is gone through once; --fine-tune trains more.")
    folder = out if resume and out is not None else new_folder(out, Path(data).resolve().name or "pictures")
    run(data, folder, as_json, quiet, resume=resume, **wishes)


def check_names(data: str, net: str | None, recipe: str | None = None) -> None:
    """Refuse misspelt names before a folder is made.

    Raises:
        UnknownName: there is no such data set, folder, net or recipe.
    """
    from kerato.tasks.classify import check_net
    from kerato.tasks.material import named
    from kerato.tasks.recipes import check_recipe

    if recipe is not None:
        check_recipe(recipe)
    check_net(net)
    if not Path(data).exists():
        named(data)


@click.command()
@out_option
@seed_option
@json_option
@quiet_option
def demo(out: Path | None, seed: int, as_json: bool, quiet: bool) -> None:
    """Train on 1,797 real handwritten digits that need no download, in under a minute."""
    run("digits", new_folder(out, "demo"), as_json, quiet, epochs=30, batch_size=32, seed=seed)
    if not as_json:
        note("Next: kerato train mnist --epochs 4     kerato train --help     kerato doctor", quiet)


def run(data: str, out: Path, as_json: bool, quiet: bool, **wishes: Any) -> None:
    """Train, and print what came of it."""
    from kerato.tasks.classify import classify

    try:
        done = classify(data, out, verbose=0 if quiet else 1, say=lambda line: note(line, quiet), **wishes)
    except BaseException:
        remove_if_empty(out)
        raise
    share = f"{done.judged}: {done.scores.line()}" if done.scores else "nothing was kept to measure it on"
    lines = [share, f"after {done.epochs} epochs, {done.seconds:.1f} s", *(f"  {path}" for path in done.files)]
    lines.append(f"report: {done.files[-1].resolve().as_uri()}")
    answer(done.as_json(), as_json, lines)
    if done.interrupted:
        resuming = shlex.join(["kerato", "train", data, "--resume", "--out", str(out)])
        again = f"Go on with: {resuming} --epochs {done.wanted_epochs}"
        if done.weights or done.recipe:
            again = f"It cannot be gone on with; anew: {done.command}"
        note(f"Interrupted in epoch {done.epochs + 1} of {done.wanted_epochs}; what there is was saved. {again}")
        raise SystemExit(1)


def remove_if_empty(folder: Path) -> None:
    """Take the folder of a run that came to nothing away, unless something is in it."""
    import contextlib

    with contextlib.suppress(OSError):
        folder.rmdir()
