"""The part of a lock file that an environment needs: packages.py LOCK PART...

A part is an extra of pyproject.toml; what it depends on and is built with is always needed. A package is in it too if another one that is in it asks for it:
the lock says so after `# via`. With the part `cpu`, PyTorch, torchvision and CUDA are left out, but not what else PyTorch asks for:
`.ci/setup` takes those two from PyTorch's own index.

    packages.py --gigabytes LOCK PART...   what of it this Python lacks, in GB, as `1.2`; nothing if it lacks nothing. Needs uv and the network
"""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^(?P<name>[a-z0-9._-]+)[^\n]*\n(?:[ \t]+[^\n]*\n?)*", re.MULTILINE)
VIA = re.compile(r"^ +#(?: via)? +([a-z0-9._-]+)$", re.MULTILINE)
FROM_ELSEWHERE = re.compile(r"torch$|torchvision$|triton$|nvidia-|cuda-")


def subset(lock: str, parts: list[str]) -> dict[str, str]:
    """Name -> its lines in the lock. A package can have several versions there, for several Pythons."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [part for part in parts if part != "cpu"]
    asked = project["build-system"]["requires"] + project["project"]["dependencies"]
    asked += [line for extra in extras for line in project["project"]["optional-dependencies"][extra]]
    lines: dict[str, str] = {}
    users: dict[str, set[str]] = {}
    for block in BLOCK.finditer(lock):
        lines[block["name"]] = lines.get(block["name"], "") + block[0]
        users.setdefault(block["name"], set()).update(VIA.findall(block[0]))
    needed, more = set(), {re.match(r"[\w.-]+", line)[0].lower() for line in asked}
    while more:
        needed |= more
        more = {name for name in users if users[name] & needed} - needed
    return {name: lines[name] for name in lines if name in needed and not ("cpu" in parts and FROM_ELSEWHERE.match(name))}


def gigabytes(packages: dict[str, str]) -> str:
    """What of the packages this Python lacks, in GB, as the index says; '?' if it does not say."""
    lacking = "".join(
        lines for lines in packages.values() if not any(map(is_installed, re.findall(r"^(\S+)==(\S+)", lines, re.M)))
    )
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--python", sys.executable, "--quiet", "--no-deps",
               "--format", "pylock.toml", "-"]  # fmt: skip
    done = subprocess.run(command, input=lacking, capture_output=True, text=True)
    found = tomllib.loads(done.stdout).get("packages", []) if done.returncode == 0 else []
    sizes = [(package.get("wheels") or [package.get("sdist") or {}])[0].get("size") for package in found]
    if not lacking or (done.returncode == 0 and not found):  # for other systems only
        return ""
    return f"{max(sum(sizes) / 1e9, 0.1):.1f}" if found and all(sizes) else "?"


def is_installed(pin: tuple[str, str]) -> bool:
    """Whether this Python has (name, version)."""
    try:
        return importlib.metadata.version(pin[0]) == pin[1]
    except importlib.metadata.PackageNotFoundError:
        return False


def main(*arguments: str) -> None:
    asked = list(arguments)
    only_size = asked[0] == "--gigabytes"
    lock, *parts = asked[only_size:]
    packages = subset((ROOT / lock).read_text(), parts)
    sys.stdout.write(gigabytes(packages) if only_size else "".join(packages.values()))


if __name__ == "__main__":
    main(*sys.argv[1:])
