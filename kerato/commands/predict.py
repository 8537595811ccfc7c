"""`kerato predict`: what a trained model sees in pictures."""

from __future__ import annotations

import csv
import io
from typing import Any

import click

from kerato.commands import answer, json_option, note, quiet_option
from kerato.errors import plural


@click.command()
@click.argument("model")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes for each picture.")
@click.option("--csv", "as_csv", is_flag=True, help="One line per picture with the probabilities of all classes.")
@json_option
@quiet_option
def predict(model: str, files: tuple[str, ...], top: int, as_csv: bool, as_json: bool, quiet: bool) -> None:
    """Name what MODEL (a .keras file or the folder of a run) sees in pictures, given as files and folders.

    A file that cannot be read is named, the others are answered all the same, and the exit code is 1.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other.")
    from kerato.tasks import answers

    classifier = answers.load(model)
    found, failed = answers.predict(classifier, files)
    for _, reason in failed:
        note(reason)
    if as_csv:
        click.echo(_csv(found, classifier.class_names), nl=False)
    else:
        shown = [answers.Answer(one.file, one.classes[:top]) for one in found]
        left_out = [{"file": click.format_filename(file), "reason": reason} for file, reason in failed]
        result = {"model": model, "pictures": [one.as_json() for one in shown], "failed": left_out}
        answer(result, as_json, [_line(one) for one in shown])
    if failed:
        note(f"{plural(len(failed), 'file')} of {len(found) + len(failed):,} could not be read.", quiet)
        raise click.exceptions.Exit(1)


def _line(one: Any) -> str:
    return f"{one.file}: {', '.join(f'{name} {100 * p:.1f} %' for name, p in one.classes)}"


def _csv(found: list[Any], class_names: tuple[str, ...]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "class", *class_names])
    for one in found:
        by_name = dict(one.classes)
        table.writerow([one.file, one.classes[0][0], *(f"{by_name[name]:.6f}" for name in class_names)])
    return text.getvalue()
