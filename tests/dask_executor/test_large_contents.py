"""What is too large for the scheduler travels through a store."""

import errno
import io
from pathlib import Path

import pytest

from altlas_runner.dask_executor.by_reference import ReferenceStore, StoreError, is_reference


def test_a_content_comes_back_and_is_gone_when_it_is_removed(tmp_path: Path) -> None:
    store = ReferenceStore(str(tmp_path / "store"))
    reference = store.put(b"content")
    assert is_reference(reference)
    assert store.take(reference) == b"content"
    store.remove(reference)
    with pytest.raises(StoreError, match="cannot be read"):
        store.take(reference)
    store.remove(reference)  # once more does no harm


def test_a_file_comes_back(tmp_path: Path) -> None:
    store = ReferenceStore(f"file://{tmp_path}/store")
    (tmp_path / "source").write_bytes(b"\x00\xff" * 1_000_000)
    store.take_file(store.put_file(tmp_path / "source"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"\x00\xff" * 1_000_000


def test_a_store_in_memory_is_one_of_many() -> None:
    store = ReferenceStore("memory://altlas")
    assert store.take(store.put(b"content")) == b"content"


def test_a_content_that_is_not_what_was_put_there_is_refused(tmp_path: Path) -> None:
    store = ReferenceStore(str(tmp_path / "store"))
    reference = store.put(b"content")
    (tmp_path / "store" / reference["$stored"]).write_bytes(b"another")
    with pytest.raises(StoreError, match="not what was put there"):
        store.take(reference)
    with pytest.raises(StoreError, match="not what was put there"):
        store.take_file(reference, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", None, 7, "0" * 31])
def test_a_reference_that_leads_elsewhere_is_refused(name: object, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    with pytest.raises(StoreError, match="no such store"):
        ReferenceStore(str(tmp_path / "store")).take({"$stored": name, "size": 6, "sha256": ""})


def test_without_a_store_the_error_says_what_to_do() -> None:
    with pytest.raises(StoreError, match=r"2,000,000 bytes are too many.*dask_store"):
        ReferenceStore(None).put(bytes(2_000_000))


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        ReferenceStore(str(tmp_path / "file" / "store")).put(b"")


def test_an_unknown_kind_of_store_is_told() -> None:
    with pytest.raises(StoreError, match="cannot be used here"):
        ReferenceStore("no-such-kind://place")


def test_nothing_half_written_stays_when_the_store_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ReferenceStore(str(tmp_path))

    class Full(io.BytesIO):
        def __exit__(self, *_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(path: str, mode: str) -> Full:
        Path(path).write_bytes(b"half")
        return Full()

    monkeypatch.setattr(store._files, "open", opened)
    with pytest.raises(StoreError, match="No space left"):
        store.put(b"content")
    assert list(tmp_path.iterdir()) == []
