"""What the C library does with memory that is freed: kept while an image is painted, given back afterwards."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np, psutil
from stylelab.run.numerics import memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(100 << 17)  # 100 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    return psutil.Process().memory_info().rss >> 20

start, first = held(), faults()
memory.keep_freed()
faults()
kept, again = held(), faults()
memory.give_back()
print(first, again, kept - start, held() - start)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that gives large blocks back at once")
def test_freed_memory_is_kept_for_the_next_and_given_back_in_the_end():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    first, again, kept, after = map(int, run.stdout.split())
    assert again < first / 20
    assert kept > 90 and after < 20
