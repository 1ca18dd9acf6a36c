"""Workers on this machine or on a running Dask scheduler. A worker runs one task at a time and holds one framework.

Here they are one for each GPU, or as many as cores and memory allow, and the cores are shared out among them.
"""

import asyncio
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from dask.system import CPU_COUNT
from distributed import Client, Nanny, Scheduler, Security, SpecCluster
from distributed.comm import connect as open_comm
from distributed.system import MEMORY_LIMIT

from stylelab.base.files import printable
from stylelab.errors import InputError, MachineError

PATIENCE = 3  # seconds for a scheduler to answer
MEMORY = 3 * 2**30  # bytes that a worker may need: a framework and an image of 512 pixels
LOOPBACK = "127.0.0.1"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
SETTINGS = {
    # images travel inside the tasks, so that a task can be repeated elsewhere when its worker is lost
    "distributed.admin.large-graph-warning-threshold": "1GB",
    # a worker that has died is started again; by default it is forgotten if that takes 15 seconds, as on a busy machine
    "distributed.deploy.lost-worker-timeout": "10 minutes",
}
PRELOAD = """
import logging, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to workers too
logging.getLogger("distributed").setLevel("CRITICAL")  # what silences a worker's log ends before the worker does
"""


@contextmanager
def connect(scheduler: str | None, *, tasks: int, device: str | None = None, deaths: int = 4) -> Iterator[Client]:
    """A Dask client, of a cluster on this machine's loopback that lives as long as the context, or of `scheduler`.

    Args:
        scheduler: an address such as 'tcp://host:8786'; None starts workers here.
        tasks: how many are to be done; no more workers are started.
        device: what the tasks are to run on. A GPU is not shared between workers.
        deaths: of workers here under one task, then it is given up; a scheduler elsewhere has its own number. All tasks
            that a worker holds when it dies are blamed, the one that runs and those that wait for it.

    Raises:
        InputError: not an address.
        MachineError: nobody answers there within seconds, it is no scheduler, or it has no workers.
    """
    with dask.config.set(SETTINGS):
        if scheduler is not None:
            _check_scheduler(scheduler)
            with Client(scheduler, timeout=PATIENCE, set_as_default=False) as client:
                yield client
        else:
            with _local_cluster(tasks, device, deaths) as cluster, Client(cluster, set_as_default=False) as client:
                yield client


def _local_cluster(tasks: int, device: str | None, deaths: int) -> SpecCluster:
    shared = {"host": LOOPBACK, "protocol": "tcp://", "dashboard": False}
    scheduler = {"port": 0, "dashboard_address": f"{LOOPBACK}:0", "allowed_failures": deaths - 1}  # a fixed port may be in use
    worker = {
        "nthreads": 1,
        "dashboard_address": None,
        "memory_limit": 0,  # a worker that is paused for its memory would never go on
        "preload": PRELOAD,
        "silence_logs": logging.CRITICAL,
    }
    environments = enumerate(worker_environments(tasks, device))
    return SpecCluster(
        workers={number: {"cls": Nanny, "options": shared | worker | {"env": env}} for number, env in environments},
        scheduler={"cls": Scheduler, "options": shared | scheduler},
        silence_logs=logging.CRITICAL,
    )


