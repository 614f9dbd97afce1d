# SPDX-License-Identifier: GPL-2.0-or-later
"""Two name servers on loopback with the same name, asked by dnsperf (Debian's dnsperf and dnsmasq-base). What a server takes of a processor for a
question is told beside the rate, which also is the asker's."""
import os
import pathlib
import re
import subprocess
import tempfile

DNSMASQ_PORT, SECONDS, WAITING = 42153, 4, 100


class Server:
    def __init__(self, pid, port, question):
        self.pid, self.port, self.question, self.cost = pid, port, question, []

    def ticks(self):
        return sum(map(int, pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))

    def __call__(self):
        """Seconds for a million answers."""
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(self.question + "\n")
            f.flush()
            before = self.ticks()
            said = subprocess.run(["dnsperf", "-s", "127.0.0.1", "-p", str(self.port), "-d", f.name, "-l", str(SECONDS), "-q", str(WAITING)],
                                  check=True, capture_output=True, text=True).stdout
        answered, lost = (int(re.search(rf"Queries {what}:\s+(\d+)", said)[1]) for what in ("completed", "lost"))
        assert answered > 1000 and lost < answered / 1000, said
        self.cost.append((self.ticks() - before) / os.sysconf("SC_CLK_TCK") / answered * 1e6)
        return 1e6 / float(re.search(r"Queries per second:\s+([\d.]+)", said)[1])


class Dnsmasq:
    def __init__(self, name, address):
        self.args = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--no-daemon", "--listen-address=127.0.0.1", "--bind-interfaces",
                     f"--port={DNSMASQ_PORT}", "--local=/vm/", f"--host-record={name},{address}", "--pid-file=", "--conf-file=/dev/null"]

    def __enter__(self):
        self.process = subprocess.Popen(self.args, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "cleared cache" in line or "started" in line:
                return self.process.pid
        raise AssertionError("dnsmasq does not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()
