"""Isolate one submission from the next, inside the sandbox that bubblewrap has built around all of them.

A child of the warm process gets namespaces of its own (users, processes, mounts, System V), empty writable folders, no
capabilities, few system calls, and limits. When its first process ends, the kernel ends everything that it has started.
Linux only: `libc` is called directly, because Python offers little of this.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
from contextlib import suppress

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x04000000 | 0x10000000 | 0x20000000  # CLONE_NEWNS, IPC, UTS, USER, PID
NOSUID_NODEV = 2 | 4
NOEXEC = 8
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22
TOO_MANY_PROCESSES, TOO_MUCH_MEMORY = 97, 98  # exit status of `watch`
POLL_SECONDS = 0.05
BUSY_THREADS, BUSY_POLLS = 6, 4  # threads that may compute at once; polls in a row that may find more
WRITABLE = ("/scratch", "/dev/shm")
FOLDER_LIMITS = "size=256m,mode=1777,nr_inodes=10000"  # for each writable folder


def _call(name: str, *arguments) -> None:
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def hide_memory() -> None:
    """Hide this process's memory and environment from other processes of the same user."""
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def switch_user(user: int) -> None:
    """Give up root for good. Mounts a complete /proc first, without which an unprivileged process may not mount one later."""
    _call("mount", b"proc", b"/proc", b"proc", NOSUID_NODEV | NOEXEC, None)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def enter_namespaces() -> None:
    """Enter new namespaces; the next child is the first process of its process namespace."""
    user, group = os.getuid(), os.getgid()
    _call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # otherwise /proc/self belongs to root and cannot be written
    _call("unshare", NEW_NAMESPACES)
    for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{file}", "w") as stream:
            stream.write(text)
    hide_memory()


def set_up_namespace() -> None:
    """Mount empty folders in memory and a /proc of this namespace only; forbid further namespaces and all capabilities."""
    _call("mount", b"proc", b"/proc", b"proc", NOSUID_NODEV | NOEXEC, None)
    for folder in WRITABLE:
        _call("mount", b"tmpfs", folder.encode(), b"tmpfs", NOSUID_NODEV, FOLDER_LIMITS.encode())
    os.chdir(WRITABLE[0])
    for name in os.listdir("/proc/sys/user"):
        if name.endswith("_namespaces") or "notify" in name:  # watches on files take the kernel's memory
            with open(f"/proc/sys/user/{name}", "w") as stream:
                stream.write("0")
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for those that this kernel does not know
    header, no_capabilities = struct.pack("<Ii", 0x20080522, 0), bytes(24)
    _call("capset", ctypes.create_string_buffer(header), ctypes.create_string_buffer(no_capabilities))


def set_limits(memory: int, processes: int | None) -> None:
    """Limit each process.

    Args:
        memory: bytes on top of what is mapped now.
        processes: processes and threads of this user; None if the user has others that do not belong to the answer.
    """
    with open("/proc/self/statm") as stream:
        mapped = int(stream.read().split()[0]) * resource.getpagesize()
    limits = {
        "AS": mapped + memory, "CORE": 0, "FSIZE": 256 * 2**20, "NOFILE": 128, "MEMLOCK": 2**20, "MSGQUEUE": 0, "SIGPENDING": 1000,
    } | ({} if processes is None else {"NPROC": processes})  # fmt: skip
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def watch(child: int, memory: int, processes: int) -> int:
    """Wait for the child while all processes together stay within the limits; returns an exit status.

    The caller is the first process of its namespace, with SIGCHLD blocked: when it exits, all others are killed. An answer
    with many busy processes would take the processor from other answers, whose time runs too.
    """
    busy = 0
    while True:
        signal.sigtimedwait({signal.SIGCHLD}, POLL_SECONDS)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:  # orphans become children of this process
                if ended[0] == child:
                    return os.waitstatus_to_exitcode(ended[1]) & 0x7F
        others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) > 1]
        if len(others) > processes:
            return TOO_MANY_PROCESSES
        if sum(map(_own_memory, others)) > memory:
            return TOO_MUCH_MEMORY
        busy = max(0, busy + (1 if sum(map(_running_threads, others)) > BUSY_THREADS else -1))
        if busy > BUSY_POLLS:
            return TOO_MANY_PROCESSES


def _own_memory(process: str) -> int:
    """Bytes of memory that are not shared with files; 0 for a process that has just ended."""
    try:
        with open(f"/proc/{process}/statm") as stream:
            _, resident, shared, *_ = map(int, stream.read().split())
        return (resident - shared) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def _running_threads(process: str) -> int:
    """The number of threads that use a processor or wait for one; 0 for a process that has just ended."""
    count = 0
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with suppress(OSError, IndexError), open(f"/proc/{process}/task/{thread}/stat", "rb") as stream:
                count += stream.read().rpartition(b")")[2].split()[0] == b"R"
    return count


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends."""
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


# System calls that no answer needs: other processes' memory, mounts, namespaces, keys that outlive a process, tracing, and
# memory that no process's limit counts: anonymous files, System V segments, semaphores and queues
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
SOCKET_FAMILIES = (1,)  # UNIX only. AF_VSOCK would reach the host past the empty network; TCP's memory is shared by the machine
SOCKETS, MMAP = ((41, 198), (53, 199)), (9, 222)
SHARED, ANONYMOUS = 0x01, 0x20  # memory that processes share is not counted by any process's limit
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
# instructions of the filter (classic BPF), offsets of what they load (of arguments, the lower half), and results
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, FOURTH_ARGUMENT = 0, 4, 16, 40
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000


def refuse_system_calls() -> bool:
    """Refuse the system calls of REFUSED from now on; returns whether their numbers are known for this processor."""
    known = ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    column, architecture = known
    program = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    program += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, REFUSE)]  # another calling convention with numbers of its own
    for number in sorted({numbers[column] for numbers in REFUSED.values()}):
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    allowed = [line for family in SOCKET_FAMILIES for line in ((EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW))]
    for numbers in SOCKETS:
        program += _for_call(numbers[column], [(LOAD, 0, 0, FIRST_ARGUMENT), *allowed, (RETURN, 0, 0, REFUSE)])
    shared_and_anonymous = [(ANY_BIT, 0, 2, SHARED), (ANY_BIT, 0, 1, ANONYMOUS), (RETURN, 0, 0, REFUSE)]
    program += _for_call(MMAP[column], [(LOAD, 0, 0, FOURTH_ARGUMENT), *shared_and_anonymous])
    program += [(RETURN, 0, 0, ALLOW)]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in program))
    header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(instructions)))
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_SET_SECCOMP, 2, header, 0, 0)
    return True


def _for_call(number: int, program: list[tuple]) -> list[tuple]:
    """Run these filter instructions for one system call, and allow it if they reach their end."""
    return [(EQUAL, 0, len(program) + 1, number), *program, (RETURN, 0, 0, ALLOW)]
