"""Finding and checking a bundle."""

from __future__ import annotations

import threading
import time
import zipfile
from pathlib import Path

import pytest
from bundles import PHOTOS, RUN_ID, operation, order, seal, write_bundle

from remedia_worker import find
from remedia_worker.documents import Marker, read_marker
from remedia_worker.errors import Stop, WorkerStopped
from remedia_worker.find import find_bundle
from remedia_worker.verify import verify_bundle

FIRST = next(iter(PHOTOS))


def make(folder: Path, run_id: str = RUN_ID) -> Path:
    return write_bundle(folder, order({FIRST: [operation()]}, run_id=run_id))


def marker_of(folder: Path) -> Marker:
    return read_marker((folder / "remedia-run.json").read_bytes())


def zipped(folder: Path, path: Path, prefix: str = "") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(folder).as_posix())


@pytest.mark.parametrize(
    "where", ["remedia-run", "datasets/somebody/remedia-run", "datasets/somebody/remedia-run/inner"]
)
def test_every_mount_convention_is_found(tmp_path: Path, where: str) -> None:
    expected = make(tmp_path / "input" / where)
    for run_id in ("", RUN_ID):
        folder, marker = find_bundle(run_id, [tmp_path / "input"], tmp_path / "work", 0.0)
        assert (folder, marker.run_id) == (expected, RUN_ID)


def test_an_empty_root_and_a_wrong_run_are_told_apart(tmp_path: Path) -> None:
    root = tmp_path / "input"
    root.mkdir()
    with pytest.raises(WorkerStopped) as nothing:
        find_bundle(RUN_ID, [root], tmp_path / "work", 0.0)
    make(root / "other", run_id="oak-lane-r7")
    with pytest.raises(WorkerStopped) as wrong:
        find_bundle(RUN_ID, [root], tmp_path / "work", 0.0)
    assert (nothing.value.stop, wrong.value.stop) == (Stop.NOTHING_FOUND, Stop.WRONG_RUN)
    assert "oak-lane-r7" in wrong.value.text


def test_of_several_runs_the_one_that_was_asked_for_is_taken(tmp_path: Path) -> None:
    make(tmp_path / "one", run_id="one-r1")
    make(tmp_path / "two", run_id="two-r1")
    assert find_bundle("two-r1", [tmp_path], tmp_path / "work", 0.0)[0] == tmp_path / "two"
    with pytest.raises(WorkerStopped) as several:
        find_bundle("", [tmp_path], tmp_path / "work", 0.0)
    assert several.value.stop is Stop.WRONG_RUN


def test_a_mount_that_appears_late_is_waited_for(tmp_path: Path) -> None:
    root = tmp_path / "input"
    root.mkdir()
    made = make(tmp_path / "elsewhere")

    def later() -> None:
        time.sleep(0.4)
        made.rename(root / "late")

    threading.Thread(target=later).start()
    assert find_bundle(RUN_ID, [root], tmp_path / "work", 10.0)[0] == root / "late"


@pytest.mark.parametrize(("patience", "waited"), [(60.0, 10.0), (4.0, 4.0)])
def test_where_another_run_is_mounted_the_wait_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float, waited: float
) -> None:
    make(tmp_path / "other", run_id="oak-lane-r7")
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    with pytest.raises(WorkerStopped) as wrong:
        find_bundle(RUN_ID, [tmp_path], tmp_path / "work", patience)
    assert wrong.value.stop is Stop.WRONG_RUN
    assert waited <= clock[0] <= waited + 2.0


@pytest.mark.parametrize("prefix", ["", "remedia-bundle/"])
def test_an_archive_is_unpacked(tmp_path: Path, prefix: str) -> None:
    made = make(tmp_path / "made")
    root = tmp_path / "input"
    root.mkdir()
    zipped(made, root / "bundle.zip", prefix)
    folder, marker = find_bundle("", [root], tmp_path / "work", 0.0)
    assert verify_bundle(folder, marker, 0.0) > 3


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside.txt", "photos/../../outside.txt", "a\\..\\b.txt"])
def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    made = make(tmp_path / "made")
    root = tmp_path / "input"
    root.mkdir()
    zipped(made, root / "bundle.zip")
    with zipfile.ZipFile(root / "bundle.zip", "a") as archive:
        archive.writestr(name, "outside")
    with pytest.raises(WorkerStopped) as refused:
        find_bundle("", [root], tmp_path / "work", 0.0)
    assert refused.value.stop is Stop.UNSAFE_ARCHIVE
    assert not list(tmp_path.glob("**/outside.txt"))


def test_an_archive_of_too_many_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "input"
    root.mkdir()
    zipped(make(tmp_path / "made"), root / "bundle.zip")
    monkeypatch.setattr(find, "MOST_BYTES", 1000)
    with pytest.raises(WorkerStopped) as refused:
        find_bundle("", [root], tmp_path / "work", 0.0)
    assert refused.value.stop is Stop.UNSAFE_ARCHIVE


def test_an_archive_that_was_changed_on_its_way_is_told_as_such(tmp_path: Path) -> None:
    root = tmp_path / "input"
    root.mkdir()
    bundle = make(tmp_path / "bundle")
    (bundle / "photos" / "long.bin").write_bytes(bytes(range(256)) * 64)
    zipped(bundle, root / "bundle.zip")
    content = bytearray((root / "bundle.zip").read_bytes())
    at = content.index(bytes(range(256)))
    content[at] ^= 1
    (root / "bundle.zip").write_bytes(content)
    with pytest.raises(WorkerStopped) as stopped:
        find_bundle(RUN_ID, [root], tmp_path / "work", 0.0)
    assert stopped.value.stop is Stop.HASH_MISMATCH
    assert stopped.value.text.startswith("bundle.zip is damaged: ")


def test_half_an_archive_is_no_bundle(tmp_path: Path) -> None:
    root = tmp_path / "input"
    root.mkdir()
    zipped(make(tmp_path / "made"), root / "whole.zip")
    half = (root / "whole.zip").read_bytes()[:2000]
    (root / "whole.zip").write_bytes(half)
    with pytest.raises(WorkerStopped) as nothing:
        find_bundle("", [root], tmp_path / "work", 0.0)
    assert nothing.value.stop is Stop.NOTHING_FOUND


def test_a_whole_bundle_passes_and_every_change_is_found(tmp_path: Path) -> None:
    folder = make(tmp_path / "bundle")
    marker = marker_of(folder)
    assert verify_bundle(folder, marker, 0.0) > 3
    for name in (f"photos/{FIRST}.jpg", "job.json", "worker/remedia_worker/run.py"):
        path = folder / name
        before = path.read_bytes()
        path.write_bytes(before + b" ")
        with pytest.raises(WorkerStopped) as changed:
            verify_bundle(folder, marker, 0.0)
        assert changed.value.stop is Stop.HASH_MISMATCH
        assert name in changed.value.text
        path.unlink()
        with pytest.raises(WorkerStopped) as missing:
            verify_bundle(folder, marker, 0.0)
        assert missing.value.stop is Stop.INCOMPLETE
        path.write_bytes(before)


def test_sums_that_name_a_file_elsewhere_are_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "bundle")
    seal(folder)
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  ../secret\n")
    with pytest.raises(WorkerStopped) as refused:
        verify_bundle(folder, marker_of(folder), 0.0)
    assert refused.value.stop is Stop.HASH_MISMATCH
