"""Isolate one submission from the next, inside the sandbox that bubblewrap has built around all of them.

A child of the warm process gets namespaces of its own (users, processes, mounts, System V), empty writable folders, no
capabilities, few system calls, and limits. When its first process ends, the kernel ends everything that it has started.
Linux only: `libc` is called directly, because Python offers little of this.
"""

import ctypes
import errno
import math
import os
import platform
import random
import resource
import signal
import struct
import time
from contextlib import suppress

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x04000000 | 0x10000000 | 0x20000000  # CLONE_NEWNS, IPC, UTS, USER, PID
NOSUID_NODEV, NOEXEC, READ_ONLY, REMOUNT = 2 | 4, 8, 1, 0x20 | 0x1000  # the last with MS_BIND: of this mount only
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22
WRITABLE = ("/scratch", "/dev/shm")
FOLDER_LIMITS = "size=256m,mode=1777,nr_inodes=10000"  # for each writable folder


def _call(name: str, *arguments) -> None:
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def hide_memory() -> None:
    """Hide this process's memory and environment from other processes of the same user."""
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def switch_user(user: int, *, mounts_proc: bool) -> None:
    """Give up root for good. Mounts a complete /proc first, if an unprivileged process is to mount one later."""
    if mounts_proc:
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
    _call("mount", None, b"/proc", None, REMOUNT | READ_ONLY | NOSUID_NODEV | NOEXEC, None)  # priorities can be set there
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for those that this kernel does not know
    header, no_capabilities = struct.pack("<Ii", 0x20080522, 0), bytes(24)
    _call("capset", ctypes.create_string_buffer(header), ctypes.create_string_buffer(no_capabilities))


def set_limits(memory: int, threads: int | None, seconds: float) -> None:
    """Limit this process.

    Args:
        memory: bytes on top of what is mapped now, and on top of what it may write to now.
        threads: threads of this user; None if the user has processes that do not belong to the answer.
        seconds: processor time after which its end is certain; the grader ends it earlier, with a reason.
    """
    with open("/proc/self/statm") as stream:
        mapped, _, _, _, _, writable, _ = (int(pages) * resource.getpagesize() for pages in stream.read().split())
    limits = {
        "AS": mapped + memory, "DATA": writable + memory, "CPU": 2 * math.ceil(seconds) + 1, "CORE": 0, "FSIZE": 256 * 2**20,
        "NOFILE": 128, "MEMLOCK": 2**20, "MSGQUEUE": 0, "SIGPENDING": 1000,
    } | ({} if threads is None else {"NPROC": threads})  # fmt: skip
    for name, value in limits.items():
        most = value + (name == "CPU")  # the signal of the first limit says what it is for, that of the second does not
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, most))


class Usage:
    """What an answer's processes have used so far, in seconds, seen from outside: nothing that they do can change it.

    Attributes:
        computed: processor time of all threads.
        active: time in which at least one thread computed, or waited for a processor or a disk.
        asleep: the rest of the time since the start.
    """

    def __init__(self, process: int | None):
        """`process` is the answer's; None for all in this namespace except the first and the caller."""
        self.computed = self.active = self.asleep = 0.0
        self._process = process
        self._last = time.monotonic()

    def pause(self) -> float:
        """Seconds until the next sample: random, by a generator that an answer cannot know, so that it cannot sleep in between."""
        return random.SystemRandom().uniform(0.02, 0.08)

    def sample(self) -> None:
        """Look at all threads, and count the time since the last look according to what they do now."""
        own = {"1", str(os.getpid())}
        found = (
            [str(self._process)]
            if self._process
            else [name for name in os.listdir("/proc") if name.isdigit() and name not in own]
        )
        used = [_state(f"/proc/{process}/stat") for process in found]
        self.computed = max(self.computed, sum(seconds for _, seconds in used))
        is_active = any(_is_active(process) for process in found)
        now = time.monotonic()
        elapsed, self._last = now - self._last, now
        if is_active:
            self.active += elapsed
        else:
            self.asleep += elapsed


