# SPDX-License-Identifier: GPL-2.0-or-later
"""A varlink client of a few lines, so that the daemon is also spoken to by code that shares nothing with it."""
import array
import json
import os
import socket


class VarlinkError(Exception):
    def __init__(self, reply):
        self.name = reply["error"]
        self.parameters = reply.get("parameters") or {}
        super().__init__(f"{self.name}: {self.parameters}")


class Varlink:
    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.buffer = b""
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.fds = []
        self.socket.close()

    def send(self, method, parameters=None, fds=(), **flags):
        message = {"method": method, **flags}
        if parameters is not None:
            message["parameters"] = parameters
        data = json.dumps(message).encode() + b"\0"
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendall(data[self.socket.sendmsg([data], extra):])

    def receive(self):
        """The next message, or None at the end. Descriptors that came with it are in self.fds."""
        while b"\0" not in self.buffer:
            data, extra, _, _ = self.socket.recvmsg(1 << 16, socket.CMSG_SPACE(16 * 4))
            for level, kind, value in extra:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    got = array.array("i")
                    got.frombytes(value[: len(value) - len(value) % got.itemsize])
                    self.fds += got
            if not data:
                return None
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def replies(self, method, parameters=None, fds=()):
        """Parameters of each reply to a call with `more`; raises VarlinkError."""
        self.send(method, parameters, fds, more=True)
        while True:
            reply = self.receive()
            if reply is None:
                raise ConnectionError(f"{method}: closed without an answer")
            if "error" in reply:
                raise VarlinkError(reply)
            yield reply.get("parameters") or {}
            if not reply.get("continues"):
                return

    def call(self, method, fds=(), **parameters):
        self.send(method, parameters or None, fds)
        reply = self.receive()
        if reply is None:
            raise ConnectionError(f"{method}: closed without an answer")
        if "error" in reply:
            raise VarlinkError(reply)
        return reply.get("parameters") or {}
