"""How many bits the network's numbers have: the names, and whether this processor is fast at them. No framework is imported."""

from functools import cache
from pathlib import Path

from stylelab.base.values import one_of

PRECISIONS = ("auto", "float32", "bfloat16")
CPU_FLAGS = ("avx512_bf16", "amx_bf16")  # as Linux names them; both multiply bfloat16 and add in float32


def check_precision(name: str) -> str:
    """Check the name, and return it.

    Raises:
        InputError: another name.
    """
    return one_of("precision", name, PRECISIONS)


@cache
def cpu_has_bfloat16(description: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 faster than float32. False where the system does not say."""
    try:
        lines = description.read_text().splitlines()
    except OSError:
        return False
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), ())
    return any(flag in flags for flag in CPU_FLAGS)


FINE = ("conv1_1", "conv1_2")
