"""Every exception this project raises on purpose.

::

    PipelineError                 what was tried, on what, what was seen, what to do
    ├── ConfigError               wrong use: a bad option, setting or input; exit code 2
    ├── PermanentError            trying again without a change gives the same answer
    │   ├── MediaError            one file cannot be used; becomes a row of `rejects`
    │   │   ├── MediaUnreadable   the bytes cannot be read (permission, vanished, I/O error)
    │   │   ├── MediaUnknown      readable, but neither an image nor a video
    │   │   ├── MediaEmpty        zero bytes, or a video without one frame (audio only)
    │   │   ├── MediaCorrupt      an image or video whose contents cannot be decoded
    │   │   ├── MediaTruncated    fewer frames than declared; what decoded is kept
    │   │   └── MediaTooSmall     smaller than the measures need
    │   ├── StoreError            the object store refused or broke
    │   │   └── StoreConflict     a conditional write lost: somebody else wrote first
    │   └── LakeError             a table or commit is missing, corrupt or too new
    ├── TransientError            the same call may work later; safe to retry
    ├── RemoteFailed              a remote command or run ended badly
    ├── RemoteTimedOut            a wait reached its deadline
    └── RemoteCancelled           a remote command or run was cancelled

Interrupts (`KeyboardInterrupt`, Dagster's own) are `BaseException`s and not part of the tree.
"""


class PipelineError(Exception):
    """Base of all; its message says what was tried, on what, what was seen, what to do."""


class ConfigError(PipelineError):
    """Wrong use: a bad option, setting or input. The command line exits with 2."""


class PermanentError(PipelineError):
    """Trying again without a change gives the same answer."""


class MediaError(PermanentError):
    """One file cannot be used; the run goes on and the file gets a row in `rejects`."""


class MediaUnreadable(MediaError):
    """The bytes cannot be read: permission, vanished file, I/O error."""


class MediaUnknown(MediaError):
    """Readable, but neither an image nor a video (HTML named .mp4, say)."""


class MediaEmpty(MediaError):
    """Zero bytes, or a container without one video frame (audio only)."""


class MediaCorrupt(MediaError):
    """Recognised as an image or a video, but its contents cannot be decoded."""


class MediaTruncated(MediaError):
    """Fewer frames than the container declares; what was decoded is kept."""


class MediaTooSmall(MediaError):
    """Smaller than the quality measures need."""


class StoreError(PermanentError):
    """The object store refused or broke."""


class StoreConflict(StoreError):
    """A conditional write lost: somebody else wrote first."""


class LakeError(PermanentError):
    """A table or commit is missing, corrupt, or made by a newer version."""


class TransientError(PipelineError):
    """The same call may work later; safe to retry."""


class RemoteFailed(PipelineError):
    """A remote command or run ended badly."""


class RemoteTimedOut(PipelineError):
    """A wait reached its deadline; the message holds the last status seen."""


class RemoteCancelled(PipelineError):
    """A remote command or run was cancelled."""
