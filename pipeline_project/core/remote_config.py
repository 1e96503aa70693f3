"""The sections of the configuration about what is elsewhere: buckets, Lightly, AWS."""

from typing import Any

from pydantic import Field

from pipeline_project.core.config_section import Section


class SourceAccessConfig(Section):
    """Who reads an `s3://` source, and where; empty means the credentials that AWS tools find."""

    profile: str | None = Field(
        default=None, description="Profile of ~/.aws/config on the machine that reads."
    )
    role_arn: str | None = Field(
        default=None, description="Role to assume, such as one in the bucket owner's account."
    )
    external_id: str | None = Field(
        default=None, description="What the role's owner asks for beside it."
    )
    region: str | None = Field(default=None, description="The bucket's region.")
    endpoint_url: str | None = Field(
        default=None, description="Address of a server that speaks S3; none means AWS."
    )


class LightlyConfig(Section):
    """What `service: lightly` needs. The token is LIGHTLY_TOKEN in the environment, never here."""

    dataset: str | None = Field(
        None, description="Name of the dataset at Lightly; none: the `dataset` above."
    )
    input: str | None = Field(
        None,
        description="Bucket address that Lightly reads media from; none: where uploads lie.",
    )
    output: str | None = Field(
        None,
        description="Bucket address that Lightly writes to; none: `lightly` beside the uploads.",
    )
    region: str | None = Field(None, description="AWS region of these buckets.")
    role_arn: str | None = Field(
        None, description="Role that Lightly assumes to reach them (delegated access)."
    )
    external_id: str | None = Field(None, description="External id that this role demands.")
    worker_name: str = Field(
        "pipeline-project", min_length=3, description="Name of the worker that a run starts."
    )
    runs_on: list[str] = Field(
        default_factory=list, description="Labels that a worker must have to take the run."
    )
    launcher: str = Field(
        "/opt/pipeline_project/bin/run_lightly.sh",
        description="Program on the box that runs the worker until it ends (ec2/run.sh).",
    )
    worker_image: str = Field(
        "lightly/worker:latest", description="Image of the worker; pin a digest to keep it."
    )
    shm_size: str = Field("1024m", description="Shared memory of the worker's container.")
    gpus: str = Field("all", description="GPUs of the container; none: without.")
    token_parameter: str = Field(
        "/pipeline_project/lightly_token",
        description="SSM parameter from which the worker's box reads the token.",
    )
    poll_s: float = Field(
        30.0, ge=0, description="Seconds between looks at the run; Lightly asks for 30 or more."
    )
    worker_config: dict[str, Any] = Field(
        default_factory=dict, description="A Lightly `worker_config`, verbatim."
    )
    lightly_config: dict[str, Any] = Field(
        default_factory=dict, description="A Lightly `lightly_config`, verbatim."
    )
    docker_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of the worker before 2.6, such as enable_corruptness_check or "
        "stopping_condition.n_samples; translated, with a message for each.",
    )


class AwsConfig(Section):
    """Where the work is done with `on: aws`. Credentials are never part of it."""

    region: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d+$",
        description="Such as eu-west-1; nothing means the profile's or AWS_REGION.",
    )
    profile: str | None = Field(
        default=None, description="Of ~/.aws/config; nothing means the default credentials."
    )
    role_arn: str | None = Field(
        default=None,
        pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$",
        description="Role to assume for all of this; nothing works as the credentials' owner.",
    )
    external_id: str | None = Field(
        default=None, description="What the role asks for beside it, if it does."
    )
    bucket: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="The bucket that holds uploads, results, leases and the lake; its name alone.",
    )
    prefix: str = Field(
        default="pipeline",
        pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$",
        description="Everything lies below this in the bucket.",
    )
    instance_id: str | None = Field(
        default=None,
        pattern=r"^i-[0-9a-f]{8,17}$",
        description="The EC2 instance that is started for a run and stopped after it.",
    )
    document: str = Field(
        default="pipeline-project-run",
        min_length=3,
        max_length=128,
        description="Name of the SSM document made from ec2/ssm_document.json.",
    )
    worker: str = Field(
        default="/opt/pipeline_project/bin/worker",
        min_length=1,
        description="The program on the instance that starts our worker.",
    )
    spot_notices: str = Field(
        default="http://169.254.169.254",
        pattern=r"^(http://[^\s/]+)?$",
        description="The instance's metadata address, watched for the notice that AWS takes a "
        "spot instance back; empty does not watch.",
    )
    ready_timeout_s: float = Field(
        default=600.0, gt=0, description="Longest wait for the instance and its SSM agent."
    )
    lease_s: float = Field(
        default=600.0, ge=30, description="A run that says nothing for so long counts as dead."
    )
    patience_s: float = Field(
        default=120.0,
        ge=0,
        description="How long throttling and outages of AWS are waited out in one call.",
    )
    max_cost_usd: float | None = Field(
        default=None,
        gt=0,
        description="End a run cleanly when the instance has cost so much since its start; what "
        "is done is kept.",
    )
    usd_per_hour: float | None = Field(
        default=None,
        gt=0,
        description="What the instance costs you; nothing means the list price of a small table.",
    )
    endpoints: dict[str, str] = Field(
        default_factory=dict,
        description="Addresses by service (s3, ec2, ssm, sts), for others than AWS's own.",
    )

    @property
    def root(self) -> str:
        """Address of the home in the bucket."""
        return f"s3://{self.bucket}/{self.prefix}"
