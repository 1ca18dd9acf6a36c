"""Messages between the grader and a sandbox arrive unchanged, and hostile ones are refused in bounded time and memory."""

import io
import json
import random
import re
import signal
import socket
import struct
import threading
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from stylelab.tools.classroom.sandbox.inside import wire

pytestmark = pytest.mark.plain
SAFE = (wire.WireError, EOFError, TimeoutError)


@pytest.fixture(autouse=True)
def alarm():
    """End a test that waits for ever after half a minute."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it still waits"))
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def soon(seconds: float = 20) -> float:
    """A deadline this many seconds from now."""
    return time.monotonic() + seconds


def transmit(ends, plain=None, arrays=None):
    """Send a message in a thread; returns what arrives at the other end."""
    sending = threading.Thread(target=wire.send, args=(ends[0], plain, arrays), kwargs={"deadline": soon()})
    sending.start()
    try:
        return wire.receive(ends[1], deadline=soon())
    finally:
        sending.join()


def archive(**members) -> bytes:
    """A stored archive with these files, which may be anything."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, data in members.items():
            opened.writestr(f"{name}.npy", data)
    return stream.getvalue()


def npy(array) -> bytes:
    """An .npy file with this array."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def npz(**arrays) -> bytes:
    """An .npz archive with these arrays."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def with_header(header: bytes, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """An .npy file with this header."""
    size = struct.pack("<I" if version == b"\x02\x00" else "<H", len(header))
    return b"\x93NUMPY" + version + size + header + body


def described(shape: str, descr: str = "'<f4'", order: str = "False") -> bytes:
    """The header of an .npy file."""
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()


def message(text: bytes = b"{}", packed: bytes = b"") -> bytes:
    """The bytes of a message."""
    return wire.HEAD.pack(len(text), len(packed)) + text + packed


def receive_bytes(data: bytes, *, close: bool = True, seconds: float = 20):
    """The message that these bytes from a sandbox are read as."""
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def feed():
            try:
                theirs.sendall(data)
            except OSError:
                pass  # the reader has stopped
            if close:
                theirs.close()

        feeding = threading.Thread(target=feed)
        feeding.start()
        try:
            return wire.receive(ours, deadline=soon(seconds))
        finally:
            ours.close()
            feeding.join()


def peak_of(work) -> int:
    """The most bytes that `work` held at once; it must end with a WireError."""
    tracemalloc.start()
    try:
        work()
    except wire.WireError:
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    pytest.fail("it was accepted")


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f4", ">i8", "U7", ">U3"]
)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (0,), (3, 0, 2), (2, 1, 4, 3), (1,) * 8])
def test_arrays_of_every_type_and_shape_arrive(ends, dtype, shape):
    sent = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    _, arrays = transmit(ends, None, {"array0": sent})
    got = arrays["array0"]
    assert got.dtype == sent.dtype and got.shape == sent.shape and np.array_equal(got, sent)
    assert got.flags.writeable


def test_arrays_in_fortran_order_and_slices_arrive(ends, rng):
    sent = rng.standard_normal((4, 5, 6)).astype(np.float32)
    arrays = {"a": np.asfortranarray(sent), "b": sent[::2, ::-1], "c": np.moveaxis(sent, 0, -1)}
    _, got = transmit(ends, None, arrays)
    assert got.keys() == arrays.keys() and all(np.array_equal(got[name], arrays[name]) for name in arrays)


def test_nan_and_infinity_arrive(ends):
    _, got = transmit(ends, None, {"a": np.array([np.nan, np.inf, -np.inf, -0.0])})
    assert np.array_equal(got["a"], [np.nan, np.inf, -np.inf, 0], equal_nan=True)


def test_strings_arrive(ends):
    sent = np.array(["", "conv1_1", "größe 名 😀"])
    _, got = transmit(ends, None, {"a": sent, "b": np.asarray("relu")})
    assert got["a"].tolist() == sent.tolist() and str(got["b"]) == "relu"


@pytest.mark.parametrize(
    "plain", [None, True, 0, 10**30, 1.5, "größe 😀\n\0", [], {}, {"a": [1, {"b": None}]}, [[["deep"]]], "x" * 2_000_000]
)
def test_plain_data_arrives(ends, plain):
    assert transmit(ends, plain) == (plain, {})


def test_messages_stay_in_order_and_separate(ends):
    for turn in range(5):
        wire.send(ends[0], {"turn": turn}, {"a": np.full(turn, turn)}, deadline=soon())
    for turn in range(5):
        plain, arrays = wire.receive(ends[1], deadline=soon())
        assert plain == {"turn": turn} and arrays["a"].tolist() == [turn] * turn


def test_a_large_array_arrives_in_both_directions(ends):
    sent = np.arange(3_000_000, dtype=np.float32)
    assert np.array_equal(transmit(ends, None, {"a": sent})[1]["a"], sent)
    assert np.array_equal(transmit(ends[::-1], None, {"a": sent})[1]["a"], sent)


def test_as_much_code_as_a_notebook_may_have_arrives(ends):
    plain = {"cells": ["x, y = [1, 2], {}\n" * 27_000]}  # as much code as a notebook may have
    assert transmit(ends, plain)[0] == plain


def test_a_message_that_announces_too_many_bytes_is_refused_unread():
    for words, packed in ((wire.LARGEST + 1, 0), (0, wire.LARGEST + 1), (2**64 - 1, 2**64 - 1), (wire.LARGEST, 1)):
        with pytest.raises(wire.WireError, match="bytes"):
            receive_bytes(wire.HEAD.pack(words, packed), close=False)
        assert peak_of(lambda words=words, packed=packed: receive_bytes(wire.HEAD.pack(words, packed), close=False)) < 2**20


def test_announced_bytes_that_do_not_arrive_take_no_memory():
    tracemalloc.start()
    with pytest.raises(EOFError):
        receive_bytes(wire.HEAD.pack(wire.LARGEST, 0) + b"[")
    with pytest.raises(TimeoutError):
        receive_bytes(wire.HEAD.pack(wire.LARGEST, 0) + b"[", close=False, seconds=0.1)
    assert tracemalloc.get_traced_memory()[1] < wire.LARGEST / 4
    tracemalloc.stop()


@pytest.mark.parametrize("limit", [0, 10, 200])
def test_a_smaller_limit_can_be_set(ends, limit):
    wire.send(ends[0], "x" * 100, {"a": np.zeros(100)}, deadline=soon())
    with pytest.raises(wire.WireError, match=f"{limit} at most"):
        wire.receive(ends[1], deadline=soon(), largest=limit)


def test_a_silent_peer_times_out(ends):
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        wire.receive(ends[0], deadline=soon(0.2))
    assert 0.15 < time.monotonic() - began < 2


def test_a_peer_that_sends_byte_by_byte_times_out(ends):
    stop = threading.Event()

    def drip():
        data = message(b"[" + b"1," * 1000 + b"1]")
        for at in range(len(data)):
            if stop.wait(0.02):
                return
            ends[1].send(data[at : at + 1])

    dripping = threading.Thread(target=drip)
    dripping.start()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        wire.receive(ends[0], deadline=soon(0.5))
    stop.set()
    dripping.join()
    assert 0.4 < time.monotonic() - began < 3


def test_a_slow_peer_is_read_before_the_deadline(ends):
    data = message(b'{"a": 1}', npz(a=np.arange(3)))

    def drip():
        for at in range(0, len(data), 40):
            ends[1].send(data[at : at + 40])
            time.sleep(0.005)

    dripping = threading.Thread(target=drip)
    dripping.start()
    plain, arrays = wire.receive(ends[0], deadline=soon())
    dripping.join()
    assert plain == {"a": 1} and arrays["a"].tolist() == [0, 1, 2]


def test_tiny_parts_take_no_more_memory_than_the_message():
    class Crumbs:
        """A channel that gives two bytes at a time."""

        def __init__(self, data):
            self.data, self.at = data, 0

        def settimeout(self, seconds):
            pass

        def recv(self, count):
            self.at += min(count, 2)
            return self.data[self.at - min(count, 2) : self.at]

    data = wire.HEAD.pack(200_000, 0) + b"x" * 200_000
    assert peak_of(lambda: wire.receive(Crumbs(data))) < 1_000_000


def test_a_past_deadline_times_out_at_once(ends):
    wire.send(ends[0], 1)
    with pytest.raises(TimeoutError):
        wire.receive(ends[1], deadline=time.monotonic() - 1)
    with pytest.raises(TimeoutError):
        wire.send(ends[0], 1, deadline=time.monotonic() - 1)


def test_a_peer_that_does_not_read_times_out(ends):
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        wire.send(ends[0], "x" * 5_000_000, deadline=soon(0.3))
    assert 0.2 < time.monotonic() - began < 3


def test_a_closed_peer_is_detected(ends):
    ends[1].close()
    with pytest.raises(EOFError):
        wire.receive(ends[0], deadline=soon())
    with pytest.raises(OSError):
        for _ in range(3):
            wire.send(ends[0], "x" * 5_000_000, deadline=soon())


def test_a_peer_that_closes_without_reading_is_detected(ends):
    wire.send(ends[0], "unread", deadline=soon())
    ends[1].close()  # with bytes unread: the next read sees a reset connection
    with pytest.raises(EOFError):
        wire.receive(ends[0], deadline=soon())


def test_a_truncated_message_is_an_end_of_file():
    whole = message(b'{"a": [1, 2]}', npz(a=np.arange(3, dtype=np.float32)))
    assert receive_bytes(whole)[1]["a"].tolist() == [0, 1, 2]
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            receive_bytes(whole[:length])


JSON = {
    "nothing": b"",
    "no JSON": b"<html>",
    "half of it": b'{"a": ',
    "two of them": b"{} {}",
    "lists in lists": b"[" * 500_000,
    "lists in lists, closed": b"[" * 100_000 + b"]" * 100_000,
    "dicts in dicts": b'{"a":' * 200_000,
    "many empty lists": b"[" + b"[]," * 2_000_000 + b"[]]",
    "many numbers": b"[" + b"1," * 4_000_000 + b"1]",
    "a number of many digits": b"9" * 5_000,
    "a number of very many digits": b"[" + b"9" * 2_000_000 + b"]",
    "not UTF-8": b'"\xff\xfe"',
    "Latin-1": '"größe"'.encode("latin-1"),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "half a character": b'"\xed\xa0\x80"',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "a pickle": b"\x80\x04\x95\x00",
    "NUL": b"\0",
    "a control character": b'"\n"',
}


@pytest.mark.parametrize("case", JSON)
def test_anything_but_plain_json_is_refused(case):
    with pytest.raises(wire.WireError, match="JSON"):
        receive_bytes(message(JSON[case], npz()))


def test_json_with_many_parts_takes_bounded_memory():
    for case in ("many empty lists", "many numbers", "lists in lists"):
        assert peak_of(lambda case=case: wire.read_json(JSON[case])) < 2 * len(JSON[case])
    wire.read_json(b"[" + b"1," * 1000 + b"1]")


def test_unusual_json_is_accepted():
    plain, _ = receive_bytes(message(b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1, "d": 2}', npz()))
    assert plain["a"] != plain["a"] and plain["b"] == -np.inf and plain["c"] == np.inf and plain["d"] == 2


GOOD = npy(np.arange(4, dtype=np.float32))


def deflated() -> bytes:
    """A compressed array of 50 MB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.npy", with_header(described("(50000000,)", "'|u1'")) + bytes(50_000_000))
    return stream.getvalue()


