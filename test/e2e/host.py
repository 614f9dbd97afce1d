# SPDX-License-Identifier: GPL-2.0-or-later
"""One banger in folders of its own: its command line, its daemon and the processes below it."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import leftovers
from varlink_raw import Varlink
from waits import FolderWatch, pid_gone

TIMEOUT = 120
OPERATION = re.compile(r" \(op-[0-9a-f]{6}\)$")


class Result:
    def __init__(self, args, status, out, err, seconds):
        self.args, self.status, self.out, self.seconds = args, status, out, seconds
        self.stdout, self.stderr = out.decode(errors="replace"), err.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.stdout)

    def __repr__(self):
        return f"$ banger {' '.join(map(str, self.args))}\n-> {self.status} in {self.seconds:.1f} s\n{self.stdout[-2000:]}\n-- stderr:\n{self.stderr[-4000:]}"

    def ok(self):
        assert self.status == 0, self
        return self

    def refused(self, says, status=1, hint=True, operation=None, output=""):
        """One clear sentence, a hint, nothing on standard output; with `operation` True the op id, with False none."""
        assert self.status == status, self
        assert self.stdout == output, self
        lines = self.stderr.splitlines()
        sentences = [line for line in lines if line.startswith("banger: ") and not line.startswith("banger: warning: ")]
        assert len(sentences) == 1, self
        sentence = sentences[0][len("banger: "):]
        assert re.search(says, sentence, re.IGNORECASE), f"'{says}' is not said by: {sentence}"
        assert not re.search(r"assert|errno|\.c:\d|0x[0-9a-f]{6}|\(null\)", sentence), sentence
        assert len(sentence) < 600, sentence
        if operation is not None:
            assert bool(OPERATION.search(sentence)) == operation, f"op id {'missing' if operation else 'too early'}: {sentence}"
        hints = [line for line in lines if line.startswith("  hint: ")]
        assert len(hints) == (1 if hint else 0) or hint is None, self
        return self


class Host:
    def __init__(self, binary, root=None, user=None, env=None):
        self.binary = str(binary)
        self.root = pathlib.Path(root or tempfile.mkdtemp(prefix="banger-e2e-", dir="/tmp"))
        self.user, self.image = user, None
        self.state, self.run_dir, self.socket = self.root / "state", self.root / "run", self.root / "run/bangerd.sock"
        (self.root / "home").mkdir(exist_ok=True)
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.root / "home"), "LANG": "C.UTF-8",
                    "TERM": "xterm", "BANGER_ROOT": str(self.root), **(env or {})}
        if user is not None:
            os.chown(self.root, user, user)
            os.chown(self.root / "home", user, user)

    # the command line

    def popen(self, *args, binary=None, **how):
        how.setdefault("stdin", subprocess.DEVNULL)
        how.setdefault("stdout", subprocess.PIPE)
        how.setdefault("stderr", subprocess.PIPE)
        how.setdefault("env", self.env)
        if self.user is not None:
            how.update(user=self.user, group=self.user, extra_groups=[])
        return subprocess.Popen([binary or self.binary, *map(str, args)], cwd="/", **how)

    def run(self, *args, input=None, timeout=TIMEOUT, **how):
        begin = time.monotonic()
        if input is not None:
            how["stdin"] = subprocess.PIPE
        process = self.popen(*args, **how)
        try:
            out, err = process.communicate(input.encode() if isinstance(input, str) else input, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"banger {' '.join(map(str, args))}: no end after {timeout} s\n{out[-1000:]!r}\n{err[-2000:]!r}\n{self.log_tail()}")
        return Result(args, process.returncode, out or b"", err or b"", time.monotonic() - begin)

    def ok(self, *args, **how):
        return self.run(*args, **how).ok()

    def exec(self, vm, *command, **how):
        """Standard output of a command that succeeds."""
        return self.ok("vm", "exec", vm, "--", *command, **how).stdout

    def show(self, vm):
        return self.ok("vm", "show", "--json", vm).json

    def vm_id(self, name):
        """Without a daemon: as the record says."""
        records = (json.loads(path.read_text()) for path in (self.state / "vms").glob("*.json"))
        return next(record["id"] for record in records if record["name"] == name)

    def vms(self):
        return {vm["name"]: vm for vm in self.ok("vm", "list", "--json").json}

    # the daemon

    def varlink(self, **how):
        return Varlink(self.socket, **how)

    def status(self):
        self.ok("vm", "list")
        with self.varlink() as v:
            return v.call("io.banger.DaemonStatus")

    def status_without_start(self):
        with self.varlink() as v:
            return v.call("io.banger.DaemonStatus")

    def wait_job(self, method, timeout=60):
        """Until a job of that method is under way; records change as jobs begin."""
        with FolderWatch(*(self.state / kind for kind in ("vms", "images", "kernels"))) as watch:
            assert watch.until(lambda: [j for j in self.status_without_start()["jobs"] if j["method"].endswith(method)], timeout), f"no {method} begins"

    def wait_no_job(self, timeout=60):
        with FolderWatch(*(self.state / kind for kind in ("vms", "images", "kernels"))) as watch:
            assert watch.until(lambda: not self.status_without_start()["jobs"], timeout), self.status_without_start()["jobs"]

    def workers(self, daemon):
        """Pids of the daemon's worker processes."""
        return [p.pid for p in leftovers.processes() if p.parent == daemon and p.role == "worker"]

    def kill(self, role, sig=signal.SIGKILL):
        """Ends daemon, helper or (one) worker; returns its pid, or None where there is none. Does not start anything."""
        with self.varlink() as v:
            status = v.call("io.banger.DaemonStatus")
        pids = {"daemon": [status["pid"]], "helper": [status.get("helper_pid")], "worker": self.workers(status["pid"])}[role]
        if not pids or not pids[0]:
            return None
        try:
            os.kill(pids[0], sig)
        except ProcessLookupError:
            return None
        assert pid_gone(pids[0]), f"{role} {pids[0]} did not end"
        return pids[0]

    def wait_vm(self, vm, check, timeout=60):
        """The VM's record once check(record) is true; looked at whenever a record changes. None stands for a VM that is gone."""
        def look():
            records = {}
            for path in (self.state / "vms").glob("*.json"):
                try:
                    record = json.loads(path.read_text())
                except FileNotFoundError:
                    continue
                records[record["name"]] = record
            last[:] = [records.get(vm)]
            return check(last[0])
        last = [None]
        with FolderWatch(self.state / "vms") as watch:
            assert watch.until(look, timeout), f"VM '{vm}' after {timeout} s: {last[0]}\n{self.log_tail()}"
        return last[0]

    def wait_state(self, vm, state, timeout=60):
        return self.wait_vm(vm, lambda r: (r and r["state"]) == state, timeout)

    def console(self, vm):
        return self.ok("vm", "logs", "--console", vm).stdout

    def log_tail(self, n=30):
        try:
            return "\n".join((self.state / "bangerd.log").read_text(errors="replace").splitlines()[-n:])
        except OSError:
            return ""

    def new_log(self, before):
        """What the daemon has logged since the position that log_position() gave."""
        with open(self.state / "bangerd.log", "rb") as f:
            f.seek(before)
            return f.read().decode(errors="replace")

    def log_position(self):
        return (self.state / "bangerd.log").stat().st_size

    def stop(self):
        """Ends the daemon, and waits for helper and launcher, which outlive it by a moment and hold files open."""
        there = [p for p in leftovers.processes(str(self.root)) if p.role in ("daemon", "helper")]
        self.ok("daemon", "stop")
        assert all(p.wait_gone(30) for p in there), there

    # kernels and images of another host, without copying them

    def take_over(self, other):
        for kind in ("kernels", "images"):
            (self.state / kind).mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", "--preserve=mode,timestamps", *([] if self.user else ["-l"]), "--sparse=always", f"{other.state / kind}/.",
                            self.state / kind], check=True)
        if self.user is not None:
            subprocess.run(["chown", "-R", f"{self.user}:{self.user}", self.root], check=True)
        self.configure("", image=other.image)
        return self

    def configure(self, text, image=None):
        """Writes config.toml. Its first line names the image that VMs are made of where nothing is said: the one last given here, if any was."""
        self.image = image or self.image
        (self.root / "config").mkdir(exist_ok=True)
        (self.root / "config/config.toml").write_text((f'default_image_name = "{self.image}"\n' if self.image else "") + text)
        if self.user is not None:
            subprocess.run(["chown", "-R", f"{self.user}:{self.user}", self.root / "config"], check=True)

    def close(self):
        """Deletes what there is and ends the daemon; whatever is still there then is a finding."""
        if self.socket.exists() or list(self.state.glob("vms/*.json")):
            names = [vm["id"] for vm in self.ok("vm", "list", "--json").json]
            if names:
                self.ok("vm", "delete", "--force", *names)
            pid = self.status()["pid"]
            self.ok("daemon", "stop")
            assert pid_gone(pid), "the daemon did not end"
        left = [p for p in leftovers.processes(str(self.root)) if not p.wait_gone(10)]
        for p in left:
            os.kill(p.pid, signal.SIGKILL)
        shutil.rmtree(self.root)
        assert not left, f"left after the daemon's end: {left}"


def other_build(binary, where):
    """The same program with another build id, as an update leaves it."""
    data = bytearray(pathlib.Path(binary).read_bytes())
    at = data.index(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0") + 16
    data[at] ^= 0xFF
    where.write_bytes(data)
    where.chmod(0o755)
    return where
