from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import boto3
import numpy as np
import pytest
import zarr

from robot_rl.datasets import Dataset, DatasetError, Phase, Sample, Source, Step
from robot_rl.datasets.cloud.copy import pull, push
from robot_rl.datasets.cloud.dataset import RemoteDataset
from robot_rl.datasets.cloud.objects import Objects, StoreError
from robot_rl.datasets.sampling.windows import Windows
from robot_rl.datasets.store.urls import store_url
from robot_rl.datasets.store.verify import verify
from robot_rl.hardware.camera import Intrinsics
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec

SPEC = Spec("arm", 20.0, Layout((Field("joints", (2,)),)), Layout((Field("u", (3,)),)))
CAMERAS = {"wrist": CameraConfig("wrist", "mujoco", width=16, height=12, fps=20.0)}


def record(dataset: Dataset, value: int, steps: int = 4) -> int:
    """An episode in which every number is `value` and every picture shows it."""
    with dataset.new_episode(instruction=f"episode {value}") as writer:
        for t in range(steps + 1):
            writer.add_sample(Sample("joints", t, np.full(2, float(value))))
            writer.add_sample(Sample("wrist", t, np.full((12, 16, 3), value % 256, np.uint8)))
            if t < steps:
                u = np.full(3, float(value))
                writer.add_step(Step(t, u, u, u, Source.HUMAN, Phase.DEMONSTRATION))
        return writer.commit(True)


def keys(url: str) -> list[str]:
    return sorted(Objects(url).keys(""))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Call it, and from then on the mirror is another machine's: everything must come from the store."""
    return lambda name="elsewhere": monkeypatch.setenv("ROBOT_RL_MIRROR", str(tmp_path / name))


def test_what_one_machine_records_another_reads(bucket: str, elsewhere) -> None:
    url = f"{bucket}/lab/lift"
    with Dataset.create(url, SPEC, CAMERAS, lab="north") as dataset:
        assert [record(dataset, 5), record(dataset, 6, steps=9)] == [0, 1]
        dataset.set_intrinsics("wrist", Intrinsics(16, 12, 20.0, 20.0, 8.0, 6.0))
    elsewhere()
    there = Dataset.open(url)
    assert len(there) == 2 and there.attributes["lab"] == "north" and there.spec == SPEC
    assert there.attributes["cameras"]["wrist"]["intrinsics"]["fx"] == 20.0
    assert (len(there[1]), there[1].attributes["instruction"], there[1].success) == (9, "episode 6", True)
    np.testing.assert_array_equal(there[1].steps["executed"], np.full((9, 3), 6.0))
    np.testing.assert_array_equal(there[1].stream("wrist").values[:], np.full((10, 12, 16, 3), 6, np.uint8))
    assert list(verify(there)) == []


def test_only_what_is_read_is_fetched(bucket: str, elsewhere) -> None:
    url = f"{bucket}/lift"
    with Dataset.create(url, SPEC, CAMERAS) as dataset:
        record(dataset, 5)
    elsewhere()
    there = Dataset.open(url)
    folder = there.path / "episodes/000000"
    assert not folder.exists()
    there[0].stream("joints")
    assert sorted(p.name for p in folder.iterdir()) == ["streams", "zarr.json"]
    assert [p.name for p in (folder / "streams").iterdir()] == ["joints"]


def test_training_windows_come_from_the_store(bucket: str, elsewhere) -> None:
    url = f"{bucket}/lift"
    with Dataset.create(url, SPEC, CAMERAS) as dataset:
        record(dataset, 5)
        record(dataset, 7)
    elsewhere()
    windows = Windows(Dataset.open(url), ["joints", "wrist"], n_obs=2, horizon=3)
    batch = windows.batch(np.arange(len(windows)))
    assert batch["wrist"].shape == (8, 2, 12, 16, 3)
    assert batch["wrist"][:, 0, 0, 0, 0].tolist() == [5] * 4 + [7] * 4
    assert batch["action"][:, 0, 0].tolist() == [5.0] * 4 + [7.0] * 4


def test_zarr_itself_reads_the_bucket(bucket: str) -> None:
    url = f"{bucket}/lift"
    with Dataset.create(url, SPEC, CAMERAS) as dataset:
        record(dataset, 5)
    store = zarr.storage.ObjectStore(Objects(url)._store, read_only=True)
    root = zarr.open_group(store, mode="r")
    np.testing.assert_array_equal(root["episodes/000000/streams/joints/value"][:], np.full((5, 2), 5.0))
    assert root["episodes/000000/streams/wrist/value"][3, 0, 0].tolist() == [5, 5, 5]


