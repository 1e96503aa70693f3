"""The house's own rules, and that its definitions load with nothing configured."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_project_tests.commands import run

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "pipeline_project").rglob("*.py"))


def test_imports_go_down_only():
    done = run(ROOT, "lint-imports")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_has_more_than_400_lines(module):
    assert len(module.read_text().splitlines()) <= 400


def test_definitions_load_in_an_empty_folder_and_leave_nothing_behind(tmp_path):
    code = (
        "import dagster as dg; from pipeline_project.definitions import defs; "
        "dg.Definitions.validate_loadable(defs() if callable(defs) else defs)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_base_product_needs_no_extra(tmp_path):
    code = (
        "import sys; import pipeline_project.definitions, pipeline_project.worker.__main__; "
        "heavy = {'torch', 'boto3', 'lightly', 'skimage', 'sklearn'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr
