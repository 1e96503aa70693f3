"""The command line, `pipeline`: which commands there are, and how they end.

Each command has a module of its own, which imports what is heavy inside its function, so that
`pipeline --help` answers at once. Exit codes: 0 done, 1 the work failed, 2 wrong use, 130
interrupted.
"""

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Annotated

import typer

from pipeline_project import __version__
from pipeline_project.adapters.interrupts import interrupts_kept
from pipeline_project.cli.checkout import checkout
from pipeline_project.cli.collections import collections_app
from pipeline_project.cli.console import say, write_line
from pipeline_project.cli.curate import curate
from pipeline_project.cli.datapool import datapool_app
from pipeline_project.cli.diff import diff
from pipeline_project.cli.doctor import doctor
from pipeline_project.cli.embed import embed
from pipeline_project.cli.export import export
from pipeline_project.cli.gc import gc
from pipeline_project.cli.help import help_of
from pipeline_project.cli.init import init
from pipeline_project.cli.instance import instance_app
from pipeline_project.cli.labels import labels_app
from pipeline_project.cli.log import log
from pipeline_project.cli.purge import purge
from pipeline_project.cli.review import review
from pipeline_project.cli.score import score
from pipeline_project.cli.select import select
from pipeline_project.cli.show import show
from pipeline_project.cli.tag import branch, tag
from pipeline_project.cli.train import train
from pipeline_project.cli.why import why
from pipeline_project.errors import ConfigError, PipelineError

INTERRUPTED = 130

app = typer.Typer(
    name="pipeline",
    no_args_is_help=True,
    add_completion=False,
    # Plain text: it can be copied, piped and read in a log.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
app.command(help=help_of(init), short_help="Write a commented pipeline.yaml.")(init)
app.command(help=help_of(curate), short_help="Pick a small, clean, diverse set of frames.")(curate)
app.command(help=help_of(review), short_help="Import decisions: accept, reject, rescue.")(review)
app.command(help=help_of(score), short_help="Sharp, blur or moiré, per image.")(score)
app.command(help=help_of(embed), short_help="One vector per image, into a .npy file.")(embed)
app.command(help=help_of(select), short_help="The selection engine alone, on vectors.")(select)
app.command(help=help_of(export), short_help="Picks as other tools take them.")(export)
app.command(help=help_of(train), short_help="A quality classifier from your own labelled folders.")(
    train
)
app.command(help=help_of(log), short_help="Commits, newest first.")(log)
app.command(help=help_of(show), short_help="One revision; any table as it was then.")(show)
app.command(help=help_of(diff), short_help="What changed between two revisions.")(diff)
app.command(help=help_of(tag), short_help="Name a commit for good; list the tags.")(tag)
app.command(help=help_of(branch), short_help="Start a branch from a commit; list them.")(branch)
app.command(help=help_of(gc), short_help="Take what nothing needs any more.")(gc)
app.command(help=help_of(purge), short_help="Take one source out of every version.")(purge)
app.command(help=help_of(checkout), short_help="One file as it was at a revision.")(checkout)
app.command(help=help_of(doctor), short_help="Check this installation; say how to mend it.")(doctor)
app.command(help=help_of(why), short_help="Why a frame was picked, or a file passed over.")(why)
app.add_typer(labels_app, name="labels")
app.add_typer(
    collections_app, name="collections", short_help="Steps over files; only changes are run."
)
app.add_typer(
    datapool_app, name="datapool", short_help="What earlier selections mean for the next one."
)
app.add_typer(instance_app, name="instance", short_help="What runs on the machine; ends it.")


@dataclass(slots=True)
class Options:
    """What stands before the command's name."""

    debug: bool = False


def _print_version(wanted: bool) -> None:
    if wanted:
        write_line(f"pipeline {__version__}")
        raise typer.Exit


def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """From raw footage to the small, clean, diverse set of frames worth labelling.

    Results go to standard output, everything else to standard error. Exit code 0 means done,
    1 that the work failed, 2 wrong use.

    Examples:
      pipeline curate
      pipeline curate ~/footage --n 200
      pipeline score ~/photos --json
    """
    context.obj.debug = debug


app.callback(help=help_of(_options))(_options)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one message on stderr.

    Args:
        argv: arguments without the program's name; None means those of this process.
    """
    options = Options()
    # A name that is not UTF-8 must never end the work on its way out.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _terminated_is_interrupted(), interrupts_kept():
            code = _run(argv, options)
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone, `| head` say; Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except PipelineError as error:
        if options.debug:
            traceback.print_exc()
        say(f"Error: {error}")
        code = 2 if isinstance(error, ConfigError) else 1
    except Exception as error:  # noqa: BLE001 - the last resort: one line, and where to see more
        if options.debug:
            traceback.print_exc()
        say(
            f"Error: {type(error).__name__}: {error}. This was not foreseen; `pipeline --debug` "
            "with the same command shows where it came from."
        )
        code = 1
    if code == INTERRUPTED:
        say("Interrupted.")
    return code


def _run(argv: Sequence[str] | None, options: Options) -> int:
    """Let typer parse and call; it prints usage errors itself and always ends by `SystemExit`."""
    arguments = list(argv) if argv is not None else None
    try:
        typer.main.get_command(app)(args=arguments, prog_name="pipeline", obj=options)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """Turn SIGTERM and a closed terminal into the interrupt that commands clean up after."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(each, interrupt) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
