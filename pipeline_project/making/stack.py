"""Puts the files of `ec2/` into the CloudFormation template.

    python -m pipeline_project.making.stack

The template must hold them itself: a box has them from its first boot, before anybody could
upload anything. The files stay the ones to edit and to test; this script writes them into the
template's user data and its SSM document, and a test refuses a template that is not of today.
"""

import json
import re
from pathlib import Path

EC2 = Path(__file__).parents[2] / "ec2"
TEMPLATE = EC2 / "cloudformation.yaml"
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
MAX_USER_DATA_BYTES = 16_384

# file here, place on the box, mode
_PLACED = (
    ("worker", "/opt/pipeline_project/bin/worker", "0755"),
    ("run.sh", "/opt/pipeline_project/bin/run_lightly.sh", "0755"),
    ("dead_mans_switch.py", "/opt/pipeline_project/bin/dead_mans_switch.py", "0755"),
    ("dead-mans-switch.service", "/etc/systemd/system/dead-mans-switch.service", "0644"),
    ("dead-mans-switch.timer", "/etc/systemd/system/dead-mans-switch.timer", "0644"),
)
_FILES_HERE = "#@files\n"
_END = "END_OF_FILE"


def user_data(folder: Path = EC2) -> str:
    """Give the script of the first boot, with the files that it puts in their places.

    Args:
        folder: holds `bootstrap.sh` and the files.

    Raises:
        ValueError: it is longer than EC2 takes, or a file cannot be written this way.
    """
    placed = []
    for name, place, mode in _PLACED:
        text = (folder / name).read_text()
        if _END in text or not text.endswith("\n"):
            raise ValueError(f"{folder / name}: holds {_END}, or does not end with a newline.")
        placed.append(f"place {place} {mode} <<'{_END}'\n{text}{_END}\n")
    script = (folder / "bootstrap.sh").read_text().replace(_FILES_HERE, "\n".join(placed))
    size_bytes = len(script.encode())
    if size_bytes >= MAX_USER_DATA_BYTES:
        raise ValueError(
            f"The user data has {size_bytes} bytes; EC2 takes {MAX_USER_DATA_BYTES}. Shorten the "
            f"files of {folder}."
        )
    return script


def fill(template: str, folder: Path = EC2) -> str:
    """Give the template with today's user data and SSM document in their places."""
    document = json.dumps(json.loads((folder / "ssm_document.json").read_text()), indent=2)
    return _block(
        _block(template, "        Fn::Base64: |\n", 10, user_data(folder)),
        "      Content:\n",
        8,
        document + "\n",
    )


def _block(template: str, head: str, indent: int, text: str) -> str:
    """Replace what stands indented below a line."""
    margin = " " * indent
    body = "".join(f"{margin}{line}" if line.strip() else "\n" for line in text.splitlines(True))
    old = re.compile(re.escape(head) + rf"(?:{margin}.*\n|\n(?={margin}|\n))+")
    new, count = old.subn(lambda _: head + body, template)
    if count != 1:
        raise ValueError(f"{TEMPLATE}: {head.strip()!r} stands there {count} times, not once.")
    return new


if __name__ == "__main__":
    TEMPLATE.write_text(fill(TEMPLATE.read_text()))