def test_an_episode_is_invisible_until_its_last_request(bucket: str, elsewhere, monkeypatch) -> None:
    url = f"{bucket}/lift"
    dataset = Dataset.create(url, SPEC, CAMERAS)
    record(dataset, 1)
    real = Objects.create

    def unreachable(self: Objects, key: str, data: bytes) -> bool:
        if key.endswith("zarr.json"):
            raise StoreError("the network is gone")
        return real(self, key, data)

    monkeypatch.setattr(Objects, "create", unreachable)
    with pytest.raises(StoreError, match="safe in .*outbox"):
        record(dataset, 2)
    assert any(k.startswith("episodes/000001/") for k in keys(url))  # all of it is there but the last object
    dataset.close()
    elsewhere("reader")
    assert len(Dataset.open(url)) == 1
    monkeypatch.setattr(Objects, "create", real)
    elsewhere("mirror")
    with Dataset.open(url, "a") as again:  # sends what waited
        assert [e.steps["executed"][0, 0] for e in again] == [1.0, 2.0]
    elsewhere("reader")
    assert [e.steps["executed"][0, 0] for e in Dataset.open(url)] == [1.0, 2.0]


def test_an_answer_that_was_lost_does_not_commit_an_episode_twice(bucket: str, elsewhere, monkeypatch) -> None:
    url = f"{bucket}/lift"
    dataset = Dataset.create(url, SPEC, CAMERAS)
    real = Objects.create

    def deaf(self: Objects, key: str, data: bytes) -> bool:
        answer = real(self, key, data)
        if key.endswith("zarr.json"):
            raise StoreError("the answer never came")
        return answer

    monkeypatch.setattr(Objects, "create", deaf)
    with pytest.raises(StoreError):
        record(dataset, 3)
    monkeypatch.setattr(Objects, "create", real)
    dataset.flush()
    assert len(dataset) == 1 and dataset[0].attributes["number"] == 0
    elsewhere()
    assert len(Dataset.open(url)) == 1


def test_two_writers_on_two_machines_lose_nothing(bucket: str, elsewhere) -> None:
    url = f"{bucket}/lift"
    first = Dataset.create(url, SPEC, CAMERAS)
    elsewhere("second")
    second = Dataset.open(url, "a")
    given: dict[int, int] = {}

    def work(dataset: Dataset, values: range) -> None:
        for value in values:
            given[value] = record(dataset, value, steps=2)

    threads = [threading.Thread(target=work, args=a) for a in ((first, range(6)), (second, range(10, 16)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 12 and len(set(given.values())) == 12
    elsewhere("third")
    there = Dataset.open(url)
    assert {int(e.steps["executed"][0, 0]): e.number for e in there} == given
    first.refresh()
    assert len(first) == 12


def test_two_writers_on_one_machine_the_second_is_told(bucket: str) -> None:
    with Dataset.create(f"{bucket}/x", SPEC, CAMERAS), pytest.raises(DatasetError, match="being written by process"):
        Dataset.open(f"{bucket}/x", "a")


def test_creating_where_one_is_is_refused(bucket: str) -> None:
    Dataset.create(f"{bucket}/x", SPEC, CAMERAS).close()
    with pytest.raises(DatasetError, match="exists already"):
        Dataset.create(f"{bucket}/x", SPEC, CAMERAS)


def test_open_or_create_creates_once_and_compares_the_spec(bucket: str) -> None:
    Dataset.open_or_create(f"{bucket}/x", SPEC, CAMERAS).close()
    Dataset.open_or_create(f"{bucket}/x", SPEC, CAMERAS).close()
    with pytest.raises(DatasetError, match="only in the first"):
        Dataset.open_or_create(f"{bucket}/x", SPEC, {})


def test_a_changed_object_is_noticed_when_it_is_read(bucket: str, elsewhere) -> None:
    url = f"{bucket}/lift"
    with Dataset.create(url, SPEC, CAMERAS) as dataset:
        record(dataset, 5)
    Objects(url).put("episodes/000000/steps/executed/c.0.0", bytes(4 * 3 * 8))
    elsewhere()
    there = Dataset.open(url)
    there[0].stream("joints")
    with pytest.raises(StoreError, match=r"steps/executed/c\.0\.0 is not what was committed"):
        there[0].steps["executed"]
    assert not (there.path / "episodes/000000/steps").exists()


def test_a_missing_object_is_named(bucket: str, elsewhere) -> None:
    url = f"{bucket}/lift"
    with Dataset.create(url, SPEC, CAMERAS) as dataset:
        record(dataset, 5)
    Objects(url).delete("episodes/000000/steps/executed/c.0.0")
    elsewhere()
    with pytest.raises(StoreError, match=r"steps/executed/c\.0\.0 is missing"):
        Dataset.open(url)[0].steps["executed"]


def test_opening_asks_for_the_index_and_not_for_every_episode(bucket: str, elsewhere, monkeypatch) -> None:
    monkeypatch.setattr("robot_rl.datasets.cloud.index.SNAPSHOT_EVERY", 4)
    url = f"{bucket}/lift"
    with Dataset.create(url, SPEC) as dataset:
        for value in range(10):
            with dataset.new_episode() as writer:
                u = np.full(3, float(value))
                writer.add_step(Step(0, u, u, u, Source.HUMAN, Phase.DEMONSTRATION))
                writer.commit(value % 2 == 0)
    asked: list[str] = []
    real = Objects.get
    monkeypatch.setattr(Objects, "get", lambda self, key: (asked.append(key), real(self, key))[1])
    elsewhere()
    there = Dataset.open(url)
    assert [there.journal.entries[n].success for n in there.numbers] == [True, False] * 5
    assert sum(k.startswith("episodes/0") for k in asked) == 2  # 8 are in the snapshot
    for key in list(Objects(url).keys(".robot_rl/index")):
        Objects(url).delete(key)
    elsewhere("again")
    assert len(Dataset.open(url)) == 10  # the snapshot is a cache


def test_push_and_pull_copy_every_byte(bucket: str, tmp_path: Path, elsewhere) -> None:
    url = f"{bucket}/lift"
    with Dataset.create(tmp_path / "local", SPEC, CAMERAS) as local:
        record(local, 1)
        record(local, 2)
    assert push(local, url) == 2
    with Dataset.open(tmp_path / "local", "a") as local:
        record(local, 3)
    assert push(local, url) == 1  # only what is new
    elsewhere()
    source = Dataset.open(url)
    assert isinstance(source, RemoteDataset)
    pull(source, tmp_path / "back")
    back = Dataset.open(tmp_path / "back")
    assert list(verify(back)) == [] and back.identity == local.identity
    files = {p.relative_to(local.path): p for p in (local.path / "episodes").rglob("*") if p.is_file()}
    assert len(files) > 100
    for name, path in files.items():
        assert (back.path / name).read_bytes() == path.read_bytes(), name


def test_a_folder_copied_by_another_tool_is_a_data_set(bucket: str, tmp_path: Path, elsewhere) -> None:
    with Dataset.create(tmp_path / "local", SPEC, CAMERAS) as local:
        record(local, 1)
        record(local, 2)
    files = {str(p.relative_to(local.path)): p for p in local.path.rglob("*") if p.is_file()}
    Objects(f"{bucket}/x").upload(files)
    with Dataset.open(f"{bucket}/x", "a") as there:
        assert record(there, 3) == 2
    elsewhere()
    assert [e.steps["executed"][0, 0] for e in Dataset.open(f"{bucket}/x")] == [1.0, 2.0, 3.0]


def test_pushing_onto_another_data_set_is_refused(bucket: str, tmp_path: Path) -> None:
    Dataset.create(f"{bucket}/x", SPEC, CAMERAS).close()
    with Dataset.create(tmp_path / "local", SPEC, CAMERAS) as local:
        record(local, 1)
    with pytest.raises(DatasetError, match="is another data set"):
        push(local, f"{bucket}/x")


def test_no_data_set_and_no_bucket_are_told_apart(bucket: str) -> None:
    with pytest.raises(DatasetError, match="not a data set"):
        Dataset.open(f"{bucket}/nothing")
    with pytest.raises(StoreError, match="credentials"):
        Dataset.create("s3://no-such-bucket-here/x", SPEC)


def test_the_mirror_can_be_deleted_at_any_time(bucket: str) -> None:
    with Dataset.create(f"{bucket}/x", SPEC, CAMERAS) as dataset:
        record(dataset, 4)
    shutil.rmtree(dataset.path)
    assert Dataset.open(f"{bucket}/x")[0].steps["executed"][0, 0] == 4.0


def test_addresses_are_told_from_paths() -> None:
    assert store_url("s3://bucket/a/b/") == "s3://bucket/a/b"
    assert store_url(Path("s3://bucket/a")) == "s3://bucket/a"
    assert store_url("datasets/s3") is None and store_url("C:/data") is None


def test_claims_say_who_made_them(bucket: str) -> None:
    with Dataset.create(f"{bucket}/x", SPEC, CAMERAS) as dataset:
        record(dataset, 4)
        claim = json.loads(Objects(f"{bucket}/x").get(".robot_rl/claims/000000000") or b"")
        assert claim["id"] == dataset[0].attributes["id"]
    client = boto3.client("s3")
    names = [o["Key"] for o in client.list_objects_v2(Bucket=bucket.removeprefix("s3://"))["Contents"]]
    assert "x/episodes/000000/zarr.json" in names
