"""Fixtures that tests in several rooms use."""

from pipeline_project_tests.seaweed import bucket, seaweed, seaweed_server

__all__ = ["bucket", "seaweed", "seaweed_server"]
