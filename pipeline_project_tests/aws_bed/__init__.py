"""AWS on one machine: instances that take time, an agent that comes late, commands that run.

moto answers for EC2, tags, SSM parameters and documents, SQS, IAM, STS and CloudFormation. What
it fakes too kindly is replaced here: instances go through `pending` and `stopping`
(`box.py`), Run Command runs a document's script with bash (`run_command.py`), requests can be
throttled, refused or expired (`faults.py`), the network can be cut (`network.py`), and an
instance has its metadata address (`metadata.py`). `bed.py` puts them together;
`python -m pipeline_project_tests.aws_bed` runs it as a process of its own.
"""

from pipeline_project_tests.aws_bed.bed import AwsBed, Delays

__all__ = ["AwsBed", "Delays"]
