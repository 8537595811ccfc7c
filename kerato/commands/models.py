"""`kerato models`: the nets that have a name."""

from __future__ import annotations

import click

from kerato.commands import answer, json_option
from kerato.errors import plural


@click.command()
@json_option
def models(as_json: bool) -> None:
    """List the nets for `kerato train --model NAME`: what each is for, and how many weights it learns."""
    from kerato import applications

    rows = [
        {
            "name": name,
            "purpose": net.purpose,
            "picture": list(net.typical),
            "parameters": applications.parameters(name),
        }
        for name, net in applications.NETS.items()
    ]
    width = max(len(name) for name in applications.NETS)
    lines = [f"{row['name']:<{width}}  {row['parameters']:>10,}  {row['purpose']}" for row in rows]
    heading = f"{plural(len(rows), 'net')}; parameters for 10 classes and pictures of the size that each is for"
    answer({"models": rows}, as_json, [heading, *lines])
