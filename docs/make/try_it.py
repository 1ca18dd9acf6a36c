"""The page *Try it*: docs/try-it/, the embedded networks as ONNX graphs, and a runtime from the npm registry, in one folder.

The folder works from any static server. Large files are compressed here, as not every server does that.
"""

import base64
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from docs.make import graphs
from docs.make.pages import DOCS
from docs.make.source_folder import SourceFolder
from stylelab import images
from stylelab.base.course import SITE
from stylelab.base.files import write_file
from stylelab.images import builtin
from stylelab.languages import find_language, languages, spoken
from stylelab.networks import NAMES, load_weights
from stylelab.networks.export import export_onnx

FOLDER = "try-it"
PAGE = f"{FOLDER}/index.html"
ADDRESS = f"{SITE}/{PAGE}"
LINK = f'**<a href="{PAGE}">Try it in this browser</a>**: paint a photograph at once or step by step, with nothing to install.'
RUNTIME = "onnxruntime-web@1.30.0"  # MIT
INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # sha512
SCRIPTS = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort.jspi.min.mjs", "ort-wasm-simd-threaded.jspi.mjs")
MACHINES = ("ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.jspi.wasm")  # the second for WebGPU
PATIENCE = 120  # seconds for 33 MB
PHOTOGRAPHS = ("cat", "coffee", "china")
SIDES, QUALITY = {"content": 432, "style": 352}, 82  # of the images in the page, pixels and JPEG


class Runtime(NamedTuple):
    """What npm gave: name -> bytes. Without it, why not."""

    files: dict[str, bytes]
    missing: str = ""


def fetch(kept: Path) -> Runtime:
    """The runtime, from the npm registry or from `kept`, where it is put."""
    archive = kept / f"{RUNTIME.replace('@', '-')}.tgz"
    if not archive.is_file() or not _is_right(archive.read_bytes()):
        if (npm := shutil.which("npm")) is None:
            return Runtime({}, "npm is not installed")
        with tempfile.TemporaryDirectory() as folder:
            limits = ["--silent", "--fetch-retries=0", "--fetch-timeout=20000"]
            command = [npm, "pack", RUNTIME, *limits, "--pack-destination", folder]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=folder)
            except subprocess.TimeoutExpired:
                return Runtime({}, f"npm did not fetch {RUNTIME} within {PATIENCE} s")
            found = [*Path(folder).glob("*.tgz")]
            if done.returncode or not found:
                reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0]
                return Runtime({}, f"npm could not fetch {RUNTIME}: {reason[:120]}")
            data = found[0].read_bytes()
        if not _is_right(data):
            return Runtime({}, f"{RUNTIME} from npm is not the file whose checksum is known")
        archive.parent.mkdir(parents=True, exist_ok=True)
        write_file(archive, lambda stream: stream.write(data))
    with tarfile.open(archive) as tar:
        return Runtime({name: tar.extractfile(f"package/dist/{name}").read() for name in (*SCRIPTS, *MACHINES)})


def _is_right(archive: bytes) -> bool:
    return base64.b64encode(hashlib.sha512(archive).digest()).decode() == INTEGRITY


def add(runtime: Runtime, source: SourceFolder) -> None:
    """Put the page's folder among what Sphinx copies as it is."""

    def put(name: str, data: "bytes | str") -> None:
        source.write(f"extra/{FOLDER}/{name}", data)

    for path in sorted((DOCS / FOLDER).iterdir()):
        put(path.name, path.read_bytes())
    put("language.js", (DOCS.parent / "stylelab" / "tools" / "studio" / "language.js").read_bytes())
    for name in SCRIPTS:
        put(name, runtime.files[name])
    files = {}
    for name, data in [*((name, runtime.files[name]) for name in MACHINES), *networks()]:
        packed = gzip.compress(_in_planes(data) if name == graphs.FILTERS else data, 9, mtime=0)
        files[name] = {"bytes": len(packed), "version": hashlib.sha256(packed).hexdigest()[:12]}
        put(f"{name}.gz", packed)
    pictures = {}
    for kind, names in {"content": PHOTOGRAPHS, "style": load_weights("six")[0].styles}.items():
        for name in names:
            item = builtin.ITEMS[name]
            put(f"{name}.jpg", _jpeg(item.path, SIDES[kind]))
            pictures[name] = {"kind": kind, "alt": item.alt, "credit": item.credit}
    names = {}
    for language in map(find_language, languages()):
        names[language.code] = {"name": language.name, "direction": language.direction}
        known, pairs = spoken(language.code), spoken(language.code, (FOLDER,))
        pairs |= {picture["alt"]: known[picture["alt"]] for picture in pictures.values() if picture["alt"] in known}
        put(f"{language.code}.json", json.dumps(pairs, ensure_ascii=False))
    manifest = {"files": files, "pictures": pictures, "languages": names}
    put("files.json", json.dumps(manifest, ensure_ascii=False))


def networks() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the graphs, the filters that they share, and the codes of the six styles."""
    yield "codes.bin", load_weights("six")[1]["codes"].astype(np.float32).tobytes()
    filters = graphs.Filters()
    yield graphs.FILTERS, filters.data
    for deepest in graphs.DEPTHS:
        yield f"loss-{deepest}.onnx", graphs.loss(filters, deepest)
    for make in (graphs.features, graphs.reader, graphs.soften):
        yield f"{make.__name__}.onnx", make(filters)
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            path = Path(folder) / f"{name}.onnx"
            export_onnx(name, path)
            yield path.name, path.read_bytes()


def _in_planes(numbers: bytes) -> bytes:
    """All low bytes of float16 numbers, then all high ones: in a row of their own, these are easily compressed."""
    return np.frombuffer(numbers, np.uint8).reshape(-1, 2).T.tobytes()


def _jpeg(path: Path, side: int) -> bytes:
    image = images.resize(images.open_image(path), side)
    written = io.BytesIO()
    Image.fromarray((image * 255).round().astype(np.uint8)).save(written, "JPEG", quality=QUALITY, optimize=True)
    return written.getvalue()
