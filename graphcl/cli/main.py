"""The entry point: commands, and how errors become one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import Annotated

import typer

from graphcl.cli.augment import augment
from graphcl.cli.check import check
from graphcl.cli.compactness import compactness
from graphcl.cli.doctor import doctor
from graphcl.cli.embed import embed
from graphcl.cli.evaluate import evaluate
from graphcl.cli.inspect import inspect
from graphcl.cli.list import list_parts
from graphcl.cli.rca import rca
from graphcl.cli.recommend import recommend
from graphcl.cli.resume import resume
from graphcl.cli.score import score
from graphcl.cli.search import search
from graphcl.cli.show import show
from graphcl.cli.similar import similar
from graphcl.cli.train import train
from graphcl.cli.tune_text import tune_text
from graphcl.core.errors import GraphCLError, error_lines

#: What typer raises for a command line it cannot parse; the class itself is private to typer or click, by version.
_CommandLineError: type[Exception] = typer.BadParameter.__mro__[2]

#: A disk that takes no more is nobody's bug.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)

app = typer.Typer(
    name="graphcl",
    help="Contrastive learning where everything is a graph.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from graphcl import __version__

        print(f"graphcl {__version__}")
        raise typer.Exit


@app.callback()
def _graphcl(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


_COMMANDS = (
    train, resume, evaluate, recommend, score, similar, search, embed, augment, tune_text, inspect, compactness, rca,
    show, check, doctor,
)
for command in _COMMANDS:
    app.command()(command)
app.command("list")(list_parts)


def run(arguments: list[str]) -> int:
    """Run a command line; returns the exit code.

    0: done. 2: the user's mistake, a full disk or a file that may not be read or written, said in one line (or one line
    a problem) on stderr; so is memory that does not suffice. 3: ``rca`` found no anomaly. 130: interrupted.
    Anything else is a bug and keeps its traceback.
    """
    try:
        code = app(args=arguments or ["--help"], prog_name="graphcl", standalone_mode=False)
        sys.stdout.flush()  # a reader that has gone away shows here, not at the interpreter's end
    except GraphCLError as error:
        return _failed(error)
    except _CommandLineError as error:
        return _misused(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PermissionError as error:  # of whatever path a command was given
        print(f"error: {error.filename or 'a file'} may not be read or written: {error.strerror}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in _FULL:
            raise
        print(f"error: cannot write {error.filename or 'the run'}: {error.strerror}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        advice = "lower what grew last (encoder.dim, train.batch_size, numbers of negatives)"
        print(f"error: not enough memory for these sizes; {advice}, or take a machine with more", file=sys.stderr)
        return 2
    return code if isinstance(code, int) else 0


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether it is what Python, or torch on a CPU or a GPU, says when memory is over."""
    said = str(error)
    return isinstance(error, MemoryError) or "can't allocate memory" in said or "out of memory" in said


def _failed(error: GraphCLError) -> int:
    if not _says_errors():
        return error.exit_code
    print(*error_lines(error), sep="\n", file=sys.stderr)
    return error.exit_code


def _says_errors() -> bool:
    """Whether this process is the one that speaks, where torchrun started several."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return True
    if "graphcl.engine.fit" not in sys.modules:  # a mistake found before torch was imported: all find it
        return os.environ.get("RANK", "0") == "0"
    from graphcl.engine.launch import says_errors

    return says_errors()


def _misused(error: Exception) -> int:
    if not _says_errors():
        return 2
    context = getattr(error, "ctx", None)
    hint = f" (see: {context.command_path} --help)" if context is not None else ""
    print(f"error: {error.format_message()}{hint}", file=sys.stderr)  # type: ignore[attr-defined]
    return 2


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """A thread of a library that meets a full disk (TensorBoard's) fails silently: its next write here says it."""
    if not (isinstance(failure.exc_value, OSError) and failure.exc_value.errno in _FULL):
        threading.__excepthook__(failure)


def main() -> None:
    """The command ``graphcl``."""
    threading.excepthook = _thread_failed
    sys.exit(run(sys.argv[1:]))
