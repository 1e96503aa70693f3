import pytest

from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import StoreError
from pipeline_project_tests.contracts.object_store import ObjectStoreContract


class TestLocalObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return LocalObjectStore(tmp_path / "store")

    def test_nothing_but_objects_is_listed_after_failures(self, store, tmp_path):
        store.put_new("a", b"1")
        with pytest.raises(StoreError):
            store.put_new("a", b"2")
        assert [item.key for item in store.list()] == ["a"]
        assert not [p for p in (tmp_path / "store" / ".store").iterdir() if "lock" not in p.name]

    def test_a_root_that_cannot_be_made_is_a_clear_error(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StoreError, match="--home"):
            LocalObjectStore(tmp_path / "file" / "store").put("a", b"1")
