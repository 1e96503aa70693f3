"""A step's version changes with what its code does, and with nothing else."""

import pytest

from pipeline_project.worker.collections.code import function_version

MAIN = "import near\nimport json\n\n\ndef step(given):\n    return near.double(given)\n"
NEAR = "def double(x):\n    return 2 * x\n"


@pytest.fixture
def version(tmp_path):
    def version(main: str = MAIN, near: str = NEAR, function: str = "main:step") -> str:
        (tmp_path / "main.py").write_text(main)
        (tmp_path / "near.py").write_text(near)
        return function_version(function, tmp_path)

    return version


@pytest.mark.parametrize(
    "main",
    [
        MAIN.replace("\n\n\ndef", "\n\ndef"),
        MAIN.replace("def step", "# what it does\ndef step"),
        MAIN.replace("    return", '    """What it does."""\n    return'),
        MAIN.replace("near.double(given)", "near.double( given )"),
    ],
)
def test_what_does_nothing_changes_no_version(version, main):
    assert version(main) == version()


def test_the_code_changes_the_version(version):
    assert version(MAIN.replace("double(given)", "double(given) + 1")) != version()


def test_a_module_beside_it_that_it_imports_changes_the_version(version):
    assert version(near=NEAR.replace("2", "3")) != version()


def test_a_module_that_it_does_not_import_changes_nothing(version):
    alone = MAIN.replace("import near\n", "").replace("near.double", "")
    assert version(alone) == version(alone, near=NEAR.replace("2", "3"))


def test_modules_of_a_package_count_however_they_are_imported(tmp_path):
    package = tmp_path / "steps"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "main.py").write_text("from . import near\nfrom .far import x\ndef f(g): pass\n")
    seen = set()
    for near, far in (("a = 1", "x = 1"), ("a = 2", "x = 1"), ("a = 2", "x = 2")):
        (package / "near.py").write_text(near)
        (package / "far.py").write_text(far)
        seen.add(function_version("steps.main:f", tmp_path))
    assert len(seen) == 3


def test_modules_that_import_each_other_are_hashed_once(version):
    assert version(near="import main\n" + NEAR) == version(near="import main\n" + NEAR)
