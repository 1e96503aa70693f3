"""The bed itself: moto's server with the honest parts put in, one instance, one document."""

import json
import logging
import os
import threading
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse
from werkzeug.serving import make_server

from pipeline_project_tests.aws_bed.box import Box, Delays
from pipeline_project_tests.aws_bed.faults import Faults
from pipeline_project_tests.aws_bed.network import Proxy
from pipeline_project_tests.aws_bed.run_command import (
    MAX_DELIVERY_S,
    MIN_DELIVERY_S,
    Command,
    Refused,
    parse,
    render,
)

REGION = "eu-west-1"
ACCESS_KEY, SECRET_KEY = "bed-key", "bed-secret"
DOCUMENT = "pipeline-project-run"
BUCKET = "pipeline-bed"
ROOT = Path(__file__).resolve().parents[2]
PAGE = 50  # commands that ListCommands gives at once


class AwsBed:
    """One account in one region, with one stopped instance; use as a context manager.

    Only one bed at a time in a process: moto keeps its state in the process.

    Args:
        folder: where the box keeps its files.
        delays: what takes how long.
    """

    current: "AwsBed | None" = None

    def __init__(self, folder: Path, delays: Delays | None = None) -> None:
        self.delays = delays or Delays()
        self.faults = Faults()
        self.boxes: dict[str, Box] = {}
        self.commands: list[Command] = []
        self.visible_after_s = 0.1  # GetCommandInvocation knows a new command so late
        self.ping_age_s = 0.0
        self._folder = folder
        self._s3: dict[str, str] = {}
        self.bucket = BUCKET
        self.box_environment: dict[str, str] = {}

    def __enter__(self) -> "AwsBed":
        if AwsBed.current is not None:
            raise RuntimeError("there is a bed in this process already; moto knows only one")
        with ExitStack() as undo:  # what is there already goes again when the rest fails
            logging.getLogger("werkzeug").setLevel(logging.ERROR)
            app = self.faults.wrap(DomainDispatcherApplication(create_backend_app))
            # Bound here and never let go of meanwhile, so that nobody else can take the port.
            self._server = make_server(
                "127.0.0.1", 0, app, True, request_handler=MotoRequestHandler
            )
            serving = threading.Thread(
                target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
            )
            serving.start()
            undo.callback(serving.join, 10)  # which closes the port as its last act
            undo.callback(self._server.shutdown)
            self._proxy: Proxy | None = None
            undo.callback(lambda: self._proxy and self._proxy.close())
            AwsBed.current = self
            undo.callback(setattr, AwsBed, "current", None)
            for owner, name, original in _patch():
                undo.callback(_put_back, owner, name, original)
            self._reset()
            self.instance_id = self._furnish()
            undo.callback(self._end_commands)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    @property
    def endpoint(self) -> str:
        """Where AWS answers; through the proxy once there is one."""
        if self._proxy is not None:
            return self._proxy.url
        return "http://{}:{}".format(*self.address)

    @property
    def proxy(self) -> Proxy:
        """The network between a client and AWS; made on first use."""
        if self._proxy is None:
            self._proxy = Proxy(self.address)
        return self._proxy

    @property
    def box(self) -> Box:
        return self.boxes[self.instance_id]

    def use_s3(self, endpoint_url: str, access_key: str, secret_key: str, bucket: str) -> None:
        """Take S3 from another server, for the box, for outputs and for whoever asks."""
        self._s3 = {"endpoint_url": endpoint_url, "key": access_key, "secret": secret_key}
        self.bucket = bucket
        self.box_environment.update(self.environment())

    def environment(self) -> dict[str, str]:
        """Variables with which any AWS client talks to this bed."""
        direct = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self._s3.get("key", ACCESS_KEY),
            "AWS_SECRET_ACCESS_KEY": self._s3.get("secret", SECRET_KEY),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self._folder / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self._folder / "no-credentials"),
        }
        if self._s3:
            direct["AWS_ENDPOINT_URL_S3"] = self._s3["endpoint_url"]
        return direct

    def client(self, service: str, *, endpoint: str | None = None) -> Any:
        """A client that waits little and tries once, straight to the bed."""
        own_s3 = service == "s3" and bool(self._s3)
        return boto3.client(
            service,
            endpoint_url=endpoint
            or (self._s3["endpoint_url"] if own_s3 else "http://{}:{}".format(*self.address)),
            region_name=REGION,
            aws_access_key_id=self._s3.get("key", ACCESS_KEY),
            aws_secret_access_key=self._s3.get("secret", SECRET_KEY),
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def state(self) -> str:
        return self.box.state

    def box_of(self, instance: Any) -> Box:
        if instance.id not in self.boxes:
            self.boxes[instance.id] = Box(instance, self.delays)
        return self.boxes[instance.id]

    def _end_commands(self) -> None:
        """Leave no program and no thread of a command behind."""
        for command in self.commands:
            command.cancel()
        for box in self.boxes.values():
            box.kill_everything()
        for command in self.commands:
            command.join()

    def _reset(self) -> None:
        address = "http://{}:{}/moto-api/reset".format(*self.address)
        with urllib.request.urlopen(urllib.request.Request(address, method="POST")):
            pass

    def _furnish(self) -> str:
        self.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        iam = self.client("iam")
        iam.create_role(RoleName="pipeline-box", AssumeRolePolicyDocument="{}")
        profile = iam.create_instance_profile(InstanceProfileName="pipeline-box")
        iam.add_role_to_instance_profile(
            InstanceProfileName="pipeline-box", RoleName="pipeline-box"
        )
        self.client("ssm").create_document(
            Name=DOCUMENT,
            DocumentType="Command",
            Content=(ROOT / "ec2" / "ssm_document.json").read_text(),
        )
        ec2 = self.client("ec2")
        answer = ec2.run_instances(
            ImageId="ami-03cf127a",
            InstanceType="g4dn.xlarge",
            MinCount=1,
            MaxCount=1,
            IamInstanceProfile={"Arn": profile["InstanceProfile"]["Arn"]},
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": "pipeline_project", "Value": "gpu-worker"}],
                }
            ],
        )
        instance_id: str = answer["Instances"][0]["InstanceId"]
        self._box_by_id(instance_id).become("stopped")
        home = self._folder / "box"
        home.mkdir(parents=True, exist_ok=True)
        self.box_environment.update(
            {
                **self.environment(),
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "LANG": "C.UTF-8",
                "PIPELINE_BOX_STATE": str(home / "state"),
            }
        )
        return instance_id

    def _box_by_id(self, instance_id: str) -> Box:
        instance = ec2_backends[DEFAULT_ACCOUNT_ID][REGION].get_instance_by_id(instance_id)
        if instance is None:
            raise SSMException("InvalidInstanceId", f"Instances [[{instance_id}]] do not exist.")
        return self.box_of(instance)

    def send(self, request: Mapping[str, Any], documents: Any) -> Command:
        """Answer SendCommand."""
        name = request["DocumentName"]
        if name not in documents:
            raise SSMException("InvalidDocument", f"Document with name {name} does not exist.")
        (instance_id,) = request["InstanceIds"]
        box = self._box_by_id(instance_id)
        if box.state != "running" or (not box.online and not box.agent_lost):
            raise SSMException(
                "InvalidInstanceId",
                f"Instances [[{instance_id}]] not in a valid state for account 123456789012",
            )
        delivery_s = int(request.get("TimeoutSeconds") or 3_600)
        if not MIN_DELIVERY_S <= delivery_s <= MAX_DELIVERY_S:
            raise SSMException("ValidationException", f"TimeoutSeconds {delivery_s} out of range")
        if len(request.get("Comment", "")) > 100:
            raise SSMException("ValidationException", "Comment is longer than 100")
        content = parse(documents[name].get_default_version().content)
        try:
            script, execution_s = render(content, request.get("Parameters", {}))
        except Refused as error:
            raise SSMException(error.code, str(error)) from error
        command = Command(
            box,
            script,
            document=name,
            comment=request.get("Comment", ""),
            delivery_s=min(delivery_s, self.delivery_limit_s),
            execution_s=execution_s,
            bucket=request.get("OutputS3BucketName", ""),
            prefix=request.get("OutputS3KeyPrefix", ""),
            environment=self.box_environment,
            put=lambda bucket, key, data: self.client("s3").put_object(
                Bucket=bucket, Key=key, Body=data
            ),
            visible_after_s=self.visible_after_s,
            folder=self._folder / "scripts",
        )
        self.commands.append(command)
        return command

    delivery_limit_s = float(MAX_DELIVERY_S)  # tests cannot wait for AWS's least, 30 s

    def find(self, command_id: str) -> Command:
        for command in self.commands:
            if command.id == command_id:
                return command
        raise SSMException("InvalidCommandId", "Invalid command id.")


def _bed() -> AwsBed:
    bed = AwsBed.current
    if bed is None:
        raise RuntimeError("no bed is made in this process")
    return bed


def _request(self: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(self.body)
    return body


def _send_command(self: Any) -> ActionResult:
    command = _bed().send(_request(self), self.ssm_backend._documents)
    return ActionResult({"Command": command.summary()})


def _get_command_invocation(self: Any) -> ActionResult:
    asked = _request(self)
    command = _bed().find(asked["CommandId"])
    if command.box.id != asked["InstanceId"] or time.monotonic() < command.visible_at:
        raise SSMException("InvocationDoesNotExist", "")
    return ActionResult(command.invocation())


def _list_commands(self: Any) -> ActionResult:
    asked = _request(self)
    found = [
        each.summary()
        for each in reversed(_bed().commands)
        if asked.get("CommandId") in (None, each.id)
        and asked.get("InstanceId") in (None, each.box.id)
    ]
    for rule in asked.get("Filters", []):
        field = {"DocumentName": "DocumentName", "Status": "Status"}.get(rule["key"])
        if field:
            found = [each for each in found if each[field] == rule["value"]]
    start = int(asked.get("NextToken") or 0)
    page: dict[str, Any] = {"Commands": found[start : start + PAGE]}
    if len(found) > start + PAGE:
        page["NextToken"] = str(start + PAGE)
    return ActionResult(page)


def _cancel_command(self: Any) -> EmptyResult:
    _bed().find(_request(self)["CommandId"]).cancel()
    return EmptyResult()


def _describe_instance_information(self: Any) -> ActionResult:
    wanted = {
        value
        for rule in _request(self).get("Filters", [])
        if rule["Key"] == "InstanceIds"
        for value in rule["Values"]
    }
    known = [
        {
            "InstanceId": box.id,
            "PingStatus": "Online" if box.online else "ConnectionLost",
            "LastPingDateTime": datetime.now(UTC) - timedelta(seconds=_bed().ping_age_s),
        }
        for box in _bed().boxes.values()
        if (not wanted or box.id in wanted) and (box.online or box.agent_lost)
    ]
    return ActionResult({"InstanceInformationList": known})


def _put_back(owner: Any, name: str, original: Any) -> None:
    setattr(owner, name, original) if original else delattr(owner, name)


def _patch() -> list[tuple[Any, str, Any]]:
    """Put the honest parts into moto; returns what was there before."""
    response = SimpleSystemManagerResponse
    wanted: list[tuple[Any, str, Any]] = [
        (Instance, "start", lambda instance: _bed().box_of(instance).start()),
        (Instance, "stop", lambda instance: _bed().box_of(instance).stop()),
        (Instance, "terminate", lambda instance: _bed().box_of(instance).terminate()),
        (response, "send_command", _send_command),
        (response, "get_command_invocation", _get_command_invocation),
        (response, "list_commands", _list_commands),
        (response, "cancel_command", _cancel_command),
        (response, "describe_instance_information", _describe_instance_information),
    ]
    before = [(owner, name, owner.__dict__.get(name)) for owner, name, _ in wanted]
    for owner, name, new in wanted:
        setattr(owner, name, new)
    return before
