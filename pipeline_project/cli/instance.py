"""`pipeline instance`: what runs on the machine and which runs hold it; ends it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import print_json, printable, say, write_line
from pipeline_project.cli.help import help_of
from pipeline_project.errors import PipelineError

if TYPE_CHECKING:
    from pipeline_project.adapters.instances.base import Instances, InstanceStatus

instance_app = typer.Typer(
    help="What runs on the machine and which runs hold it; ends it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
On = Annotated[str | None, typer.Option(help="local or aws; without it what is configured.")]
Home = Annotated[Path | None, typer.Option(help="State of this installation.")]


def status(as_json: AsJson = False, on: On = None, home: Home = None) -> None:
    """Show the machine's state, the runs that hold a lease on it, and the commands that run.

    Examples:
      pipeline instance status
      pipeline instance status --on aws --json
    """
    seen = _instance(on, home).status()
    if as_json:
        print_json(
            {
                "instance_id": seen.instance_id,
                "kind": seen.kind,
                "state": seen.state,
                "running_since": seen.running_since.isoformat() if seen.running_since else None,
                "cost_usd": seen.cost.usd if seen.cost else 0.0,
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
    write_line(f"instance {seen.instance_id}: {seen.state}; {_cost_of(seen)}")
    for lease in seen.leases:
        end = f"{lease.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        write_line(printable(f"lease    run {lease.run_id}, until {end} unless renewed"))
    for command_id, run_id in seen.commands:
        write_line(printable(f"command  {command_id}, run {run_id}"))
    if not seen.leases and not seen.commands:
        write_line("no run holds a lease, and no command runs")


def stop(as_json: AsJson = False, on: On = None, home: Home = None) -> None:
    """End every command, drop every lease, whichever run they belong to, and stop the instance.

    The runs themselves then fail with that reason. This machine itself stays on.

    Examples:
      pipeline instance stop
      pipeline instance stop --on aws
    """
    outcome = _instance(on, home).stop()
    if as_json:
        print_json({"stopped": outcome.stopped, "message": outcome.message})
    else:
        say(outcome.message)


instance_app.command(help=help_of(status), short_help="What runs, and for which runs.")(status)
instance_app.command(help=help_of(stop), short_help="End all of it, for every run.")(stop)


def _cost_of(seen: "InstanceStatus") -> str:
    if seen.kind == "local":
        return "this machine costs nothing"
    since = f" since {seen.running_since:%Y-%m-%d %H:%M:%S} UTC" if seen.running_since else ""
    if seen.cost is None:
        return f"{seen.kind}, costs nothing but its disk"
    return f"{seen.kind}{since}, {seen.cost} so far"


def _instance(on: str | None, home: Path | None) -> "Instances":
    """Open the configured machine's book.

    Raises:
        PipelineError: the machine, its leases or its commands cannot be read.
    """
    from pipeline_project.settings import load_settings

    flags = {name: value for name, value in (("on", on), ("home", home)) if value is not None}
    settings = load_settings(flags=flags)

    from pipeline_project.build import used_instance

    instance = used_instance(settings)
    if settings.on == "aws":
        return instance  # each call says what it may not do; stopping must not need all of them
    problems = instance.check()
    if problems:
        raise PipelineError(
            f"Looking at what runs, in {settings.home_path}: {'; '.join(problems)}. "
            "Mend or remove what is named, if no run is under way."
        )
    return instance
