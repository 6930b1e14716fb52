"""`homeport queue`: first in, first out, between Apps (semantics 6.3.3). Shows plain values, and runs nothing of
what is stored.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .. import errors
from . import objects, render
from .connect import confirm
from .objects import Name
from .options import Environment, Json, Yes

group = objects.group("Queue", "Queues: first in, first out, between Apps.")

Partition = Annotated[str | None, typer.Option("-p", "--partition", metavar="NAME", help="Name of a partition.")]
Count = Annotated[int, typer.Argument(metavar="N", min=1, max=5000, help="At most this many.")]


@group.command("peek", epilog="Example: homeport queue peek work 5")
def peek(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    name: Name,
    count: Count = 1,
    *,
    partition: Partition = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Print the next items without removing them."""
    from ..client import queues

    with objects.opened(context, "queues", name, env) as (client, queue_id):
        values, _ = queues.peek(client, queue_id, partition or "", 0, count=count)
    objects.listing(({"value": objects.shown(value)} for value in values), as_json, ("Value",))


@group.command("get", epilog="Example: homeport queue get work")
def get(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    name: Name,
    count: Count = 1,
    *,
    partition: Partition = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Remove and print the next items."""
    from ..client import queues

    with objects.opened(context, "queues", name, env) as (client, queue_id):
        values = queues.get(client, queue_id, partition or "", count)
    if not values and not as_json:
        render.note(f"Queue '{name}' is empty.")
        return
    objects.listing(({"value": objects.shown(value)} for value in values), as_json, ("Value",))


@group.command("len", epilog="Example: homeport queue len work --total")
def length(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    name: Name,
    *,
    partition: Partition = None,
    total: Annotated[bool, typer.Option("-t", "--total", help="Count all partitions.")] = False,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Print how many items there are."""
    from ..client import queues

    if total and partition:
        raise errors.UsageError("Give --partition or --total, not both.")
    with objects.opened(context, "queues", name, env) as (client, queue_id):
        count = queues.length(client, queue_id, partition or "", total=total)
    if as_json:
        render.value({"length": count})
    else:
        render.out(str(count))


@group.command("clear", epilog="Example: homeport queue clear work --all --yes")
def clear(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    name: Name,
    *,
    partition: Partition = None,
    everything: Annotated[bool, typer.Option("-a", "--all", help="All partitions.")] = False,
    env: Environment = None,
    yes: Yes = False,
) -> None:
    """Remove all items of a Queue's partition."""
    from ..client import queues

    if everything and partition:
        raise errors.UsageError("Give --partition or --all, not both.")
    with objects.opened(context, "queues", name, env) as (client, queue_id):
        what = "all partitions" if everything else f"the partition '{partition}'" if partition else "the default partition"
        if not yes:
            confirm(
                f"Are you sure you want to clear {what} of the Queue '{name}' in the '{client.environment}' environment?"
            )
        queues.clear(client, queue_id, partition or "", everything=everything)
    render.out(f"✓ Queue '{name}': {what} cleared.", "green")
