"""What the publisher asks of the function that publishes."""

import inspect
from typing import get_type_hints

from pipeline_project.report.publish import publish
from pipeline_project.resources.publisher import Publish


def test_the_publishing_function_takes_what_the_publisher_gives_with_the_same_types():
    asked, given = get_type_hints(Publish.__call__), get_type_hints(publish)
    asked.pop("return"), given.pop("return")
    assert asked == given
    parameters = inspect.signature(publish).parameters.values()
    assert {each.kind for each in parameters} == {inspect.Parameter.KEYWORD_ONLY}
