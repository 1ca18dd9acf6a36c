"""Dask workers, on this machine or on a running scheduler. A worker runs one task at a time and holds one framework.

On this machine there is one for each GPU, or as many as cores and memory allow, and the cores are divided among them.
"""

import asyncio
import logging
import multiprocessing
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from dask.system import CPU_COUNT
from distributed import Client, Nanny, Scheduler, Security, SpecCluster
from distributed.comm.core import connect as open_comm
from distributed.system import MEMORY_LIMIT

from stylelab.base.files import printable, quoted, temporary_folder
from stylelab.errors import InputError, MachineError

PATIENCE = 3  # seconds to wait for a scheduler
MEMORY = 3 * 2**30  # bytes that a worker may need: a framework and an image of 512 pixels
LOOPBACK = "127.0.0.1"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
SETTINGS = {
    # images are sent inside the tasks, so that a task can be repeated elsewhere if its worker is lost
    "distributed.admin.large-graph-warning-threshold": "1GB",
    # a crashed worker is restarted; by default Dask gives it up after 15 seconds, which is too soon on a busy machine
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # Dask keeps the last thousand messages of each connection, with the images in them
    "distributed.admin.low-level-log-length": 1,
    # and looks at the stack of every task a hundred times a second
    "distributed.worker.profile.enabled": False,
}
PRELOAD = """
import logging, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to workers too
logging.getLogger("distributed").setLevel("CRITICAL")  # Dask stops silencing the log before the worker ends
"""


@contextmanager
def connect(scheduler: str | None, *, tasks: int, device: str | None = None, deaths: int = 4) -> Iterator[Client]:
    """Connect a Dask client to `scheduler`, or to workers on this machine's loopback that live as long as the context.

    Args:
        scheduler: an address such as 'tcp://host:8786'; None starts workers on this machine.
        tasks: the number of tasks; no more workers are started.
        device: the device for the tasks. A GPU is not shared between workers.
        deaths: how many local workers may crash with a task before it is given up; a scheduler has its own setting. A
            crash counts against every task that the worker holds, running or waiting.

    Raises:
        InputError: not an address.
        MachineError: no answer within seconds, not a scheduler, or a scheduler without workers.
    """
    with dask.config.set(SETTINGS):
        if scheduler is not None:
            _check_scheduler(scheduler)
            with Client(scheduler, timeout=PATIENCE, set_as_default=False) as client:
                yield client
        else:
            with _local_cluster(tasks, device, deaths) as cluster, Client(cluster, set_as_default=False) as client:
                yield client


@contextmanager
def _local_cluster(tasks: int, device: str | None, deaths: int) -> Iterator[SpecCluster]:
    """Workers on this machine. All results are in when they end, so a fault in ending them must not lose any."""
    temporary_folder()  # each worker needs one, and Dask would raise
    shared = {"host": LOOPBACK, "protocol": "tcp://", "dashboard": False}
    scheduler = {"port": 0, "dashboard_address": f"{LOOPBACK}:0", "allowed_failures": deaths - 1}  # a fixed port may be in use
    worker = {
        "nthreads": 1,
        "dashboard_address": None,
        "memory_limit": 0,  # a worker that Dask pauses to save memory would never resume
        "preload": PRELOAD,
        "silence_logs": logging.CRITICAL,
    }
    environments = enumerate(worker_environments(tasks, device))
    cluster = SpecCluster(
        workers={number: {"cls": Nanny, "options": shared | worker | {"env": env}} for number, env in environments},
        scheduler={"cls": Scheduler, "options": shared | scheduler},
        silence_logs=logging.CRITICAL,
    )
    try:
        yield cluster
    finally:
        try:
            cluster.close()
        except Exception:  # Dask cannot close a worker that crashed and is just being started again
            cluster.shutdown_on_close = False  # Dask would try again when Python ends
            for process in multiprocessing.active_children():
                if process.name.startswith("Dask Worker process"):
                    process.kill()


