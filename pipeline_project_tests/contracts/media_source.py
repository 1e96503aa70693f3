"""What every `MediaSource` must do; each twin's test subclasses this pack."""

import pytest

from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.errors import MediaUnreadable


class MediaSourceContract:
    @pytest.fixture
    def source(self) -> MediaSource:
        """A source that holds at least one object."""
        raise NotImplementedError

    @pytest.fixture
    def gone(self) -> str:
        """The address of an object that this source does not hold."""
        raise NotImplementedError

    def test_a_listing_names_every_object_apart_and_says_where_it_is_from(self, source):
        refs = list(source.list())
        assert refs
        assert len({ref.uri for ref in refs}) == len(refs)
        for ref in refs:
            assert ref.source == source.spec
            assert "://" in ref.uri
            assert ref.name and ref.name.isprintable()
            assert ref.size_bytes >= 0

    def test_a_listing_is_ordered_and_can_be_made_again(self, source):
        first = list(source.list())
        assert [ref.uri for ref in source.list()] == [ref.uri for ref in first]
        assert source.ignored >= 0

    def test_a_listed_object_can_be_read_and_read_again(self, source):
        ref = next(iter(source.list()))
        with source.fetch(ref.uri) as path:
            data = path.read_bytes()
        assert data
        with source.fetch(ref.uri) as path:
            assert path.read_bytes() == data

    def test_an_object_that_is_not_there_is_an_error_of_that_file_alone(self, source, gone):
        with pytest.raises(MediaUnreadable), source.fetch(gone):
            pass
