# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for events of the kernel, never for time: the end of a process, changes in a folder."""
import ctypes
import os
import select
import struct
import time

libc = ctypes.CDLL(None, use_errno=True)

IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_DELETE, IN_NONBLOCK = 0x2, 0x8, 0x80, 0x100, 0x200, 0o4000


def pid_gone(pid, timeout=30):
    """True once the process has ended (a zombie has), False after the time."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], timeout)[0])
    finally:
        os.close(fd)


class FolderWatch:
    """Names in folders as files come, change and go. Folders that come later are added by add()."""

    def __init__(self, *folders):
        self.fd = libc.inotify_init1(IN_NONBLOCK | os.O_CLOEXEC)
        self.folders = {}
        for folder in folders:
            self.add(folder)

    def add(self, folder):
        mask = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE
        wd = libc.inotify_add_watch(self.fd, os.fsencode(str(folder)), mask)
        if wd < 0:
            raise OSError(ctypes.get_errno(), f"watch '{folder}'")
        self.folders[wd] = str(folder)

    def events(self, timeout):
        """[(mask, path)] of what has happened, after waiting for the first of them; empty after the time."""
        if not select.select([self.fd], [], [], max(0, timeout))[0]:
            return []
        data, found = os.read(self.fd, 1 << 16), []
        while data:
            wd, mask, _, length = struct.unpack_from("iIII", data)
            name = data[16:16 + length].rstrip(b"\0").decode(errors="replace")
            found.append((mask, os.path.join(self.folders.get(wd, ""), name)))
            data = data[16 + length:]
        return found

    def until(self, check, timeout=60):
        """Looks again after each change until check() is true. What it returned, or the last false value after the time."""
        deadline = time.monotonic() + timeout
        while True:
            value = check()
            if value or time.monotonic() >= deadline:
                return value
            self.events(deadline - time.monotonic())

    def close(self):
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