def worker_environments(tasks: int, device: str | None = None) -> list[dict[str, str]]:
    """What is set in the environment of each worker here: its share of the cores as threads, and the one GPU it sees."""
    gpus, count = gpus_for(device), worker_count(tasks, device)
    environments = [dict.fromkeys(THREADS, str(threads)) for threads in share(CPU_COUNT, count)]
    for number, environment in enumerate(environments if gpus else ()):
        environment["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    return environments


def worker_count(tasks: int, device: str | None = None) -> int:
    """How many workers to start here: one for each GPU, else by cores and memory, never more than there are tasks."""
    if gpus := gpus_for(device):
        return max(1, min(tasks, len(gpus)))
    if device not in (None, "cpu"):  # Apple's GPU, or one that is not there, as each task will say
        return 1
    return max(1, min(tasks, CPU_COUNT, fitting(MEMORY)))


def fitting(memory: int) -> int:
    """How many workers that need so many bytes this machine can hold; one at least."""
    return max(1, int(MEMORY_LIMIT // memory))


def share(cores: int, count: int) -> list[int]:
    """So many cores in so many shares, one core at least, as even as can be."""
    return [max(1, cores // count + (number < cores % count)) for number in range(count)]


def spread_cores(client: Client, running: int, device: str | None = None) -> None:
    """When fewer tasks are left than workers here, the cores of those that have nothing to do go to the others.

    A task learns of it from its worker's `stylelab_threads`. On GPUs, and on a scheduler elsewhere, nothing is changed.
    """
    workers = client.nthreads()
    if client.cluster is None or gpus_for(device) or not 0 < running < len(workers):
        return
    busy = [address for address, tasks in client.processing().items() if tasks]
    shares = dict(zip(busy, share(CPU_COUNT, running), strict=False))
    if len(busy) != running:  # the scheduler lags behind: nobody can tell whose the cores that remain are
        shares = dict.fromkeys(workers, max(1, CPU_COUNT // running))
    client.run(_take_threads, shares, wait=False, on_error="ignore")


def _take_threads(shares: dict[str, int], dask_worker=None) -> None:
    """Runs in a worker, which Dask passes."""
    dask_worker.stylelab_threads = shares.get(dask_worker.address)


def gpus_for(device: str | None) -> tuple[str, ...]:
    """The GPUs that a device's name means here: all that can be seen, or the one with a number. None for a CPU."""
    kind, _, number = (device or "gpu").partition(":")
    if kind not in ("gpu", "cuda"):
        return ()
    found = find_gpus()
    return found[int(number) :][:1] if number.isdigit() else () if number else found


def device_of_worker(device: str | None) -> str | None:
    """What a task on a worker here must call its device: of 'cuda:1' a worker sees one GPU, and counts from 0."""
    return device.partition(":")[0] if device and gpus_for(device) else device


def find_gpus(devices: Path = Path("/dev"), visible: str | None = None) -> tuple[str, ...]:
    """NVIDIA's GPUs as CUDA_VISIBLE_DEVICES names them, found without a framework.

    Args:
        devices: folder in which the driver has a file for each GPU.
        visible: instead of this process's CUDA_VISIBLE_DEVICES. As CUDA reads it, the list ends where there is no such GPU.
    """
    try:
        count = sum(bool(re.fullmatch(r"nvidia\d+", name)) for name in os.listdir(devices))
    except OSError:
        return ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") if visible is None else visible
    if visible is None:
        return tuple(map(str, range(count)))
    found = []
    for name in (text.strip() for text in visible.split(",")):
        there = count and (int(name) < count if name.isdigit() else name.startswith(("GPU-", "MIG-")))
        if not there or name in found:
            break
        found.append(name)
    return tuple(found)


def _check_scheduler(address: str) -> None:
    """Ask who is there, before a client is made, which would try again and again."""
    try:
        identity = asyncio.run(asyncio.wait_for(_identity(address), PATIENCE + 2))
    except (ValueError, TypeError, ImportError) as error:
        raise InputError(f"'{printable(address)}' is no scheduler's address ({error}): write tcp://host:port") from None
    except (OSError, TimeoutError, EOFError):
        raise MachineError(f"no Dask scheduler answers at {printable(address)}: start one, or leave --scheduler out") from None
    if identity.get("type") != "Scheduler":
        raise MachineError(f"what answers at {printable(address)} is no Dask scheduler: give the scheduler's address")
    if not identity.get("n_workers", len(identity.get("workers", ()))):
        raise MachineError(f"the scheduler at {printable(address)} has no workers: start `dask worker {printable(address)}`")


async def _identity(address: str) -> dict:
    comm = await open_comm(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    try:
        await comm.write({"op": "identity", "reply": True})
        answer = await comm.read()
        return answer if isinstance(answer, dict) else {}
    finally:
        await comm.close()
