"""Import TensorFlow without its start-up lines, which carry a time and a process id into stored notebook outputs, and without Keras."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def quiet_stderr():
    """Keep what C++ writes to descriptor 2 in a file; show it after all if the block fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            kept.seek(0)
            os.write(2, kept.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextlib.contextmanager
def keras_later():
    """Let TensorFlow's import leave Keras out, which takes seconds: `tensorflow.keras` loads when it is first used."""
    name = "keras.src.optimizers"  # all that TensorFlow imports of it, and goes on without
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules.pop(name, None)


def allow_memory_growth(tensorflow) -> None:
    """Take GPU memory as it is needed: by default TensorFlow takes all of it at first use."""
    for gpu in tensorflow.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # already in use: the caller has chosen
            tensorflow.config.experimental.set_memory_growth(gpu, True)
