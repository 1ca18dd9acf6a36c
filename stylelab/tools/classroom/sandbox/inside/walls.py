"""The walls between one submission and the next, inside the sandbox that bubblewrap has built around all of them.

A child of the warm process gets namespaces of its own (users, processes, mounts, System V), empty folders to write to,
no capability, few system calls, and limits. When its first process ends, the kernel ends all that it has started.
Linux only: `libc` is called directly, since Python has no words for most of this.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
from contextlib import suppress

LIBC = ctypes.CDLL(None, use_errno=True)
NEW = 0x00020000 | 0x08000000 | 0x04000000 | 0x10000000 | 0x20000000  # CLONE_NEWNS, IPC, UTS, USER, PID
NOSUID_NODEV = 2 | 4
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22
TOO_MANY, TOO_MUCH = 97, 98  # exit status of the watchman: processes, memory
LOOK_EVERY = 0.05  # seconds between two looks at what an answer uses
BUSY, LOOKS = 6, 4  # processes and threads that may compute at once; looks that may find more of them
WRITABLE = ("/scratch", "/dev/shm")
EACH = "size=256m,mode=1777,nr_inodes=10000"  # of each writable folder


def _call(name: str, *arguments) -> None:
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def hide() -> None:
    """Keep this process's memory and environment from others of the same user."""
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def become(user: int) -> None:
    """Give up root for good, after a look at processes that is whole, which an unprivileged mount of /proc later asks for."""
    _call("mount", b"proc", b"/proc", b"proc", NOSUID_NODEV | 8, None)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def separate() -> None:
    """Namespaces of this process's own; the next child is the first process of its process namespace."""
    user, group = os.getuid(), os.getgid()
    _call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self belongs to root, and cannot be written to
    _call("unshare", NEW)
    for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{file}", "w") as stream:
            stream.write(text)
    hide()


def furnish() -> None:
    """Empty folders in memory, and a /proc that shows nobody else. No further namespaces, no capabilities."""
    _call("mount", b"proc", b"/proc", b"proc", NOSUID_NODEV | 8, None)
    for folder in WRITABLE:
        _call("mount", b"tmpfs", folder.encode(), b"tmpfs", NOSUID_NODEV, EACH.encode())
    os.chdir(WRITABLE[0])
    for name in os.listdir("/proc/sys/user"):
        if name.endswith("_namespaces") or "notify" in name:  # watches on files are the kernel's memory
            with open(f"/proc/sys/user/{name}", "w") as stream:
                stream.write("0")
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # those that this kernel does not know are refused
    head, none = struct.pack("<Ii", 0x20080522, 0), bytes(24)
    _call("capset", ctypes.create_string_buffer(head), ctypes.create_string_buffer(none))


def limit(memory: int, processes: int | None) -> None:
    """What one process may use: bytes beyond what it has now; processes and threads of its user, where that is its own."""
    most = {
        "AS": _mapped() + memory, "CORE": 0, "FSIZE": 256 * 2**20, "NOFILE": 128, "MEMLOCK": 2**20, "MSGQUEUE": 0, "SIGPENDING": 1000,
    } | ({} if processes is None else {"NPROC": processes})  # fmt: skip
    for name, value in most.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def _mapped() -> int:
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[0]) * resource.getpagesize()


def watch(child: int, memory: int, processes: int) -> int:
    """Wait for the child while all processes together stay within the limits; returns an exit status.

    The caller is the first process of its namespace, with SIGCHLD blocked: when it leaves, all others are killed. An
    answer with many busy processes would take the processor from others' answers, whose time runs too.
    """
    busy = 0
    while True:
        signal.sigtimedwait({signal.SIGCHLD}, LOOK_EVERY)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:  # orphans come to this process too
                if ended[0] == child:
                    return os.waitstatus_to_exitcode(ended[1]) & 0x7F
        others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) > 1]
        if len(others) > processes:
            return TOO_MANY
        if sum(map(_own_bytes, others)) > memory:
            return TOO_MUCH
        busy = max(0, busy + (1 if sum(map(_computing, others)) > BUSY else -1))
        if busy > LOOKS:
            return TOO_MANY


def _own_bytes(process: str) -> int:
    """Memory that a process does not share with files; 0 for one that has just ended."""
    try:
        with open(f"/proc/{process}/statm") as stream:
            _, resident, shared, *_ = map(int, stream.read().split())
        return (resident - shared) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def _threads(process: str) -> list[str]:
    """The folders of a process's threads; none for one that has just ended."""
    with suppress(OSError):
        return [f"/proc/{process}/task/{thread}" for thread in os.listdir(f"/proc/{process}/task")]
    return []


def _computing(process: str) -> int:
    """How many threads of a process use a processor, or wait for one."""
    count = 0
    for thread in _threads(process):
        with suppress(OSError, IndexError), open(f"{thread}/stat", "rb") as stream:
            count += stream.read().rpartition(b")")[2].split()[0] == b"R"
    return count


def die_with_parent() -> None:
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


# System calls that no answer needs: other processes' memory, mounts, namespaces, keys that outlive a process, tracing, and
# memory that is in no process: files without a name, System V's segments, semaphores and queues
REFUSED = {  # name -> number on (x86_64, aarch64)
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432), "mount_setattr": (442, 442), "unshare": (272, 97),
    "setns": (308, 268), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "pidfd_getfd": (438, 438),
    "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "syslog": (103, 116),
    "acct": (163, 89), "swapon": (167, 224), "reboot": (169, 142), "quotactl": (179, 60), "personality": (135, 92),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186),
    "fsconfig": (431, 431), "fspick": (433, 433),
}  # fmt: skip
FAMILIES = (1,)  # of sockets: UNIX. AF_VSOCK leads to a host, past the empty network, and TCP's memory is one for the machine
SOCKETS, MMAP = ((41, 198), (53, 199)), (9, 222)
SHARED, ANONYMOUS = 0x01, 0x20  # memory that processes share, and that no limit of one process counts
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST, FOURTH = 0, 4, 16, 40  # where these stand: of the arguments, the lower half
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000


def _if(number: int, lines: list[tuple]) -> list[tuple]:
    """Filter lines for one system call; what they say nothing of is allowed."""
    return [(EQUAL, 0, len(lines) + 1, number), *lines, (RETURN, 0, 0, ALLOW)]


def _allowed(values: tuple[int, ...]) -> list[tuple]:
    return [line for value in values for line in ((EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW))]


def silence() -> bool:
    """Refuse the system calls of REFUSED from here on; returns whether this processor's numbers are known."""
    known = ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    column, architecture = known
    lines = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    lines += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, REFUSE)]  # another calling convention with numbers of its own
    for number in sorted({each[column] for each in REFUSED.values()}):
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    for number in (each[column] for each in SOCKETS):
        lines += _if(number, [(LOAD, 0, 0, FIRST), *_allowed(FAMILIES), (RETURN, 0, 0, REFUSE)])
    lines += _if(
        MMAP[column], [(LOAD, 0, 0, FOURTH), (ANY_BIT, 0, 2, SHARED), (ANY_BIT, 0, 1, ANONYMOUS), (RETURN, 0, 0, REFUSE)]
    )
    lines += [(RETURN, 0, 0, ALLOW)]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(lines), ctypes.addressof(filters)))
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_SET_SECCOMP, 2, program, 0, 0)
    return True
