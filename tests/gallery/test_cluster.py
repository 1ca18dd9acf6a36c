"""How many workers a machine starts (one per GPU, or by cores and memory), and which cores and GPU each one gets."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from distributed import Client, get_worker
from threads import Local, threads

from stylelab.tools import cluster
from stylelab.tools.gallery import worker

GPUS = ("0", "1", "2", "3")


@pytest.fixture
def machine(monkeypatch):
    """A function that pretends a machine: these GPUs, eight cores by default, and plenty of memory."""

    def make(gpus=(), cores=8):
        monkeypatch.setattr(cluster, "CPU_COUNT", cores)
        monkeypatch.setattr(cluster, "MEMORY_LIMIT", 2**40)
        monkeypatch.setattr(cluster, "find_gpus", lambda: tuple(gpus))

    return make


@pytest.mark.parametrize(("files", "visible", "expected"), [
    ((), None, ()),
    (("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm"), None, ("0", "1", "2")),
    (("nvidia3",), None, ("0",)),  # a container with one of several: CUDA counts what it sees
    (("nvidia0", "nvidia1"), "1", ("1",)),
    (("nvidia0", "nvidia1"), "1, 0", ("1", "0")),
    (("nvidia0", "nvidia1"), "", ()),
    (("nvidia0", "nvidia1"), "-1", ()),
    (("nvidia0", "nvidia1"), "0,-1,1", ("0",)),
    (("nvidia0", "nvidia1"), "0,7,1", ("0",)),
    (("nvidia0",), "GPU-8932f937-d72c", ("GPU-8932f937-d72c",)),
    ((), "0", ()),
    ((), "GPU-8932f937-d72c", ()),
])  # fmt: skip
def test_gpus_are_found_without_a_framework(tmp_path, monkeypatch, files, visible, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in files:
        (tmp_path / name).touch()
    assert cluster.find_gpus(tmp_path, visible) == expected
    assert cluster.find_gpus(tmp_path / "none", visible) == ()


def test_cuda_visible_devices_is_read_from_the_environment(tmp_path, monkeypatch):
    for name in ("nvidia0", "nvidia1"):
        (tmp_path / name).touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert cluster.find_gpus(tmp_path) == ("1",)


@pytest.mark.parametrize(("gpus", "device", "tasks", "seen"), [
    (GPUS, None, 9, list(GPUS)),
    (GPUS, "cuda", 9, list(GPUS)),
    (GPUS, "gpu", 2, ["0", "1"]),
    (GPUS, "cuda:1", 9, ["1"]),
    (("2", "5"), "cuda:1", 9, ["5"]),  # of those that CUDA_VISIBLE_DEVICES leaves
    (GPUS, "cuda:7", 9, [None]),  # which is not there, as the task will say
    (GPUS, "cpu", 3, [None] * 3),
    ((), None, 3, [None] * 3),
    ((), "cuda", 3, [None]),
    ((), "mps", 3, [None]),
])  # fmt: skip
def test_each_worker_sees_its_own_gpu(machine, gpus, device, tasks, seen):
    machine(gpus)
    environments = cluster.worker_environments(tasks, device)
    assert [environment.get("CUDA_VISIBLE_DEVICES") for environment in environments] == seen


@pytest.mark.parametrize(("gpus", "device", "expected"), [
    (GPUS, "cuda:1", "cuda"), (GPUS, "cuda", "cuda"), (GPUS, None, None), (GPUS, "cpu", "cpu"), (GPUS, "cuda:7", "cuda:7"),
    ((), "cuda:1", "cuda:1"),
])  # fmt: skip
def test_a_worker_that_sees_one_gpu_counts_from_0(machine, gpus, device, expected):
    machine(gpus)
    assert cluster.device_of_worker(device) == expected


@pytest.mark.parametrize(("cores", "tasks", "threads_of_each"), [
    (8, 9, [1] * 8), (8, 1, [8]), (8, 3, [3, 3, 2]), (4, 3, [2, 1, 1]), (1, 5, [1]),
])  # fmt: skip
def test_every_core_is_given_to_exactly_one_worker(machine, cores, tasks, threads_of_each):
    machine(cores=cores)
    environments = cluster.worker_environments(tasks, "cpu")
    assert [int(environment["OMP_NUM_THREADS"]) for environment in environments] == threads_of_each
    assert all(len(set(environment.values())) == 1 and len(environment) == 4 for environment in environments)


class FakeClient:
    """A client of four workers, some of them busy."""

    def __init__(self, busy, cluster="one of ours"):
        self.cluster, self.busy, self.shares = cluster, busy, None

    def nthreads(self):
        return dict.fromkeys("abcd", 1)

    def processing(self):
        return {name: ["task"] * (name in self.busy) for name in "abcd"}

    def run(self, function, shares, **_):
        self.shares = shares


@pytest.mark.parametrize(("busy", "running", "expected"), [
    ("abcd", 4, None),  # all are busy
    ("bd", 2, {"b": 4, "d": 4}),
    ("acd", 3, {"a": 3, "c": 3, "d": 2}),
    ("", 3, dict.fromkeys("abcd", 2)),  # the scheduler has not handed them out yet
    ("", 0, None),
])  # fmt: skip
def test_cores_of_idle_workers_go_to_the_busy_ones(machine, busy, running, expected):
    machine()
    client = FakeClient(busy)
    cluster.spread_cores(client, running, "cpu")
    assert client.shares == expected


def test_cores_do_not_move_on_another_scheduler_or_on_gpus(machine):
    machine(GPUS)
    client, elsewhere = FakeClient("b"), FakeClient("b", cluster=None)
    cluster.spread_cores(client, 1, None)
    cluster.spread_cores(elsewhere, 1, "cpu")
    assert client.shares is elsewhere.shares is None


def test_dask_tells_a_busy_worker_of_the_cores_of_an_idle_one(machine):
    machine(cores=8)

    def task():
        own, deadline = get_worker(), time.monotonic() + 5
        while not hasattr(own, "stylelab_threads") and time.monotonic() < deadline:
            time.sleep(0.01)
        return getattr(own, "stylelab_threads", None)

    with threads(2) as running, Client(running, set_as_default=False) as client:
        busy = client.submit(Local(task))
        cluster.spread_cores(client, 1, "cpu")
        assert busy.result() == 8


class FakeTorch:
    """Replaces PyTorch and records each number of threads that is set."""

    def __init__(self, threads=2):
        self.set = [threads]

    def get_num_threads(self):
        return self.set[-1]

    def set_num_threads(self, threads):
        self.set.append(threads)


def test_a_task_uses_the_threads_that_its_worker_gets(machine, monkeypatch):
    machine()
    torch = FakeTorch()
    monkeypatch.setitem(worker.sys.modules, "torch", torch)

    def task():
        pace = worker.ThreadTuner()
        pace(None)
        asyncio.run(cluster._set_threads({pace.worker.address: 5}, pace.worker))
        pace(None)
        pace(None)
        return torch.set

    with threads(1) as running, Client(running, set_as_default=False) as client:
        assert client.submit(Local(task)).result() == [2, 5]
    worker.ThreadTuner()(None)  # outside of any worker
    assert torch.set == [2, 5]


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, [2, 8]), (2.0, [2, 8, 2])])
def test_threads_that_make_a_step_slower_are_given_back(monkeypatch, seconds, expected):
    torch, now = FakeTorch(), [0.0]
    monkeypatch.setitem(worker.sys.modules, "torch", torch)
    monkeypatch.setattr("distributed.get_worker", lambda: SimpleNamespace(stylelab_threads=None))
    pace = worker.ThreadTuner(clock=lambda: now[0])
    for step in range(40):
        now[0] += 1.0 if torch.get_num_threads() == 2 else seconds
        pace.worker.stylelab_threads = 8 if step > 9 else None
        pace(step)
    assert torch.set == expected
