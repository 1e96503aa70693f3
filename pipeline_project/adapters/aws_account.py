"""Who the credentials belong to, and whether the box's last safeguard can see."""

from pipeline_project.adapters.aws_errors import aws_errors
from pipeline_project.adapters.aws_session import AwsSession


def identity(session: AwsSession) -> str:
    """Name the account and user or role that calls are made as; no secret is in it.

    Raises:
        ConfigError: there are no credentials, or they are refused or expired.
        TransientError: AWS does not answer.
    """
    with aws_errors("asking AWS who these credentials belong to"):
        said = session.client("sts").get_caller_identity()
    return f"account {said['Account']}, as {said['Arn']}"


def switch_is_blind(session: AwsSession, instance_id: str) -> bool:
    """Tell whether the instance's tags are kept from the dead-man's switch on it.

    Source: AWS, "Work with instance tags in instance metadata"; off unless asked for.
    """
    with aws_errors(f"looking at the metadata options of instance {instance_id}"):
        said = session.client("ec2").describe_instances(InstanceIds=[instance_id])
    (instance,) = (each for group in said["Reservations"] for each in group["Instances"])
    return bool(instance.get("MetadataOptions", {}).get("InstanceMetadataTags") != "enabled")
