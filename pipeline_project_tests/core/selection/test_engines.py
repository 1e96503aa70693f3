"""Both engines against one contract, and what is asked of ours alone."""

from pipeline_project_tests.contracts.selection_engine import SelectionEngineContract


class TestOwnEngine(SelectionEngineContract):
    engine = "own"


class TestMundig(SelectionEngineContract):
    engine = "mundig"
