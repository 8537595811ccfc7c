"""`kerato demo` and `kerato train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kerato.commands import answer, json_option, new_folder, note, out_option, quiet_option, seed_option


@click.command()
@click.argument("data")
@click.option("--model", "net", metavar="NAME", help="A net by name. [default: chosen by the size of the pictures]")
@click.option("--epochs", type=click.IntRange(1), default=5, show_default=True, help="Times through the pictures.")
@click.option("--batch-size", type=click.IntRange(1), default=128, show_default=True, help="Pictures per update.")
@click.option("--resume", is_flag=True, help="Go on with the run whose folder is --out.")
@out_option
@seed_option
@json_option
@quiet_option
def train(
    data: str,
    net: str | None,
    epochs: int,
    batch_size: int,
    resume: bool,
    out: Path | None,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a network on DATA: the name of a data set (digits, mnist, fashion_mnist, cifar10) or a folder of one."""
    if resume and out is None:
        raise click.UsageError("--resume needs the folder of the run: --out DIR.")
    found = dataset(data)
    folder = out if resume and out is not None else new_folder(out, found.name)
    run(found, folder, net, epochs, batch_size, seed, as_json, quiet, resume)


@click.command()
@out_option
@seed_option
@json_option
@quiet_option
def demo(out: Path | None, seed: int, as_json: bool, quiet: bool) -> None:
    """Train on 1,797 real handwritten digits that need no download, in under a minute."""
    from kerato import datasets

    run(datasets.digits, new_folder(out, "demo"), None, 30, 32, seed, as_json, quiet, False)
    if not as_json:
        note("Next: kerato train mnist --epochs 4     kerato train --help     kerato doctor", quiet)


def dataset(data: str) -> Any:
    """The data set that a name or a path means.

    Raises:
        UnknownName: neither a data set nor a path that exists.
        BadFile: a path that holds no data set.
    """
    from kerato import datasets
    from kerato.errors import BadFile

    if not Path(data).exists():
        return datasets.get(data)
    found = datasets.at(data)
    if found is None:
        raise BadFile(f"{data}: expected a data set ({', '.join(datasets.names())}) in that folder, and there is none.")
    return found


def run(
    data: Any, out: Path, net: str | None, epochs: int, batch_size: int, seed: int, as_json: bool, quiet: bool,
    resume: bool,
) -> None:  # fmt: skip
    """Train, and print what came of it."""
    from kerato.tasks.classify import classify

    done = classify(
        data,
        out,
        net=net,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        verbose=0 if quiet else 1,
        resume=resume,
        say=lambda line: note(line, quiet),
    )
    share = f"{100 * (done.test_accuracy or 0):.2f} % of {done.test_samples:,} test pictures right"
    lines = [f"{share} after {done.epochs} epochs, {done.seconds:.1f} s", *(f"  {path}" for path in done.files)]
    answer(done.as_json(), as_json, lines)
    if done.interrupted:
        again = f"kerato train {data.path or data.name} --resume --out {out} --epochs {epochs}"
        note(f"Interrupted in epoch {done.epochs + 1} of {epochs}; what there is was saved. Go on with: {again}")
        raise SystemExit(1)
