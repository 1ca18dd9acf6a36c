"""GPUs that are not there, played on the CPU. They lack what a processor has, and refuse it in the frameworks' own way.

`apple()` plays Apple's MPS for PyTorch: tensors live on the device 'mps', NumPy cannot read them, none may be float64 or meet a
tensor of the CPU, and pooling and convolution want axes in plain order. `without_doubles()` plays a GPU for TensorFlow whose
operations take no float64. Either can also lack bfloat16, or single operations.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from unittest import mock

HUGE = 2**32  # bytes that no tensor of MPS may have

# PyTorch


@contextmanager
def apple(*, bfloat16: bool = True, lacks: Sequence[str] = ()) -> Iterator[None]:
    """A machine with Apple's GPU, which is then the device by default. `lacks` names operators, such as 'fft_fft2'."""
    import torch

    from stylelab.torch.engine import passes

    class OnDevice(torch.Tensor):
        """A tensor that PyTorch takes for one of a device without numbers, 'meta'; its numbers are in `inner`, on the CPU."""

        device = property(lambda self: torch.device("mps", 0))
        is_mps = property(lambda self: True)

        @staticmethod
        def __new__(cls, inner):
            how = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype, "device": "meta"}
            made = torch.Tensor._make_wrapper_subclass(cls, inner.shape, **how)
            made.inner = inner
            return made

        @classmethod
        def __torch_dispatch__(cls, operator, types, arguments=(), keywords=None):
            return compute(operator, arguments, keywords or {})

        def tolist(self):
            return self.inner.tolist()

        def __repr__(self):
            return f"{self.inner!r} on mps"

    tree = torch.utils._pytree
    aten = torch.ops.aten
    mixed = (aten._to_copy.default, aten.copy_.default, aten.index.Tensor, aten.index_put_.default)

    def inner(value):
        if isinstance(value, OnDevice):
            return value.inner
        return torch.device("cpu") if value == torch.device("meta") else value

    def compute(operator, arguments, keywords):
        leaves = tree.tree_leaves((arguments, keywords))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        device = keywords.get("device")
        ours = any(isinstance(tensor, OnDevice) for tensor in tensors) if device is None else device.type == "meta"
        if ours:
            check(operator, tensors, arguments, keywords)
        answer = operator(*tree.tree_map(inner, arguments), **tree.tree_map(inner, keywords))
        if not ours or not isinstance(answer, torch.Tensor | tuple | list):
            return answer
        wrapped = tree.tree_map_only(torch.Tensor, lambda tensor: OnDevice(check_kind(tensor)), answer)
        return torch.utils._python_dispatch.return_and_correct_aliasing(operator, arguments, keywords, wrapped)

    def check(operator, tensors, arguments, keywords):
        name = operator.name().removeprefix("aten::")
        if any(name.startswith(lacking) for lacking in lacks):
            raise NotImplementedError(f"The operator 'aten::{name}' is not currently implemented for the MPS device.")
        if keywords.get("dtype") in (torch.float64, torch.complex128):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64.")
        there = [tensor for tensor in tensors if not isinstance(tensor, OnDevice) and tensor.ndim]
        if there and keywords.get("device") is None and operator not in mixed:
            raise RuntimeError(f"Expected all tensors to be on the same device, but found cpu in {name}")
        if "pool2d" in name or "convolution" in name:  # these end the process, or are wrong without a word
            for tensor in tensors:
                if not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last):
                    raise RuntimeError(f"failed assertion: {name} of a tensor with channels last")
        if "convolution" in name and not arguments[1].is_contiguous():
            raise RuntimeError(f"failed assertion: {name} of a kernel that is not contiguous")

    def check_kind(tensor):
        if tensor.dtype in (torch.float64, torch.complex128):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64.")
        if tensor.dtype == torch.bfloat16 and not bfloat16:
            raise TypeError("BFloat16 is not supported on MPS")
        if tensor.nbytes > HUGE:
            raise RuntimeError("failed assertion: total bytes of NDArray > 2**32")
        return tensor

    class Operators(torch.utils._python_dispatch.TorchDispatchMode):
        """Every operator, also those of the way back."""

        def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
            return compute(operator, arguments, keywords or {})

    class Functions(torch.overrides.TorchFunctionMode):
        """Every function of PyTorch's that is called from Python, before it has looked at its arguments."""

        def __torch_function__(self, function, types, arguments=(), keywords=None):
            arguments, keywords = list(arguments), dict(keywords or {})
            if function is torch.device:
                return function(*arguments, **keywords)
            if function in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and isinstance(arguments[1], list):
                arguments[1] = torch.tensor(arguments[1])
            if function in (torch.tensor, torch.as_tensor) and is_apple(keywords.get("device")):
                return OnDevice(check_kind(function(*arguments, **keywords | {"device": "cpu"})))
            arguments = ["meta" if is_apple(value) else value for value in arguments]
            keywords = {name: "meta" if is_apple(value) else value for name, value in keywords.items()}
            return function(*arguments, **keywords)

    def is_apple(value) -> bool:
        return isinstance(value, str | torch.device) and str(value).partition(":")[0] == "mps"

    passes.fault.cache_clear()
    with mock.patch("torch.backends.mps.is_available", cache(lambda: True)), Functions(), Operators():
        yield
    passes.fault.cache_clear()


# TensorFlow


@contextmanager
def without_doubles(*, bfloat16: bool = True, lacks: Sequence[str] = ()) -> Iterator[None]:
    """A machine with a GPU that has no float64, which is then the device by default. `lacks` names operators, such as 'Conv2D'.

    What is placed on the CPU by name may have float64.
    """
    import tensorflow as tf
    from tensorflow.python.eager import context
    from tensorflow.python.framework import op_callbacks

    from stylelab.tensorflow.engine import passes

    lacking = [tf.float64, tf.complex128] + ([] if bfloat16 else [tf.bfloat16])

    def check(operator, inputs, attributes, outputs, op_name=None, graph=None):
        name = operator.decode() if isinstance(operator, bytes) else operator
        found = [tensor.dtype for tensor in (*inputs, *outputs) if getattr(tensor, "dtype", None) in lacking]
        placed = context.context().device_name if graph is None else outputs[0].device if outputs else ""
        if (found and "CPU" not in (placed or "") and not name.startswith("__")) or name in lacks:  # a call is no kernel
            what = f" for {found[0].name}" if found else ""
            raise tf.errors.NotFoundError(None, None, f"Could not find device for node: no kernel of {name}{what}")

    there = ["GPU:0"]
    with (
        mock.patch("tensorflow.config.list_logical_devices", lambda kind=None: there),
        mock.patch("tensorflow.config.list_physical_devices", lambda kind=None: there),
        mock.patch("tensorflow.config.experimental.get_device_details", lambda device: {}),
    ):
        passes.fault.cache_clear()
        op_callbacks.add_op_callback(check)
        try:
            yield
        finally:
            op_callbacks.remove_op_callback(check)
            passes.fault.cache_clear()
