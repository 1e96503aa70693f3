"""`pipeline doctor`: checks what a run needs, one line each, with the fix."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import print_json, printable, write_line
from pipeline_project.errors import PipelineError

if TYPE_CHECKING:
    from pipeline_project.cli.findings import Finding


def doctor(
    aws: Annotated[bool, typer.Option("--aws", help="Check what AWS needs, too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per check on stdout.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (default: pipeline.yaml, if there).")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="State of this installation.")] = None,
) -> None:
    """Check settings, folders, models and libraries, one line each, with the fix.

    Makes the home and Dagster's settings in it where they are missing. Exit code 1 means that a
    check failed.

    With --aws nothing is started: what may be done is asked by dry runs.

    Examples:
      pipeline doctor
      pipeline doctor --aws
      pipeline doctor --json | jq 'select(.status == "fail")'
    """
    from pipeline_project.cli.checks import findings

    failed = 0
    for finding in findings(config, home, aws=aws):
        failed += finding.status == "fail"
        _show(finding, as_json)
    if failed:
        raise PipelineError(f"Checking this installation: {failed} checks failed; see their fix.")


def _show(finding: "Finding", as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "check": finding.check,
                "status": finding.status,
                "detail": finding.detail,
                "fix": finding.fix,
            }
        )
        return
    write_line(printable(f"{finding.status:<5} {finding.check}: {finding.detail}", keep=""))
    if finding.fix:
        write_line(printable(f"      fix: {finding.fix}", keep=""))
