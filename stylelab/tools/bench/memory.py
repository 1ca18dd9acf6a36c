"""How much memory this process has, and has had at most."""

import contextlib
import re
import resource
import sys
from pathlib import Path

import psutil

MEGABYTE = 2**20


def now() -> float:
    """Megabytes that this process has in memory."""
    return psutil.Process().memory_info().rss / MEGABYTE


def most() -> float:
    """Megabytes that this process has had in memory at most, since `forget` where the system can forget."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE


def forget() -> None:
    """Start counting the most memory anew. Only Linux can; elsewhere the old number stands."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def of_gpu() -> float | None:
    """Megabytes of GPU memory that the framework in this process has held at most; None without a GPU."""
    if torch := sys.modules.get("torch"):
        return torch.cuda.max_memory_allocated() / MEGABYTE if torch.cuda.is_available() else None
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and tensorflow.config.list_physical_devices("GPU"):
        return tensorflow.config.experimental.get_memory_info("GPU:0")["peak"] / MEGABYTE
    return None
