"""A Pipes client for programs on an EC2 instance, through SSM Run Command.

In the style of the clients of dagster-aws, which has none for EC2. The instance side is plain
`dagster_pipes`, with nothing of this project::

    with open_dagster_pipes(message_writer=PipesS3MessageWriter(boto3.client("s3"))) as pipes:
        pipes.log.info("...")
        pipes.report_asset_check(check_name="...", passed=True, severity="WARN", metadata={})
        pipes.report_asset_materialization(metadata={}, data_version="...")
"""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.resource_annotation import TreatAsResourceParam
from dagster._core.pipes.client import PipesClientCompletedInvocation

from pipeline_project.adapters.commands.base import Commands
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.resources.pipes_bucket import bucket_session
from pipeline_project.resources.remote_command import run_to_end


class PipesEC2SSMClient(dg.PipesClient, TreatAsResourceParam):
    """Runs a program on the instance and streams its logs, checks and materializations.

    Args:
        commands: SSM commands on a running instance (`adapters.commands.ssm`).
        objects: a store in a bucket that the instance can write to, without patience of its own;
            messages lie below `pipes/`.
        interval_s: seconds between looks at the command, and at its messages.
    """

    def __init__(
        self, commands: Commands, objects: ObjectStore, *, interval_s: float = 2.0
    ) -> None:
        self._commands = commands
        self._objects = objects
        self._interval_s = interval_s

    def run(  # type: ignore[override]  # every client has arguments of its own
        self,
        *,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        extras: dict[str, object] | None = None,
        timeout_s: float = 3_600.0,
        keep: Callable[[], None] = lambda: None,
    ) -> PipesClientCompletedInvocation:
        """Run a program to its good end; it is ended when anything interrupts the wait.

        Args:
            context: the op or asset that waits.
            command: program and arguments; never seen by a shell.
            env: variables for it; no secrets, since SSM keeps them in its history.
            extras: given to the program as Pipes extras.
            timeout_s: the program is ended, with its children, when it runs longer.
            keep: called on every look; renews the lease on the instance, say.

        Raises:
            RemoteFailed: it ended badly; holds SSM's word for it and the end of its stderr.
            RemoteTimedOut: it ran too long, or the instance never took it up.
            RemoteCancelled: somebody else cancelled it.
        """
        messages_s = min(self._interval_s, 0.9)
        with bucket_session(
            self._objects, context, extras=extras, interval_s=messages_s
        ) as session:
            command_id, _ = run_to_end(
                self._commands,
                command,
                env={**(env or {}), **session.get_bootstrap_env_vars()},
                label=context.run.run_id,
                deadline=Deadline(timeout_s),
                interval_s=self._interval_s,
                keep=keep,
                warn=context.log.warning,
                what=f"the program {command[0]}",
                sent=lambda sent: session.report_launched({"extras": {"ssm_command_id": sent}}),
            )
        return PipesClientCompletedInvocation(session, metadata={"ssm_command_id": command_id})
