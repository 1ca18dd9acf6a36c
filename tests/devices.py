"""GPUs that are not there, played on the CPU. They lack what a processor has, and refuse it in the frameworks' own way.

`nvidia()` plays two of NVIDIA's for PyTorch, `other_processors()` two for TensorFlow: what is on the wrong one raises.

`apple()` plays Apple's MPS for PyTorch: tensors live on the device 'mps', NumPy cannot read them, none may be float64 or meet a
tensor of the CPU, and pooling and convolution want axes in plain order. `without_doubles()` plays a GPU for TensorFlow whose
operations take no float64. Either can also lack bfloat16, or single operations.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from unittest import mock
from weakref import WeakValueDictionary

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


@contextmanager
def nvidia(*, capability: tuple[int, int] = (9, 0), free: Sequence[int] = (80 * 2**30,) * 2) -> Iterator[set]:
    """A machine with two NVIDIA GPUs, of which the first is then the device by default. Gives the names of those that were used.

    Each operation is computed on the CPU, for the numbers. Before that PyTorch's fake tensors, which have a device and no numbers,
    say where the answer is, or raise what a wrong device raises on a real card.
    """
    import torch
    from torch._subclasses import fake_tensor
    from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

    from stylelab.torch.engine import passes

    class OnCard(torch.Tensor):
        """A tensor on a card; its numbers are in `inner`. PyTorch's C++ takes it for one of 'meta' with the index of the card."""

        device = property(lambda self: self.card)
        is_cuda = property(lambda self: True)
        is_cpu = is_meta = property(lambda self: False)
        __torch_function__ = torch._C._disabled_torch_function_impl

        @staticmethod
        def __new__(cls, inner, card):
            how = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
            made = torch.Tensor._make_wrapper_subclass(cls, inner.shape, device=f"meta:{card.index}", **how)
            made.inner, made.card = inner, card
            used.add(str(card))
            return made

        @classmethod
        def __torch_dispatch__(cls, operator, types, arguments=(), keywords=None):
            return compute(operator, arguments, keywords or {})

        def tolist(self):
            return self.inner.tolist()

        def numpy(self, *, force=False):
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy it to the host first."
            )

        def __array__(self, dtype=None, copy=None):
            return self.numpy()

        def __getitem__(self, index):
            return super().__getitem__(torch.tensor(index, device=self.device) if isinstance(index, list) else index)

        def __setitem__(self, index, value):
            super().__setitem__(torch.tensor(index, device=self.device) if isinstance(index, list) else index, value)

        def __repr__(self):
            return f"{self.inner!r} on {self.device}"

    aten = torch.ops.aten
    fakes = fake_tensor.FakeTensorMode(allow_non_fake_inputs=True)
    read = (aten._local_scalar_dense.default, aten.equal.default)  # what Python gets to know
    indexed = (aten.index, aten.index_put, aten.index_put_)
    used: set[str] = set()
    known: dict[tuple, list] = {}  # an operator and where its arguments are -> where its answers are

    def compute(operator, arguments, keywords):
        leaves = [*flat(arguments), *flat(keywords.values())]
        ours = any(isinstance(leaf, OnCard) or isinstance(leaf, torch.device) and card(leaf) for leaf in leaves)
        cards = places(operator, leaves, arguments, keywords) if ours else []
        with fake_tensor.unset_fake_temporarily():
            answer = operator(*change(arguments, real), **{name: change(value, real) for name, value in keywords.items()})
        if not ours or operator in read:
            return answer
        cards = cards * len(flat([answer])) if len(cards) == 1 else cards
        rest = iter(cards)
        wrapped = change(answer, lambda own: OnCard(own, place) if (place := next(rest)) and place.type == "cuda" else own)
        if any(argument.alias_info for argument in operator._schema.arguments):
            return return_and_correct_aliasing(operator, arguments, keywords, wrapped)
        return wrapped

    def places(operator, leaves, arguments, keywords):
        """Where PyTorch puts the answers; what it raises for arguments that it does not take together. It is asked once."""
        key = (operator, *keywords, *map(kind, leaves))
        if key not in known:
            check(operator, leaves, arguments, keywords)
            try:
                if operator in read:
                    raise fake_tensor.DataDependentOutputException(operator)
                with fakes:
                    told = operator(*change(arguments, faked), **{name: change(value, faked) for name, value in keywords.items()})
                known[key] = [getattr(answer, "device", None) for answer in flat([told])]
            except (fake_tensor.DataDependentOutputException, fake_tensor.DynamicOutputShapeException):
                tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]  # the numbers decide on the answer's shape
                found = {tensor.device for tensor in tensors if tensor.ndim} or {tensors[0].device}
                if len(found) > 1:
                    raise RuntimeError(f"Expected all tensors to be on the same device, but found {found}") from None
                known[key] = [*found]
        return known[key]

    def check(operator, leaves, arguments, keywords):
        """What fake tensors let pass."""
        for leaf in leaves:
            where = torch.device(keywords.get("device") or "cpu")
            if isinstance(leaf, torch.Generator) and leaf.device.type != where.type:
                raise RuntimeError(f"Expected a '{where}' device type for generator but found '{leaf.device}'")
        for index in arguments[1] if operator.overloadpacket in indexed else ():
            if isinstance(index, torch.Tensor) and index.device not in (torch.device("cpu"), arguments[0].device):
                raise RuntimeError(
                    f"indices should be either on cpu or on the same device as the indexed tensor ({arguments[0].device})"
                )

    def flat(values):
        return [leaf for value in values for leaf in (flat(value) if isinstance(value, list | tuple) else [value])]

    def change(value, how):
        return type(value)(change(each, how) for each in value) if isinstance(value, list | tuple) else how(value)

    def kind(leaf):
        if isinstance(leaf, torch.Tensor):
            return leaf.device, leaf.dtype, leaf.ndim
        return leaf if isinstance(leaf, torch.device | torch.dtype | bool) else type(leaf)

    def card(device) -> "torch.device | None":
        """The card that a device means, if it is one: C++ asks for 'meta', with the index of a tensor's card."""
        ours = device.type == "cuda" or (device.type == "meta" and device.index is not None)
        return torch.device("cuda", device.index or 0) if ours else None

    def faked(value):
        if isinstance(value, OnCard):
            return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=value.device)
        if isinstance(value, torch.Tensor):
            return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)
        return card(value) or value if isinstance(value, torch.device) else value

    def real(value):
        if isinstance(value, OnCard):
            return value.inner
        return torch.device("cpu") if isinstance(value, torch.device) else value

    class Operators(TorchDispatchMode):
        """Every operator, also those of the way back."""

        def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
            return compute(operator, arguments, keywords or {})

    cards = {
        "is_available": lambda: True,
        "device_count": lambda: 2,
        "current_device": lambda: 0,
        "get_device_name": lambda device=None: "NVIDIA, played",
        "get_device_capability": lambda device=None: capability,
        "mem_get_info": lambda device=None: (free[torch.device(device or "cuda").index or 0],) * 2,
        "max_memory_allocated": lambda device=None: 2**20,
        "memory_allocated": lambda device=None: 2**20,
        "reset_peak_memory_stats": lambda device=None: None,
        "synchronize": lambda device=None: None,
        "empty_cache": lambda: None,
    }
    passes.fault.cache_clear()
    with ExitStack() as stack:
        stack.enter_context(fakes)  # first, as it asks whether there is a card
        stack.enter_context(mock.patch.multiple("torch.cuda", **cards))
        stack.enter_context(mock.patch.object(fake_tensor, "init_gpu_context", lambda device: None))
        stack.enter_context(Operators())
        passes.fault("float32", torch.device("cuda"))  # whether the first works is asked before any is chosen
        used.clear()
        yield used
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


