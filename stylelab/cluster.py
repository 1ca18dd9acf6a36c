"""Workers on this machine or on a running Dask scheduler. A worker runs one task at a time and holds one framework."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, Security
from distributed.comm import connect as open_comm
from distributed.system import MEMORY_LIMIT

from stylelab.errors import InputError, MachineError
from stylelab.files import shown

PATIENCE = 3  # seconds for a scheduler to answer
MEMORY = 3 * 2**30  # bytes that a worker may need: a framework and a picture of 512 pixels
LOOPBACK = "127.0.0.1"
SETTINGS = {
    # pictures travel inside the tasks, so that a task can be repeated elsewhere when its worker is lost
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
        device: what the tasks will ask for. A GPU is not shared between workers.
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


def _local_cluster(tasks: int, device: str | None, deaths: int) -> LocalCluster:
    count = worker_count(tasks, device)
    threads = str(max(1, CPU_COUNT // count))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        host=LOOPBACK,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": f"{LOOPBACK}:0", "allowed_failures": deaths - 1},  # a fixed port may be in use
        memory_limit=0,  # a worker that is paused for its memory would never go on
        env=dict.fromkeys(names, threads),
        preload=PRELOAD,
        silence_logs=logging.CRITICAL,
    )


def worker_count(tasks: int, device: str | None = None) -> int:
    """How many workers to start here: one for a GPU, else by cores and memory, never more than there are tasks."""
    if device != "cpu" and Path("/dev/nvidia0").exists():
        return 1
    return max(1, min(tasks, CPU_COUNT, int(MEMORY_LIMIT // MEMORY)))


def _check_scheduler(address: str) -> None:
    """Ask who is there, before a client is made, which would try again and again."""
    try:
        identity = asyncio.run(asyncio.wait_for(_identity(address), PATIENCE + 2))
    except (ValueError, TypeError, ImportError) as error:
        raise InputError(f"'{shown(address)}' is no scheduler's address ({error}): write tcp://host:port") from None
    except (OSError, TimeoutError, EOFError):
        raise MachineError(f"no Dask scheduler answers at {shown(address)}: start one, or leave --scheduler out") from None
    if identity.get("type") != "Scheduler":
        raise MachineError(f"what answers at {shown(address)} is no Dask scheduler: give the scheduler's address")
    if not identity.get("n_workers", len(identity.get("workers", ()))):
        raise MachineError(f"the scheduler at {shown(address)} has no workers: start `dask worker {shown(address)}`")


async def _identity(address: str) -> dict:
    comm = await open_comm(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    try:
        await comm.write({"op": "identity", "reply": True})
        answer = await comm.read()
        return answer if isinstance(answer, dict) else {}
    finally:
        await comm.close()
