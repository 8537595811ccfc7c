"""The command line `kerato ...`: finds the verb, runs it, prints errors as one sentence.

A verb is a click command in `kerato/commands/`; the table below names where, so that `kerato --help`
imports none of them.
"""

from __future__ import annotations

import importlib
import sys

import click

from kerato.errors import KeratoError, UnknownName, suggest

#: verb -> (module:function, one line of help), in the order of a first acquaintance
VERBS = {
    "demo": ("kerato.commands.train:demo", "Train on real digits in under a minute; nothing to download."),
    "train": ("kerato.commands.train:train", "Train a network on a folder of pictures or a data set."),
    "evaluate": ("kerato.commands.evaluate:evaluate", "How good a trained model is on labelled pictures."),
    "predict": ("kerato.commands.predict:predict", "What a trained model sees in pictures."),
    "look": ("kerato.commands.see:look", "What the filters and classes of a model look for, as pictures."),
    "explain": (
        "kerato.commands.see:explain",
        "Why a model answered as it did, and how far to believe the map.",
    ),
    "fool": ("kerato.commands.see:fool", "A picture that a model takes for something else."),
    "compare": ("kerato.commands.compare:compare", "Training runs side by side."),
    "count": ("kerato.commands.count:count", "Parameters and connections of a model, layer by layer."),
    "image": ("kerato.commands.image:image", "Pictures filtered, measured, drawn on: contours, corners, heat maps ..."),
    "frames": ("kerato.commands.frames:frames", "Pictures out of a film, and a manifest of which frame is which."),
    "faces": ("kerato.commands.faces:faces", "Faces: found and marked, collected per person."),
    "run": ("kerato.commands.run:run", "A script or notebook that imports keras, whatever its age."),
    "models": ("kerato.commands.models:models", "The nets that have a name, and what each is for."),
    "doctor": ("kerato.commands.doctor:doctor", "Versions, devices, settings and data found on this machine."),
}


class Verbs(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module, _, function = VERBS[name][0].partition(":")
        command = getattr(importlib.import_module(module), function)
        if not isinstance(command, click.Command):
            raise TypeError(f"{VERBS[name][0]} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(
                " ".join(filter(None, (f"kerato has no command {args[0]!r}.", suggest(args[0], VERBS)))), ctx
            )
        return super().resolve_command(ctx, args)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="kerato", prog_name="kerato")
def kerato() -> None:
    """Image deep learning: pictures in, answers out.

    Start with `kerato demo`. Exit codes: 0 good, 1 the work failed, 2 wrong usage.
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `kerato` script and of `python -m kerato`."""
    try:
        kerato.main(arguments, prog_name="kerato", standalone_mode=True)
    except KeratoError as error:
        click.echo(f"kerato: {error}", err=True)
        sys.exit(2 if isinstance(error, UnknownName) else 1)


if __name__ == "__main__":
    main()