def worker_environments(tasks: int, device: str | None = None) -> list[dict[str, str]]:
    """The environment of each local worker: its share of the cores as threads, and the one GPU that it sees."""
    gpus, count = gpus_for(device), worker_count(tasks, device)
    environments = [dict.fromkeys(THREADS, str(threads)) for threads in divide_cores(CPU_COUNT, count)]
    for number, environment in enumerate(environments if gpus else ()):
        environment["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    return environments


def worker_count(tasks: int, device: str | None = None) -> int:
    """The number of workers on this machine: one for each GPU, otherwise by cores and memory; at most one for each task."""
    if gpus := gpus_for(device):
        return max(1, min(tasks, len(gpus)))
    if device not in (None, "cpu"):  # Apple's GPU, or one that does not exist, which each task will report
        return 1
    return max(1, min(tasks, CPU_COUNT, workers_fitting(MEMORY)))


def workers_fitting(memory: int) -> int:
    """The number of workers of this many bytes each that fit in memory; at least one."""
    return max(1, int(MEMORY_LIMIT // memory))


def divide_cores(cores: int, count: int) -> list[int]:
    """Divide cores as evenly as possible, at least one for each.

    >>> divide_cores(8, 3)
    [3, 3, 2]
    """
    return [max(1, cores // count + (number < cores % count)) for number in range(count)]


def spread_cores(client: Client, running: int, device: str | None = None) -> None:
    """Once there are fewer tasks than local workers, give the cores of idle workers to the busy ones.

    A task reads its worker's `stylelab_threads`. On GPUs, and on a scheduler elsewhere, nothing changes.
    """
    workers = client.nthreads()
    if client.cluster is None or gpus_for(device) or not 0 < running < len(workers):
        return
    busy = [address for address, tasks in client.processing().items() if tasks]
    shares = dict(zip(busy, divide_cores(CPU_COUNT, running), strict=False))
    if len(busy) != running:  # the scheduler lags behind, so which workers are busy is unknown
        shares = dict.fromkeys(workers, max(1, CPU_COUNT // running))
    client.run(_set_threads, shares, wait=False, on_error="ignore")


async def _set_threads(shares: dict[str, int], dask_worker=None) -> None:
    """Runs on a worker; Dask passes the worker itself. Only for a coroutine does Dask accept `wait=False`."""
    dask_worker.stylelab_threads = shares.get(dask_worker.address)


def gpus_for(device: str | None) -> tuple[str, ...]:
    """The GPUs that a device name refers to: all visible ones, or the one with this number; none for 'cpu'."""
    kind, _, number = (device or "gpu").partition(":")
    if kind not in ("gpu", "cuda"):
        return ()
    gpus = find_gpus()
    if not number:
        return gpus
    return gpus[int(number) :][:1] if number.isdigit() else ()


def device_of_worker(device: str | None) -> str | None:
    """The device name for a task on a local worker, which sees only its own GPU: 'cuda:1' becomes 'cuda'."""
    return device.partition(":")[0] if device and gpus_for(device) else device


def find_gpus(devices: Path = Path("/dev"), visible: str | None = None) -> tuple[str, ...]:
    """Find NVIDIA's GPUs without importing a framework; returns the names that CUDA_VISIBLE_DEVICES uses.

    Args:
        devices: the folder in which the driver creates a file for each GPU.
        visible: replaces this process's CUDA_VISIBLE_DEVICES. As in CUDA, the list ends at the first unknown GPU.
    """
    try:
        count = sum(bool(re.fullmatch(r"nvidia\d+", name)) for name in os.listdir(devices))
    except OSError:
        return ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") if visible is None else visible
    if visible is None:
        return tuple(map(str, range(count)))
    names = []
    for name in (text.strip() for text in visible.split(",")):
        exists = count and (int(name) < count if name.isdigit() else name.startswith(("GPU-", "MIG-")))
        if not exists or name in names:
            break
        names.append(name)
    return tuple(names)


def _check_scheduler(address: str) -> None:
    """Ask the scheduler to identify itself before a client connects, which would retry for a long time."""
    try:
        identity = asyncio.run(asyncio.wait_for(_identity(address), PATIENCE + 2))
    except (ValueError, TypeError, ImportError) as error:
        raise InputError(f"'{printable(address)}' is not a scheduler's address ({error}): write tcp://host:port") from None
    except (OSError, TimeoutError, EOFError):
        raise MachineError(f"no Dask scheduler answers at {printable(address)}: start one, or leave --scheduler out") from None
    if identity.get("type") != "Scheduler":
        raise MachineError(f"{printable(address)} is not a Dask scheduler: give the scheduler's address")
    if not identity.get("n_workers", len(identity.get("workers", ()))):
        raise MachineError(f"the scheduler at {printable(address)} has no workers: start `dask worker {quoted(address)}`")


async def _identity(address: str) -> dict:
    comm = await open_comm(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    try:
        await comm.write({"op": "identity", "reply": True})
        answer = await comm.read()
        return answer if isinstance(answer, dict) else {}
    finally:
        await comm.close()
