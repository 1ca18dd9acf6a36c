"""Write the pinned requirements anew: `make lock`, after a change in pyproject.toml. Needs the network.

requirements.lock               all of it, both frameworks, tests included; .ci/packages.py prints the part for one framework
requirements-gpu-tensorflow.lock  TensorFlow with CUDA in an environment of its own: its CUDA 12 wheels overwrite
                                  files of PyTorch's CUDA 13 ones
requirements-hub.lock           JupyterHub, nbgitpuller and stylelab without a framework, all else as in requirements.lock
.ci/uv.lock                     the installer
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPILE = ["uv", "pip", "compile", "--universal", "--python-version=3.11", "--generate-hashes", "--quiet", "--no-header",
           "--no-emit-index-url", "--no-emit-find-links", "--upgrade"]  # fmt: skip


def main() -> None:
    plain = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, built_with = plain["project"], plain["build-system"]["requires"]
    extras = project["optional-dependencies"]
    rest = project["dependencies"] + extras["test"] + extras["site"]
    write("requirements.lock", rest + extras["torch"] + extras["tensorflow"])
    write("requirements-gpu-tensorflow.lock", rest + [tensorflow_with_cuda(line) for line in extras["tensorflow"]])
    write("requirements-hub.lock", project["dependencies"] + built_with + extras["hub"], "--constraints", "requirements.lock")
    write(".ci/uv.lock", ["uv"])


def tensorflow_with_cuda(line: str) -> str:
    return re.sub(r"^tensorflow\b", "tensorflow[and-cuda]", line)


def write(name: str, requirements: list[str], *options: str) -> None:
    """Resolve `requirements` into the file `name`."""
    command = [*COMPILE, *options, "-", "-o", name]
    subprocess.run(command, input="\n".join(requirements), text=True, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    print(name, file=sys.stderr)


if __name__ == "__main__":
    main()
