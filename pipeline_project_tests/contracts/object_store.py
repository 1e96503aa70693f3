"""What every `ObjectStore` must do; each twin's test subclasses this pack."""

import threading

import pytest

from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import StoreConflict, StoreError


class ObjectStoreContract:
    @pytest.fixture
    def store(self) -> ObjectStore:
        raise NotImplementedError

    def test_what_was_put_is_read_back(self, store):
        store.put("a/b.bin", b"\x00\xff")
        assert store.get("a/b.bin") == b"\x00\xff"
        assert store.exists("a/b.bin")

    def test_putting_again_overwrites(self, store):
        store.put("a", b"1")
        store.put("a", b"22")
        assert store.get("a") == b"22"

    def test_a_missing_key_is_an_error_that_names_it(self, store):
        assert not store.exists("nothing/here")
        with pytest.raises(StoreError, match="nothing/here"):
            store.get("nothing/here")

    def test_put_new_refuses_an_existing_key_and_keeps_its_bytes(self, store):
        store.put_new("k", b"first")
        with pytest.raises(StoreConflict):
            store.put_new("k", b"second")
        assert store.get("k") == b"first"

    def test_of_racing_creators_exactly_one_wins(self, store):
        wins: list[int] = []
        barrier = threading.Barrier(8)

        def race(number: int) -> None:
            barrier.wait()
            try:
                store.put_new("race", str(number).encode())
            except StoreConflict:
                return
            wins.append(number)

        threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(wins) == 1
        assert store.get("race") == str(wins[0]).encode()

    def test_put_if_writes_only_over_the_version_that_was_read(self, store):
        store.put("k", b"1")
        _, etag = store.get_with_etag("k")
        store.put_if("k", b"2", etag)
        with pytest.raises(StoreConflict):
            store.put_if("k", b"3", etag)
        assert store.get("k") == b"2"

    def test_put_if_refuses_a_deleted_object(self, store):
        etag = store.put("k", b"1").etag
        store.delete("k")
        with pytest.raises(StoreConflict):
            store.put_if("k", b"2", etag)
        assert not store.exists("k")

    def test_counting_by_compare_and_set_loses_no_increment(self, store):
        store.put("count", b"0")

        def add() -> None:
            for _ in range(10):
                while True:
                    data, etag = store.get_with_etag("count")
                    try:
                        store.put_if("count", str(int(data) + 1).encode(), etag)
                    except StoreConflict:
                        continue
                    break

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.get("count") == b"40"

    def test_listing_is_ordered_and_bounded_by_the_prefix_folder(self, store):
        for key in ("p/2", "p/10", "px/1", "p/sub/1", "q"):
            store.put(key, b"x")
        assert [item.key for item in store.list("p")] == ["p/10", "p/2", "p/sub/1"]
        assert [item.key for item in store.list()] == ["p/10", "p/2", "p/sub/1", "px/1", "q"]
        assert list(store.list("nothing")) == []

    def test_deleting_twice_is_no_error(self, store):
        store.put("k", b"1")
        store.delete("k")
        store.delete("k")
        assert not store.exists("k")

    def test_a_file_goes_up_and_comes_down_unchanged(self, store, tmp_path):
        source = tmp_path / "big"
        source.write_bytes(bytes(range(256)) * 4096)
        assert store.put_file("input/big", source).size_bytes == 1 << 20
        store.download("input/big", tmp_path / "new" / "copy")
        assert (tmp_path / "new" / "copy").read_bytes() == source.read_bytes()

    def test_a_failed_download_leaves_no_file(self, store, tmp_path):
        with pytest.raises(StoreError):
            store.download("missing", tmp_path / "copy")
        assert list(tmp_path.glob("*copy*")) == []

    @pytest.mark.parametrize("key", ["", "/abs", "../up", "a/../../b", "a//b", "a/."])
    def test_keys_that_could_leave_the_root_are_refused(self, store, key):
        with pytest.raises(StoreError):
            store.put(key, b"x")
