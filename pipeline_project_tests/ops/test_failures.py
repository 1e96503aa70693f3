"""Errors as an op shows them."""

import errno
import os

import dagster as dg
import pytest

from pipeline_project.errors import (
    ConfigError,
    MediaEmpty,
    PipelineError,
    RemoteFailed,
    StoreError,
    TransientError,
)
from pipeline_project.ops.failures import as_failures


def failure(error):
    with pytest.raises(dg.Failure) as caught, as_failures():
        raise error
    return caught.value


@pytest.mark.parametrize("kind", [ConfigError, StoreError, MediaEmpty])
def test_what_a_retry_cannot_mend_is_not_retried(kind):
    assert not failure(kind("why")).allow_retries


@pytest.mark.parametrize("kind", [TransientError, RemoteFailed, PipelineError])
def test_what_a_retry_may_mend_can_be_retried(kind):
    assert failure(kind("why")).allow_retries


def test_the_text_and_the_class_are_kept():
    shown = failure(StoreError("the reason"))
    assert shown.description == "the reason"
    assert shown.metadata["error_class"].value == "StoreError"


def test_a_full_disk_is_told_with_the_file():
    shown = failure(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/listing.jsonl"))
    assert "/data/listing.jsonl: No space left on device" in shown.description
    assert shown.metadata["error_class"].value == "OSError"


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_other_exceptions_pass_unchanged(kind):
    with pytest.raises(kind), as_failures():
        raise kind
