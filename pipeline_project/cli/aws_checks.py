"""The checks of `pipeline doctor --aws`: each step towards AWS, tried; nothing is started."""

import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_project.cli.findings import Finding, look
from pipeline_project.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    from pipeline_project.adapters.aws_session import AwsSession
    from pipeline_project.settings import Settings

_PEXELS_S = 30.0
_STACK = "create the stack of ec2/cloudformation.yaml, and copy its output Configuration"


def aws_findings(settings: "Settings") -> Iterator[Finding]:
    """Check what a run with `on: aws` needs, in the order in which it is set up.

    A step that hangs on one that failed is left out.
    """
    from pipeline_project.build import aws_session

    sdk = look("aws: boto3", _boto3, "python -m pip install 'pipeline-project[aws]'")
    yield sdk
    if sdk.status == "fail":
        return
    session = aws_session(settings)
    account = _account(session)
    yield account
    named = look("aws: settings", lambda: _named(settings), _STACK)
    yield named
    if "fail" in (account.status, named.status):
        return
    bucket = list(_bucket(settings, session))
    yield from bucket
    if not any(each.status == "fail" for each in bucket):
        yield from _instance(settings, session)
    if settings.pexels_api_key is not None:
        yield look(
            "aws: pexels key",
            lambda: _pexels(settings),
            "copy the key anew from https://www.pexels.com/api/ into PEXELS_API_KEY",
        )
    yield look("aws: worker code", _wheel, "python -m pip install -e . in the clone")
    if settings.lightly_token is not None:
        yield look(
            "aws: lightly token",
            lambda: _lightly(settings),
            "copy the token anew from the preferences page of the Lightly app",
        )


def _boto3() -> str:
    from pipeline_project.adapters.aws_session import demand_boto3

    demand_boto3("Using AWS")
    return version("boto3")


def _account(session: "AwsSession") -> Finding:
    from pipeline_project.adapters.aws_account import identity

    return look(
        "aws: account",
        lambda: identity(session),
        "aws configure (or aws sso login), or name a profile as aws.profile",
    )


def _named(settings: "Settings") -> str:
    aws = settings.aws
    missing = [name for name in ("bucket", "instance_id") if getattr(aws, name) is None]
    if missing:
        raise ConfigError(f"not set: {', '.join(f'aws.{name}' for name in missing)}")
    return f"{aws.root}, instance {aws.instance_id}, document {aws.document}"


def _bucket(settings: "Settings", session: "AwsSession") -> Iterator[Finding]:
    from pipeline_project.adapters.object_store.bucket_check import check_bucket

    def problems() -> list[str]:
        return check_bucket(session, settings.aws.root, write=True)

    yield from _several(
        "aws: bucket",
        problems,
        f"{settings.aws.root} can be listed, written, read and deleted in",
        "compare aws.bucket and aws.prefix with the stack's outputs, and attach its "
        "OrchestratorPolicy to the account above",
    )


def _instance(settings: "Settings", session: "AwsSession") -> Iterator[Finding]:
    from pipeline_project.adapters.aws_account import switch_is_blind
    from pipeline_project.build import aws_instance

    instance = aws_instance(settings, session)
    found = list(
        _several(
            "aws: instance",
            instance.check,
            f"{instance.instance_id} may be started, stopped and commanded (nothing was started)",
            "compare aws.instance_id, aws.region and aws.document with the stack's outputs, and "
            "attach its OrchestratorPolicy to the account above",
        )
    )
    yield from found
    if any(each.status == "fail" for each in found):
        return

    def switch() -> str:
        if switch_is_blind(session, instance.instance_id):
            raise ConfigError("the box cannot see its own tags, by which it knows its leases")
        return "the box sees its own tags"

    yield look(
        "aws: dead-man's switch",
        switch,
        "aws ec2 modify-instance-metadata-options --instance-metadata-tags enabled "
        f"--instance-id {instance.instance_id}",
    )


def _several(
    check: str, problems: Callable[[], list[str]], fine: str, fix: str
) -> Iterator[Finding]:
    try:
        seen = problems()
    except PipelineError as error:
        seen = [str(error)]
    for problem in seen:
        yield Finding(check, "fail", problem, fix)
    if not seen:
        yield Finding(check, "ok", fine)


def _wheel() -> str:
    from pipeline_project.adapters.wheel import build_wheel

    with tempfile.TemporaryDirectory(prefix="pipeline-doctor-") as folder:
        wheel, sha256 = build_wheel(Path(folder))
        return f"{wheel.name}, SHA-256 {sha256[:12]}..., is what the box would run"


def _pexels(settings: "Settings") -> str:
    from pipeline_project.adapters.sources.pexels_http import PexelsHttp
    from pipeline_project.adapters.waiting import Deadline

    if settings.pexels_api_key is None:
        return "not set"
    config = settings.pexels
    http = PexelsHttp(
        settings.pexels_api_key.get_secret_value(),
        api_url=config.api_url,
        timeout_s=config.timeout_s,
        max_wait_s=_PEXELS_S,
        deadline=Deadline(_PEXELS_S),
    )
    http.get_json(
        f"{config.api_url}/videos/popular", {"page": 1, "per_page": 1}, "trying the Pexels key"
    )
    return "PEXELS_API_KEY is taken by the service"


def _lightly(settings: "Settings") -> str:
    from pipeline_project.adapters.selection_service.lightly_api import LightlyApi

    if settings.lightly_token is None:
        return "not set"
    LightlyApi(settings.lightly_token.get_secret_value()).try_token()
    return "LIGHTLY_TOKEN is taken by the service"