def _state(file: str) -> tuple[bytes, float]:
    """State and processor time of a process or thread from its `stat`; no state if it has just ended."""
    try:
        with open(file, "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
        return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return b"", 0.0


def _is_active(process: str) -> bool:
    with suppress(OSError):
        return any(
            _state(f"/proc/{process}/task/{thread}/stat")[0] in (b"R", b"D") for thread in os.listdir(f"/proc/{process}/task")
        )
    return False


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends."""
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


# System calls that no answer needs; an answer is one process with threads. Name -> number on (x86_64, aarch64; None: not there)
REFUSED = {
    # processes, and what they may do to each other
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117), "kcmp": (312, 272),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "tkill": (200, 130), "perf_event_open": (298, 241),
    # priorities
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274), "ioprio_set": (251, 30),
    # mounts, namespaces, the system
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "syslog": (103, 116), "acct": (163, 89), "swapon": (167, 224),
    "reboot": (169, 142), "quotactl": (179, 60), "quotactl_fd": (443, 443), "personality": (135, 92), "sync": (162, 81),
    "syncfs": (306, 267),
    # sockets, except for pairs of them; file descriptors inside messages
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200), "listen": (50, 201),
    "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # memory that no process's limit counts: keys, anonymous files, queues, pages in pipes, watches, rules, attributes of files
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_setup": (206, 0),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180), "vmsplice": (278, 75), "splice": (275, 76), "tee": (276, 77), "inotify_init": (253, None),
    "inotify_init1": (294, 26), "fanotify_init": (300, 262), "seccomp": (317, 277), "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "modify_ldt": (154, None),
    # another way to open files, past the filter of `openat`
    "openat2": (437, 437),
}  # fmt: skip
# done without doing anything: for the folders in memory there is nothing to do, and on a disk it keeps everybody waiting
IDLE = {
    "fsync": (74, 82), "fdatasync": (75, 83), "sync_file_range": (277, 84), "msync": (26, 227), "fadvise64": (221, 223),
}  # fmt: skip
ONLY = {  # (number, which argument, its allowed values); OWN is this process's id
    "socketpair": ((53, 199), 0, (1,)),  # UNIX: asyncio needs it
    "prctl": ((157, 167), 0, (15, 16, 0x53564D41)),  # names of threads and of memory
    "kill": ((62, 129), 0, (OWN := -1,)),
    "tgkill": ((234, 131), 0, (OWN,)),
    "rt_sigqueueinfo": ((129, 138), 0, (OWN,)),
    "rt_tgsigqueueinfo": ((297, 240), 0, (OWN,)),
    "prlimit64": ((302, 261), 0, (0, OWN)),
}
FCNTL = (72, 25)
NEVER = {  # (number, which argument, its refused values)
    "fcntl": (FCNTL, 1, (8, 15, 1031)),  # signals to others through a file; larger pipes
    "ioctl": ((16, 29), 1, (0x8901, 0x8902)),  # signals to others
}
CLONE, CLONE3, MMAP = (56, 220), 435, (9, 222)
OPEN, OPENAT, SET_FLAGS = (2, None), (257, 56), 4
DIRECT = (0x4000, 0x10000)  # reads from the disk itself: an answer that waits for a disk uses none of its time
CLONE_THREAD = 0x00010000
SHARED, ANONYMOUS, HUGE = 0x01, 0x20, 0x40000  # memory that is shared, or of the machine's reserve, is counted by no limit
FIRST_UNKNOWN = 463  # later system calls are answered as by a kernel that does not have them
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
# instructions of the filter (classic BPF), offsets of what they load (of arguments, the lower half), and results
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
ALLOW, DONE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
REFUSE, MISSING = DONE | errno.EPERM, DONE | errno.ENOSYS


def refuse_system_calls() -> bool:
    """Refuse the system calls above from now on; returns whether their numbers are known for this processor."""
    known = ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    column, architecture = known
    program = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    program += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, REFUSE)]  # another calling convention with numbers of its own
    program += [(AT_LEAST, 0, 1, FIRST_UNKNOWN), (RETURN, 0, 0, MISSING)]
    program += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, MISSING)]  # its flags are out of reach: the C library then calls clone
    for number in sorted({number for numbers in REFUSED.values() if (number := numbers[column]) is not None}):
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    for numbers in IDLE.values():
        program += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, DONE)]
    refuse = (RETURN, 0, 0, REFUSE)
    direct = [(ANY_BIT, 0, 1, DIRECT[column]), refuse]
    for number, flags in ((OPEN[column], 1), (OPENAT[column], 2)):
        program += [] if number is None else _for_call(number, flags, direct)
    for calls, found, otherwise in ((ONLY, ALLOW, [refuse]), (NEVER, REFUSE, [])):
        for numbers, argument, values in calls.values():
            tests = [
                line
                for value in values
                for line in ((EQUAL, 0, 1, os.getpid() if value == OWN else value), (RETURN, 0, 0, found))
            ]
            if numbers == FCNTL:
                tests += [(EQUAL, 0, 3, SET_FLAGS), (LOAD, 0, 0, ARGUMENTS + 16), *direct]
            program += _for_call(numbers[column], argument, [*tests, *otherwise])
    program += _for_call(CLONE[column], 0, [(ANY_BIT, 1, 0, CLONE_THREAD), refuse])
    shared_and_anonymous = [(ANY_BIT, 0, 2, SHARED), (ANY_BIT, 0, 1, ANONYMOUS), refuse]
    program += _for_call(MMAP[column], 3, [(ANY_BIT, 0, 1, HUGE), refuse, *shared_and_anonymous])
    program += [(RETURN, 0, 0, ALLOW)]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in program))
    header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(instructions)))
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_SET_SECCOMP, 2, header, 0, 0)
    return True


def _for_call(number: int, argument: int, program: list[tuple]) -> list[tuple]:
    """Run these filter instructions on (the lower half of) an argument of one system call; allow it if they reach their end."""
    return [(EQUAL, 0, len(program) + 2, number), (LOAD, 0, 0, ARGUMENTS + 8 * argument), *program, (RETURN, 0, 0, ALLOW)]
