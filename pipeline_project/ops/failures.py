"""How an error becomes the failure of an op; every op's body stands in `as_failures`."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipeline_project.adapters.addresses import shown
from pipeline_project.errors import ConfigError, PermanentError, PipelineError


@contextmanager
def as_failures() -> Iterator[None]:
    """Turn this project's errors into `dagster.Failure`, with their text as the description.

    An error that a retry cannot mend forbids retries. The metadata `error_class` names the error
    for the command line's exit code. What the machine refuses (a full disk) is told likewise;
    interrupts and errors of other origin pass unchanged.
    """
    try:
        yield
    except PipelineError as error:
        raise dg.Failure(
            description=shown(str(error)),
            metadata={"error_class": type(error).__name__},
            allow_retries=not isinstance(error, ConfigError | PermanentError),
        ) from error
    except OSError as error:
        raise dg.Failure(
            description=shown(
                f"using {error.filename or 'a file or connection'}: "
                f"{error.strerror or error}. Check free space, permissions and the network."
            ),
            metadata={"error_class": type(error).__name__},
        ) from error
