"""Messages between processes arrive as they were sent, and anything else is refused."""

import io
import subprocess
import sys

import pytest

from stylelab.base import messages
from stylelab.base.processes import module_environment

pytestmark = pytest.mark.plain


def test_messages_arrive_as_they_were_sent():
    stream = io.BytesIO()
    sent = [({"say": "größer"}, b"\x00\xff\n{"), ({"say": "done", "rows": [[1, 2.5]]}, b"")]
    for message, data in sent:
        messages.write(stream, message, data)
    stream.seek(0)
    assert [messages.read(stream), messages.read(stream)] == sent
    assert messages.read(stream) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0", b"\xff" * 8, b"[]\n", b"{x\n", b"{}", b'{"a": 1', b"loading ...\n", b"\n", b"[" * 10**5,
        b'{"bytes": 3}\nab', b'{"bytes": -1}\n', b'{"bytes": 1e99}\n', b'{"bytes": true}\nx', b'{"bytes": 999999999999}\n',
    ],
)  # fmt: skip
def test_anything_else_is_refused(data):
    with pytest.raises(messages.BrokenMessage):
        messages.read(io.BytesIO(data))


def test_prints_of_libraries_do_not_mix_with_messages():
    program = (
        "import os\nfrom stylelab.base import messages\nstream = messages.claim_stdout()\n"
        "print('from Python', flush=True)\nos.write(1, b'from C')\nmessages.write(stream, {'say': 'done'}, b'x')\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, env=module_environment(), timeout=60)
    assert messages.read(io.BytesIO(done.stdout)) == ({"say": "done"}, b"x")
    assert done.stderr == b"from Python\nfrom C"
