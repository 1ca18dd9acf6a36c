"""What the answers of both frameworks have in common, in the framework that this process has imported.

`from words import mean` in an answers module takes `mean` from words_torch.py or words_tensorflow.py. `torch` and `tf` are
there for answers that only one framework has, and None in the other.
"""

import importlib
import sys


def __getattr__(name: str):
    return getattr(importlib.import_module(f"words_{'tensorflow' if 'tensorflow' in sys.modules else 'torch'}"), name)