def three_processors() -> None:
    """Let TensorFlow see its CPU as three devices, of which it uses the first unless told otherwise. Before it computes anything."""
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 3)


@contextmanager
def other_processors(*, capability: tuple[int, int] = (9, 0)) -> Iterator[set]:
    """A machine with two GPUs, for which the second and third of `three_processors` stand. Gives the names of those that were used.

    What is asked for by the name 'gpu' is placed there, without soft placement. An operation of a run that TensorFlow placed
    elsewhere raises, unless the CPU was asked for by name, and so does one that takes numbers from another device. TensorFlow
    itself would copy them without a word.
    """
    import tensorflow as tf
    from tensorflow.python.framework import op_callbacks

    from stylelab.tensorflow.engine import passes

    inner, asked, made = tf.device, [False], WeakValueDictionary()  # asked: whether for the CPU; made: there
    used: set[str] = set()

    @contextmanager
    def device(name):
        kind, _, index = str(name).lower().rpartition("device:")[2].lstrip("/").partition(":")
        asked.append(kind == "cpu" and "job:" not in str(name))  # the full name is one of a tensor's
        try:
            with inner(f"/CPU:{1 + int(index or 0)}" if kind == "gpu" else name):
                yield
        finally:
            asked.pop()

    def check(operator, inputs, attributes, outputs, op_name=None, graph=None):
        if graph is not None:  # a graph's operations are where it is called, unless they say that they are on the CPU
            return
        name = operator.decode() if isinstance(operator, bytes) else operator
        if asked[-1]:
            made.update({id(tensor): tensor for tensor in outputs})
            return
        for tensor in outputs:
            if tensor.device.endswith("CPU:0") and id(tensor) not in made:
                raise tf.errors.InvalidArgumentError(None, None, f"{name} was not placed: it ran on {tensor.device}")
        here = {tensor.device for tensor in outputs}
        used.update(f"gpu:{int(place[-1]) - 1}" for place in here)
        for tensor in inputs:
            if here and tensor.device not in here and id(tensor) not in made and tensor.dtype not in (tf.int32, tf.int64):
                raise tf.errors.InvalidArgumentError(
                    None, None, f"Tensors on conflicting devices: {name} ran on {here}, but an input is on {tensor.device}"
                )

    cards = ["GPU:0", "GPU:1"]
    with (
        mock.patch("tensorflow.device", device),
        mock.patch("tensorflow.config.list_logical_devices", lambda kind=None: cards),
        mock.patch("tensorflow.config.list_physical_devices", lambda kind=None: cards),
        mock.patch("tensorflow.config.experimental.get_device_details", lambda device: {"compute_capability": capability}),
    ):
        softly = tf.config.get_soft_device_placement()
        tf.config.set_soft_device_placement(False)
        passes.fault.cache_clear()
        op_callbacks.add_op_callback(check)
        try:
            yield used
        finally:
            op_callbacks.remove_op_callback(check)
            tf.config.set_soft_device_placement(softly)
            passes.fault.cache_clear()
