"""Every contender in a process of its own, and one who says whose turn it is."""

import json
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from stylelab.base import processes
from stylelab.base.processes import python_of
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.tools.bench.plan import Contender

PATIENCE = 900.0  # seconds that one answer may take
STATUS = {1: InputError, 2: MachineError}


class Lost(StylelabError):
    """A contender that cannot go on: one line of the report, and the others do."""

    exit_status = 2


class Player:
    """A contender's process, seen from the conductor. `order` sends a line and waits for the answer."""

    def __init__(self, contender: Contender, settings: dict):
        self.contender, self.last = contender, {}
        self.errors = tempfile.TemporaryFile()
        given = {"kind": contender.kind, "backend": contender.backend, **settings, **contender.options}
        command = processes.module_command("stylelab.tools.bench.contender", json.dumps(given))
        command[0] = python_of(contender.backend)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=processes.module_environment(TF_CPP_MIN_LOG_LEVEL="3"),
        )  # fmt: skip
        self.buffer = b""

    def order(self, **order) -> dict:
        """Raises Lost if the process is dead or answers nothing."""
        try:
            self.process.stdin.write((json.dumps(order) + "\n").encode())
            self.process.stdin.flush()
        except OSError:
            raise self._lost() from None
        told = self.answer()
        self.last |= told
        return told

    def answer(self, patience: float = PATIENCE) -> dict:
        """The next line that the process sends."""
        deadline = time.monotonic() + patience
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.end()
                    raise Lost(f"no answer in {patience:.0f} s")
                if not (more := self.process.stdout.read1(65536)):
                    raise self._lost()
                self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def _lost(self) -> StylelabError:
        """Why the process is dead: its last words, and whether the user, the machine or it is at fault."""
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            status = None
        self.errors.seek(0)
        words = [line.strip() for line in self.errors.read().decode(errors="replace").splitlines() if line.strip()]
        self.end()
        if status == -9:
            words.append("killed by the system: too little memory")
        return STATUS.get(status, Lost)(words[-1] if words else f"ended with status {status}")

    def end(self) -> None:
        """Let the process go, with force if it does not."""
        try:
            self.process.stdin.close()
            self.process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@contextmanager
def stage(entries: Iterable[tuple[Contender, dict]], lost: dict[str, StylelabError]) -> Iterator[list[Player]]:
    """Start all of them, wait until each has imported its framework, and end them all afterwards, whatever happens.

    Args:
        entries: contenders with their settings.
        lost: name -> the error; who could not start is put in here and is not among the players.
    """
    started, players = [], []
    try:
        for contender, settings in entries:
            try:
                started.append(Player(contender, settings))
            except StylelabError as error:
                lost[contender.name] = error
        for player in started:
            with excused(player, players, lost):
                players.append(player)
                player.about = player.answer()["loaded"]
        yield players
    finally:
        for player in started:
            player.end()


@contextmanager
def excused(player: Player, players: list[Player], lost: dict[str, StylelabError]) -> Iterator[None]:
    """Who fails leaves the stage; why is kept."""
    try:
        yield
    except StylelabError as error:
        lost[player.contender.name] = error
        players.remove(player)
