"""`kerato look`, `kerato explain` and `kerato fool`: a trained model looked into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kerato.commands import answer, json_option, new_folder, note, out_option, quiet_option, seed_option
from kerato.commands.train import remove_if_empty
from kerato.errors import plural

METHODS = "activation attention_rollout grad_cam grad_cam_pp gradient_x_input guided_backprop"
METHODS += " integrated_gradients layer_cam occlusion saliency smooth_grad"

size_option = click.option("--size", type=click.IntRange(8), metavar="N", help="Side of the pictures in pixels.")


@click.command()
@click.argument("model")
@click.option("--layer", metavar="L", help="One layer, by name or path. [default: all convolutions]")
@click.option("--filters", "count", type=click.IntRange(1), metavar="N",
              help="Filters per layer. [default: up to 64, fewer where there are many layers]")  # fmt: skip
@click.option("--recipe", type=click.Choice(["fourier", "book"]), default="fourier", show_default=True,
              help="How pictures are made: as waves (clearer), or step by step as in the book.")  # fmt: skip
@click.option("--steps", type=click.IntRange(1), metavar="N", help="Steps of ascent. [default: the recipe's]")
@size_option
@out_option
@seed_option
@json_option
@quiet_option
def look(model: str, out: Path | None, as_json: bool, quiet: bool, **wishes: Any) -> None:
    """Draw what the filters and classes of MODEL look for.

    MODEL is a .keras or .h5 file, the folder of a run, or the name of a net (`kerato models`): vgg16 and its like with
    trained weights where they are on this machine, others with random ones.
    """
    from kerato.tasks import seeing

    found = _subject(model, include_top=False)

    def work(folder: Path) -> Any:
        return seeing.look(found, folder, **wishes, say=lambda line: note(line, quiet))

    _finish(new_folder(out, "look"), as_json, quiet, work)


@click.command()
@click.argument("model")
@click.argument("files", nargs=-1, required=True, metavar="PICTURE...")
@click.option("--class", "target", metavar="C", help="The class in question, by name or number. [default: the answer]")
@click.option("--method", type=click.Choice(METHODS.split()), default="grad_cam", show_default=True)
@click.option("--layer", metavar="L", help="For methods that look at a layer. [default: the last with places]")
@size_option
@out_option
@seed_option
@json_option
@quiet_option
def explain(model: str, files: tuple[str, ...], out: Path | None, as_json: bool, quiet: bool, **wishes: Any) -> None:
    """Show why MODEL answered as it did to pictures, and how far to believe each map."""
    from kerato.tasks import seeing

    found, failed = _subject(model), []

    def work(folder: Path) -> Any:
        outcome, unread = seeing.heat(found, files, folder, **wishes)
        failed.extend(unread)
        return outcome

    _finish(new_folder(out, "explain"), as_json, quiet, work)
    for reason in failed:
        note(reason)
    if failed:
        note(f"{plural(len(failed), 'file')} could not be read.", quiet)
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("model")
@click.option("--class", "target", required=True, metavar="C", help="What it shall be taken for: a name or a number.")
@click.option("--start", metavar="PICTURE", help="The picture to begin with. [default: noise]")
@click.option("--method", type=click.Choice(["ascent", "fgsm", "pgd", "deepfool"]), default="ascent", show_default=True)
@click.option("--epsilon", type=float, metavar="E", help="The largest change of a value, as a share of the range.")
@size_option
@out_option
@seed_option
@json_option
@quiet_option
def fool(model: str, out: Path | None, as_json: bool, quiet: bool, target: str, **wishes: Any) -> None:
    """Make a picture that MODEL takes for a class, from noise or from another picture."""
    from kerato.tasks import seeing

    found = _subject(model)
    _finish(new_folder(out, "fool"), as_json, quiet, lambda folder: seeing.trick(found, target, folder, **wishes))


def _subject(model: str, include_top: bool = True) -> Any:
    from kerato.errors import require
    from kerato.tasks import seeing

    for package in ("cv2", "matplotlib"):  # said before the work, not after it
        require(package, "image", "drawing what a network sees")
    found = seeing.subject(model, include_top)
    if found.remark:
        note(found.remark)
    return found


def _finish(folder: Path, as_json: bool, quiet: bool, work: Any) -> None:
    try:
        outcome = work(folder)
    except BaseException:
        remove_if_empty(folder)
        raise
    page = outcome.files[-1]
    answer({**outcome.facts, "out": str(folder)}, as_json, [*outcome.lines, f"page: {page.resolve().as_uri()}"])
    note(f"{plural(len(outcome.files), 'file')} in {folder}", quiet)
