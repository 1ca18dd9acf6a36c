"""Start a JupyterHub on this machine that hands a course out and collects it: `make hub`, or `make hub COURSE=my-course`.

    start.py [COURSE] [--folder DIR] [--port NUMBER]

COURSE is a folder with course.toml; without it, a new one is made. The released course is put into a git repository in DIR, from which
nbgitpuller fetches it. Everything listens on 127.0.0.1 only. Ctrl-C ends all of it.
"""

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import psutil

from stylelab.base.course import choose_course, find_lessons, read_course
from stylelab.errors import InputError, StylelabError
from stylelab.tools.classroom.handout.release import release
from stylelab.tools.course.build import build_course
from stylelab.tools.course.new import new

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent  # of .venv-hub: node, which runs the proxy, is there too
BRANCH, TARGET = "main", "lessons"  # what students get it as
PATIENCE = 60  # seconds until the hub answers, and for its end
TELL = """
JupyterHub is at   {address}
log in with any name, such as ada, and the password {password}
students' link     {link}
they hand in to    {folder}/hand-in
then grade with    stylelab grade {folder}/hand-in -o {folder}/marks --course {course}
Everybody's notebooks run as you, on this machine only. Ctrl-C ends it.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("course", nargs="?", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("build/hub"))
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    course = (arguments.course or folder / "course").absolute()
    for name in ("users", "hand-in"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "hand-in").chmod(0o3733)  # everybody may put something in; only the owner's group can list and read it
    lesson = publish(course, folder, is_new=arguments.course is None)

    address, password = f"http://127.0.0.1:{arguments.port}", secrets.token_hex(8)
    query = {
        "repo": f"file://{folder}/course.git",
        "branch": BRANCH,
        "targetpath": TARGET,
        "urlpath": f"lab/tree/{TARGET}/{lesson}",
    }
    link = f"{address}/hub/user-redirect/git-pull?{urlencode(query)}"
    tell = TELL.format(address=address, password=password, link=link, folder=folder, course=course)
    return serve(folder, arguments.port, password, tell)


def publish(course: Path, folder: Path, *, is_new: bool) -> str:
    """Build and release a course, commit what students get, and return the name of its first notebook."""
    if is_new and not course.exists():
        print(new(course, "My course").splitlines()[0])
    chosen = read_course(course)
    build_course(chosen, run=False)  # what is handed out has no outputs
    with choose_course(chosen):
        print(release(folder / "handout"))
        first = find_lessons()[0].name
    repository = folder / "course.git"

    def git(*arguments: str) -> str:
        names = ["-c", "user.name=The course", "-c", "user.email=course@localhost", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *names, *arguments], cwd=folder / "handout", capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"git {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository))
    git("init", "--quiet", f"--initial-branch={BRANCH}")
    git("add", "--all", "--", ":!*.zip", ":!.stylelab-release.json")
    if git("status", "--porcelain", "--untracked-files=no"):
        git("commit", "--quiet", "--message", "The course")
    git("push", "--quiet", str(repository), BRANCH)
    return first


def serve(folder: Path, port: int, password: str, tell: str) -> int:
    """Run JupyterHub until a signal comes, or it ends by itself; nothing of it is left then."""
    hub, api = free_port(), free_port()
    command = [
        sys.executable, "-m", "jupyterhub", f"--config={HERE / 'jupyterhub_config.py'}", f"--JupyterHub.hub_port={hub}",
        f"--JupyterHub.bind_url=http://127.0.0.1:{port}", f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{api}",
    ]  # fmt: skip
    environment = os.environ | {
        "STYLELAB_HUB": str(folder),
        "STYLELAB_HUB_PASSWORD": password,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    # in a session of its own, so that Ctrl-C reaches only this script
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    try:
        for each in (hub, port):  # the hub itself, and then behind its proxy
            wait_for(f"http://127.0.0.1:{each}/hub/health", process)
        print(tell, flush=True)
        return process.wait()
    finally:
        end(process)


def wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except OSError:
            time.sleep(0.2)
    raise InputError("JupyterHub did not start: read what it says above; is the port free? Name another with --port")


def end(process: subprocess.Popen) -> None:
    """Let JupyterHub end the students' servers and its proxy, and end what it leaves behind: it does, if it is still starting."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    family = []
    with suppress(psutil.Error):
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]
    if process.poll() is None:
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    for ending in (psutil.Process.terminate, psutil.Process.kill):
        for each in family:
            with suppress(psutil.Error):  # gone already; psutil knows if another process has the number now
                ending(each)
        family = psutil.wait_procs(family, timeout=10)[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StylelabError as error:
        sys.exit(f"stylelab hub: {error}")
