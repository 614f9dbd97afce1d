# SPDX-License-Identifier: GPL-2.0-or-later
"""vm run: a VM for one command, from nothing to nothing."""
import hashlib
import re

import pytest

from conftest import DEBIAN


def test_uname(host, stock):
    result = host.ok("vm", "run", "--rm", *DEBIAN, "--", "uname", "-a")
    assert re.fullmatch(rf"Linux [a-z]+-[a-z]+ {re.escape(stock.release)} .* x86_64 GNU/Linux\n", result.stdout), result
    assert re.match(r"spec: \d+ vcpu · \d+ MiB · \S+ disk\n\[vm run\] ", result.stderr), result
    assert host.vms().keys() <= {"shared", "shared-debian"}


def test_quiet_says_only_what_the_command_says(host):
    result = host.run("--quiet", "vm", "run", "--rm", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n"), result


def test_stdin_is_the_commands(host):
    data = b"x" * 100000
    assert host.ok("vm", "run", "--rm", "--", "sha256sum", input=data).stdout.split()[0] == hashlib.sha256(data).hexdigest()


def test_sizes_reach_the_guest(host):
    out = host.ok("vm", "run", "--rm", "--name", "sized", "--vcpu", "2", "--memory", "700M", "--disk-size", "300M", "--system-overlay-size", "9G", "--",
                  "sh", "-c", "nproc; hostname; awk '/MemTotal/ { print $2 }' /proc/meminfo; df -mP / /root | awk 'NR > 1 { print $2 }'").stdout.split()
    cpus, name, memory, root, work = out
    assert (cpus, name) == ("2", "sized")
    assert 600 * 1024 < int(memory) <= 700 * 1024
    assert 8.5 * 1024 < int(root) < 9.1 * 1024
    assert 240 < int(work) <= 300


def test_detached(host):
    result = host.ok("vm", "run", "-d", "--name", "away", "--net", "none")
    try:
        assert result.stdout == "away\n"
        assert host.show("away")["state"] == "running"
        assert host.exec("away", "hostname") == "away\n"
    finally:
        host.ok("vm", "delete", "--force", "away")


def test_without_rm_it_stays(host):
    try:
        result = host.ok("vm", "run", "--name", "stays", "--net", "none", "--", "true")
        assert "'stays' keeps running" in result.stderr, result
        assert host.show("stays")["state"] == "running"
    finally:
        host.ok("vm", "delete", "--force", "stays")


def test_four_at_once(host):
    runs = [host.popen("vm", "run", "--rm", "--memory", "512M", "--", "hostname") for _ in range(4)]
    outputs = [run.communicate(timeout=180) for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, outputs
    assert len({out for out, _ in outputs}) == 4, outputs


def test_rm_when_the_guest_powers_off(host):
    result = host.run("vm", "run", "--rm", "--wait-system", "--name", "goes", "--net", "none", "--", "sh", "-c", "poweroff; sleep 1000")
    assert result.status == 125 or result.status > 128, result
    assert "goes" not in host.vms()


def test_rm_when_the_command_line_is_killed(host):
    """The VM belongs to the command line that made it: it goes with it."""
    run = host.popen("vm", "run", "--rm", "--name", "orphan", "--net", "none", "--", "sh", "-c", "echo ready; sleep 1000")
    assert run.stdout.readline() == b"ready\n"
    run.kill()
    run.communicate()
    host.wait_vm("orphan", lambda record: record is None)


@pytest.mark.parametrize("options, says", [
    (["--detach", "--rm"], "--detach.*--rm"),
    (["--detach", "--", "true"], "--detach takes no command"),
    (["--vcpu", "0", "--", "true"], "vcpu"),
    (["--memory", "-5", "--", "true"], "memory"),
    (["--memory", "lots", "--", "true"], "memory.*lots|lots"),
    (["--net", "moon", "--", "true"], "moon"),
])
def test_what_cannot_be_is_refused_before_there_is_a_vm(host, options, says):
    result = host.run("vm", "run", *options)
    result.refused(says, status=125 if "--" in options else 1, hint=None, operation=False)
