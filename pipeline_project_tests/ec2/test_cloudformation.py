import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_project.making import stack
from pipeline_project_tests.ec2.template import resources


def test_the_template_holds_today_s_files() -> None:
    template = stack.TEMPLATE.read_text()
    assert stack.fill(template) == template, "run python -m pipeline_project.making.stack"


def test_cfn_lint_finds_nothing() -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run(
        [linter, "--regions", "us-east-1,eu-west-1", "--", stack.TEMPLATE],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_first_boot_script_puts_every_file_in_its_place(tmp_path: Path) -> None:
    script = resources()["Instance"]["Properties"]["UserData"]
    assert script == stack.user_data()
    home = tmp_path / "opt"
    units = tmp_path / "systemd"
    units.mkdir()
    commands = tmp_path / "commands"
    commands.mkdir()
    log = tmp_path / "log"
    for name in ("shutdown", "systemctl", "apt-get", "curl", "aws"):
        stand_in = commands / name
        stand_in.write_text(f'#!/bin/bash\necho "{name} $*" >> {log}\necho eu-west-1\n')
        stand_in.chmod(0o755)
    here = script.replace("/opt/pipeline_project", str(home))
    here = here.replace("/etc/systemd/system", str(units))
    subprocess.run(
        ["bash", "-c", here], env={"PATH": f"{commands}:/usr/bin:/bin"}, check=True, timeout=60
    )
    for name, place, mode in stack._PLACED:
        placed = units / name if name.startswith("dead-mans-switch.") else None
        placed = placed or home / "bin" / Path(place).name
        text = (stack.EC2 / name).read_text().replace("/opt/pipeline_project", str(home))
        assert placed.read_text() == text
        assert f"{placed.stat().st_mode & 0o777:04o}" == mode
    assert (home / "environment").read_text() == "export AWS_DEFAULT_REGION=eu-west-1\n"
    said = log.read_text().splitlines()
    assert "systemctl enable --now dead-mans-switch.timer" in said
    assert said[-1] == "shutdown -h now"


def test_a_first_boot_that_fails_half_way_still_shuts_the_box_down(tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "shutdown").write_text(f"#!/bin/bash\necho shutdown >> {log}\n")
    (tmp_path / "shutdown").chmod(0o755)
    script = stack.user_data().replace("/opt/pipeline_project", "/proc/no/such/place")
    script = script.replace("/etc/systemd/system", "/proc/no/such/place")
    # Without curl, systemctl and apt-get on the path each of the later lines fails as well.
    for name in ("cat", "chmod", "mkdir"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    subprocess.run(["/bin/bash", "-c", script], env={"PATH": str(tmp_path)}, timeout=60)
    assert log.read_text() == "shutdown\n"


def test_the_box_is_made_so_that_the_switch_can_work() -> None:
    box = resources()["Instance"]["Properties"]
    assert box["InstanceInitiatedShutdownBehavior"] == "stop"
    assert box["MetadataOptions"]["InstanceMetadataTags"] == "enabled"
    assert box["MetadataOptions"]["HttpTokens"] == "required"
    assert {"Key": "pipeline_project", "Value": "gpu-worker"} in box["Tags"]


def test_user_data_longer_than_ec2_takes_is_refused(tmp_path: Path) -> None:
    for name, *_ in stack._PLACED:
        (tmp_path / name).write_text("# x\n")
    (tmp_path / "bootstrap.sh").write_text("#!/bin/bash\n#@files\n" + "#" * 17_000 + "\n")
    with pytest.raises(ValueError, match="16384"):
        stack.user_data(tmp_path)
