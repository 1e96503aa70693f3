import pytest

from pipeline_project_tests.deaths.scene import scene as build_scene
from pipeline_project_tests.seaweed import running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def scene(server, tmp_path):
    with build_scene(tmp_path, server) as made:
        yield made
