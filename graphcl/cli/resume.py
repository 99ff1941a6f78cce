"""``graphcl resume``: go on with a run that was stopped or killed."""

from __future__ import annotations

from graphcl.cli.fitting import finished, interruptible, observers
from graphcl.cli.options import AllowPlugins, DataRoot, Json, Quiet, Run
from graphcl.cli.output import Output
from graphcl.core.launched import is_first


def resume(
    run: Run,
    data_root: DataRoot = None,
    allow_plugins: AllowPlugins = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run that was stopped or killed, to the result it would have had."""
    from graphcl.engine.run import RunFolder

    output = Output(as_json=json, quiet=quiet or not is_first())
    folder = RunFolder.open(run)
    if folder.complete:
        output.say(f"{run} is complete; there is nothing to resume")
        finished(output, run)
        return
    recipe = folder.recipe(allow_plugins=allow_plugins)
    output.say(f"resuming {run} (recipe {recipe.name})")
    from graphcl.engine import fit  # imports torch

    with interruptible(output, run):
        watching = observers(recipe, quiet)
        fit.resume(run, allow_plugins=allow_plugins, data_root=data_root, observers=watching)
    finished(output, run)
