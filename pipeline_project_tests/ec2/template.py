"""The CloudFormation template with its references put in, as a stack would have them."""

import re
from pathlib import Path
from typing import Any

import yaml

from pipeline_project.making.stack import TEMPLATE

REGION, ACCOUNT = "eu-west-1", "111122223333"
BUCKET, LIGHTLY_BUCKET = "footage", "footage-lightly"
PARAMETERS = {
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetId": "subnet-0123456789abcdef0",
    "ImageId": "ami-0123456789abcdef0",
    "LightlyAccountId": "999988887777",
    "LightlyExternalId": "an-external-id",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": "curation",
}
_NAMES = {"Bucket": BUCKET, "LightlyBucket": LIGHTLY_BUCKET, "Document": "curation-Document-1"}


class _Loader(yaml.SafeLoader):
    pass


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise ValueError(f"!{suffix} with a mapping")
    if suffix == "GetAtt":
        value = value.split(".")
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tagged)


def read(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template as it stands, short forms written out."""
    return yaml.load(path.read_text(), _Loader)


def resources(**parameters: str) -> dict[str, dict[str, Any]]:
    """Every resource that a stack with these parameters has, references put in."""
    template = read()
    values = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}
    values |= PARAMETERS | parameters
    with_lightly = values["LightlyAccountId"] != ""

    def put_in(value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(put_in, value) if each is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return None if argument == "AWS::NoValue" else refer(argument)
            if name == "Fn::GetAtt":
                return arn(argument[0]) if argument[1] == "Arn" else f"{argument}"
            if name == "Fn::Sub":
                return re.sub(r"\$\{([^!}]+)\}", lambda found: refer(found[1]), argument)
            if name == "Fn::If":
                return put_in(argument[1 if with_lightly else 2])
            if name == "Fn::Base64":
                return put_in(argument)
        return {key: put_in(each) for key, each in value.items()}

    def refer(name: str) -> str:
        if name.endswith(".Arn"):
            return arn(name.removesuffix(".Arn"))
        return values.get(name) or _NAMES.get(name, name)

    def arn(name: str) -> str:
        kind = template["Resources"][name]["Type"]
        if kind == "AWS::SQS::Queue":
            return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{refer(name)}"
        return f"arn:aws:s3:::{refer(name)}" if kind == "AWS::S3::Bucket" else f"arn:of:{name}"

    return {
        name: put_in(each)
        for name, each in template["Resources"].items()
        if with_lightly or each.get("Condition") != "WithLightly"
    }


def policies(resource: str, **parameters: str) -> list[dict[str, Any]]:
    """The policy documents that the stack itself gives a role, or that a managed policy is."""
    properties = resources(**parameters)[resource]["Properties"]
    if "PolicyDocument" in properties:
        return [properties["PolicyDocument"]]
    return [each["PolicyDocument"] for each in properties["Policies"]]
