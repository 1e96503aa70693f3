"""`pipeline instance`: what runs on the machine and which runs hold it; ends it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import print_json, printable, say, write_line
from pipeline_project.cli.help import help_of
from pipeline_project.errors import PipelineError

if TYPE_CHECKING:
    from pipeline_project.adapters.instances.base import Instances

instance_app = typer.Typer(
    help="What runs on the machine and which runs hold it; ends it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Home = Annotated[Path | None, typer.Option(help="State of this installation.")]


def status(as_json: AsJson = False, home: Home = None) -> None:
    """Show the machine's state, the runs that hold a lease on it, and the commands that run.

    Examples:
      pipeline instance status
      pipeline instance status --json
    """
    seen = _instance(home).status()
    if as_json:
        print_json(
            {
                "instance_id": seen.instance_id,
                "kind": seen.kind,
                "state": seen.state,
                "running_since": seen.running_since.isoformat() if seen.running_since else None,
                "cost_usd": 0.0,
                "leases": [
                    {**asdict(lease), "expires_at": lease.expires_at.isoformat()}
                    for lease in seen.leases
                ],
                "commands": [
                    {"command_id": command_id, "run_id": run_id}
                    for command_id, run_id in seen.commands
                ],
            }
        )
        return
    write_line(f"instance {seen.instance_id}: {seen.state}; this machine costs nothing")
    for lease in seen.leases:
        end = f"{lease.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        write_line(printable(f"lease    run {lease.run_id}, until {end} unless renewed"))
    for command_id, run_id in seen.commands:
        write_line(printable(f"command  {command_id}, run {run_id}"))
    if not seen.leases and not seen.commands:
        write_line("no run holds a lease, and no command runs")


def stop(as_json: AsJson = False, home: Home = None) -> None:
    """End every command and drop every lease, whichever run they belong to.

    The runs themselves then fail with that reason. This machine stays on.

    Examples:
      pipeline instance stop
    """
    outcome = _instance(home).stop()
    if as_json:
        print_json({"stopped": outcome.stopped, "message": outcome.message})
    else:
        say(outcome.message)


instance_app.command(help=help_of(status))(status)
instance_app.command(help=help_of(stop))(stop)


def _instance(home: Path | None) -> "Instances":
    """Open the configured machine's book.

    Raises:
        PipelineError: its leases or commands cannot be read.
    """
    from pipeline_project.settings import load_settings

    settings = load_settings(flags={"home": home} if home is not None else None)

    from pipeline_project.build import local_instance

    instance = local_instance(settings)
    problems = instance.check()
    if problems:
        raise PipelineError(
            f"Looking at what runs, in {settings.home_path}: {'; '.join(problems)}. "
            "Mend or remove what is named, if no run is under way."
        )
    return instance