def small_and_deflated() -> bytes:
    """A compressed array of a few bytes."""
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.arange(3))
    return stream.getvalue()


def twice_in_the_directory(count: int, size: int = 0) -> bytes:
    """One member's bytes, named by many entries of the directory."""
    whole = archive(a=with_header(described(f"({size},)", "'|u1'"), bytes(size)))
    start = whole.index(b"PK\x01\x02")
    entry = whole[start : whole.index(b"PK\x05\x06")]
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, len(entry) * count, start, 0)
    return whole[:start] + entry * count + end


def with_size(offset: int, size: int) -> bytes:
    """An archive whose directory lies: 20 is where it keeps the packed size, 24 the real one."""
    whole = bytearray(archive(a=GOOD))
    at = whole.index(b"PK\x01\x02") + offset
    whole[at : at + 4] = struct.pack("<I", size)
    return bytes(whole)


def doubled() -> bytes:
    """Two arrays of the same name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name in ("a.npy", "a"):
            opened.writestr(name, GOOD)
    return stream.getvalue()


def locked() -> bytes:
    """An archive that claims to be encrypted."""
    whole = bytearray(archive(a=GOOD))
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    return bytes(whole)


ARCHIVES = {
    "nothing": lambda: b"",
    "no archive": lambda: b"x" * 1000,
    "a deflated bomb": deflated,
    "a deflated array": small_and_deflated,
    "overlapping members": lambda: twice_in_the_directory(1_000, 4_000_000),
    "65,000 members": lambda: twice_in_the_directory(65_000),
    "300,000 members": lambda: twice_in_the_directory(300_000),
    "1,001 arrays": lambda: npz(**{f"a{n}": np.zeros(1) for n in range(1_001)}),
    "a member that says it is larger": lambda: with_size(24, 10**9),
    "a member that says it is smaller": lambda: with_size(24, 10),
    "a member that says it takes less": lambda: with_size(20, 20),
    "a member that begins elsewhere": lambda: with_size(42, 7),
    "a member that begins behind the end": lambda: with_size(42, 2**32 - 2),
    "a locked member": locked,
    "two arrays of one name": doubled,
    "a member that is no array": lambda: archive(a=b"hello"),
    "an empty member": lambda: archive(a=b""),
    "a member that is only magic": lambda: archive(a=b"\x93NUMPY\x01\x00"),
    "a pickle": lambda: archive(a=b"\x80\x04\x95\x00"),
    "objects": lambda: archive(a=npy(np.array([{}, None], dtype=object))),
    "objects inside": lambda: archive(a=npy(np.zeros(2, [("a", "O")]))),
    "named parts": lambda: archive(a=npy(np.zeros(2, [("a", "f4"), ("b", "f4")]))),
    "arrays in arrays": lambda: archive(a=with_header(described("(2,)", "('<f4', (1000000, 1000000))"), bytes(8))),
    "dates": lambda: archive(a=npy(np.zeros(2, "M8[s]"))),
    "bytes": lambda: archive(a=npy(np.zeros(2, "S4"))),
    "void": lambda: archive(a=npy(np.zeros(2, "V4"))),
    "complex numbers": lambda: archive(a=npy(np.zeros(2, complex))),
    "a type that is none": lambda: archive(a=with_header(described("(1,)", "'<f3'"), bytes(3))),
    "a type of nothing": lambda: archive(a=with_header(described("(1000000000,)", "'<U0'"))),
    "a very long word": lambda: archive(a=with_header(described("(1,)", "'<U9999999'"), bytes(4))),
    "a shape that is larger": lambda: archive(a=with_header(described("(1000,)"), bytes(400))),
    "nothing, with sides whose product is no size": lambda: archive(a=with_header(described("(0, 999999999, 999999999, 9)", "'|u1'"))),
    "a shape that is smaller": lambda: archive(a=with_header(described("(10,)"), bytes(400))),
    "a shape below zero": lambda: archive(a=with_header(described("(-1,)"), bytes(400))),
    "two sides below zero": lambda: archive(a=with_header(described("(-10, -10)"), bytes(400))),
    "a shape that overflows": lambda: archive(a=with_header(described(f"({2**62}, 4)"), b"")),
    "a shape that overflows to what is there": lambda: archive(a=with_header(described(f"({2**32}, {2**32}, 100)"), bytes(0))),
    "nothing of a huge side": lambda: archive(a=with_header(described(f"(0, {2**62})"), b"")),
    "nine axes": lambda: archive(a=with_header(described("(1, 1, 1, 1, 1, 1, 1, 1, 1)"), bytes(4))),
    "a thousand axes": lambda: archive(a=with_header(described(f"({'1, ' * 1000})"), bytes(4))),
    "a shape of words": lambda: archive(a=with_header(described("('a',)"), bytes(4))),
    "a shape of fractions": lambda: archive(a=with_header(described("(1.0,)"), bytes(4))),
    "a shape of truths": lambda: archive(a=with_header(described("(True,)"), bytes(4))),
    "a header that calls": lambda: archive(a=with_header(b"__import__('os').abort()\n", bytes(4))),
    "a header in brackets": lambda: archive(a=with_header(b"(" * 9_000 + b"\n", bytes(4))),
    "a header with an odd escape": lambda: archive(a=with_header(b"{'descr': '\\d'}\n", bytes(4))),
    "a header of an older Python": lambda: archive(a=with_header(described("(1L,)"), bytes(4))),
    "a header with more in it": lambda: archive(a=with_header(described("(1,)").replace(b", }", b", 'x': 1, }"), bytes(4))),
    "a header of 10 MB": lambda: archive(a=with_header(described("(1,)" + " " * 10_000_000), bytes(4), b"\x02\x00")),
    "a header longer than the file": lambda: archive(a=b"\x93NUMPY\x01\x00\xff\xff" + described("(1,)")),
    "an order that is none": lambda: archive(a=with_header(described("(1,)", order="None"), bytes(4))),
    "a version that is none": lambda: archive(a=with_header(described("(1,)"), bytes(4), b"\x09\x00")),
    "another magic": lambda: archive(a=GOOD.replace(b"NUMPY", b"NUMPX")),
    "the other half of a character": lambda: archive(a=with_header(described("(1,)", "'<U1'"), b"\x00\xdc\x00\x00")),
    "words beyond Unicode": lambda: archive(a=with_header(described("(1,)", "'<U1'"), b"\x00\x00\x11\x00")),
    "half a character": lambda: archive(a=with_header(described("(1,)", "'<U1'"), b"\x00\xd8\x00\x00")),
    "half a character, the other way round": lambda: archive(a=with_header(described("(1,)", "'>U1'"), b"\x00\x00\xd8\x00")),
}  # fmt: skip


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_hostile_archive_is_refused_with_little_time_and_memory(case):
    packed = ARCHIVES[case]()
    began = time.perf_counter()
    peak = peak_of(lambda: wire.read_arrays(packed))
    assert time.perf_counter() - began < 3, "on a busy machine"
    assert peak < 4 * len(packed) + 2**20
    with pytest.raises(wire.WireError):
        receive_bytes(message(b"{}", packed))


@pytest.mark.parametrize(
    "name", ["../../../tmp/evil", "/etc/passwd", "a/../b", "C:\\x", "größe", "", " ", "__class__", "a" * 5_000]
)
def test_an_arrays_name_is_never_used_as_a_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = wire.read_arrays(archive(**{name: GOOD}))
    assert [each.tolist() for each in arrays.values()] == [[0, 1, 2, 3]]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("offset, size", [(24, len(GOOD) + 10), (20, 10**9)])
def test_a_harmless_lie_about_size_gives_the_array_or_an_error(offset, size):
    """Which of the two depends on the Python: some refuse members that would overlap."""
    try:
        found = wire.read_arrays(with_size(offset, size))
    except wire.WireError:
        return
    assert found["a"].tolist() == [0, 1, 2, 3]


def test_nothing_is_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "evil"), "w")

    with pytest.raises(wire.WireError):
        wire.read_arrays(archive(a=npy(np.array([Evil()], dtype=object))))
    assert not list(tmp_path.iterdir())


def test_a_truncated_archive_is_refused():
    whole = npz(a=np.arange(3, dtype=np.float32), b=np.array(["x"]))
    for length in range(len(whole)):
        with pytest.raises(wire.WireError):
            wire.read_arrays(whole[:length])


def test_mutated_messages_give_plain_data_or_known_errors():
    draw = random.Random(4)
    good = message(json.dumps({"a": [1.5, "x"], "b": None}).encode(), npz(a=np.arange(6.0).reshape(2, 3), b=np.array("größe")))
    outcomes = {"fine": 0, "refused": 0}
    for _ in range(600):
        changed = bytearray(good)
        for _ in range(draw.choice((1, 1, 2, 8))):
            at = draw.randrange(len(changed))
            match draw.randrange(4):
                case 0:
                    changed[at] = draw.randrange(256)
                case 1:
                    changed[at] ^= 1 << draw.randrange(8)
                case 2:
                    del changed[at : at + draw.randrange(1, 20)]
                case 3:
                    changed[at:at] = changed[draw.randrange(len(changed)) :][: draw.randrange(1, 60)]
        try:
            plain, arrays = receive_bytes(bytes(changed))
            assert all(type(each) is np.ndarray and each.dtype.kind in "fiubU" for each in arrays.values())
            json.dumps(plain)
            outcomes["fine"] += 1
        except SAFE:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10, outcomes


def test_mutated_headers_give_an_array_of_the_same_size_or_an_error():
    draw = random.Random(5)
    letters = b"'(){}[],:-0123456789 <>|fiubUOVTrueFals\n\\x\0"
    for _ in range(2_000):
        changed = bytearray(GOOD)
        for _ in range(draw.choice((1, 2, 4))):
            changed[draw.randrange(6, 80)] = draw.choice(letters)
        try:
            arrays = wire.read_arrays(archive(a=bytes(changed)))
            assert sum(each.nbytes for each in arrays.values()) == 16
        except wire.WireError:
            pass


def test_the_header_that_numpy_writes_is_accepted():
    written = npy(np.zeros((2, 3), np.float32))
    assert re.match(rb"\x93NUMPY\x01\x00", written) and wire.HEADER.fullmatch(written[10 : 10 + written[8]])
