"""`kerato run`: a script or notebook that imports keras, whatever its age, on Kerato."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kerato import config


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--channels-first", is_flag=True, help="Pictures are (channels, height, width).")
@click.option("--backend", metavar="NAME", help="The backend whose conventions hold: tensorflow or theano.")
@click.option(
    "--dialect",
    metavar="NAME",
    help="What calls mean: keras2 (Keras 0.3 to 2.0.5) or keras3 (today's). [default: by the name imported]",
)
@click.argument("script", type=click.Path(path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run(channels_first: bool, backend: str | None, dialect: str | None, script: Path, args: tuple[str, ...]) -> None:
    """Run SCRIPT, a Python file or notebook (.ipynb) that imports keras, with ARGS.

    `import keras` means Kerato in the words of Keras 0.3 to 2, `import tensorflow.keras` Kerato as it is today.
    Python 2 is read as such; what other packages have dropped since is supplied. Options stand before SCRIPT.
    """
    from kerato.legacy import callsite, scripts

    callsite.check(dialect)
    if backend is not None:
        config.set_backend(backend)
    if channels_first:
        config.set_image_data_format("channels_first")
    try:
        scripts.run(script, args, dialect)
    except Exception as error:
        if not scripts.reached(error, script):
            raise
        click.echo(scripts.told(error, script), err=True, nl=False)
        sys.exit(1)
