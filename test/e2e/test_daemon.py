# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon: alone on its socket, and not needed by running VMs. (test_command_line.py has how it comes and goes.)"""
import os
import re
import signal
import subprocess

from waits import pid_gone


def test_two_on_one_socket(new_host):
    """The second says which process serves already, and leaves it alone."""
    host = new_host()
    pid = host.status()["pid"]
    second = host.run("--role", "bangerd", "--root", host.root, timeout=30)
    assert second.status == 1
    assert re.search(rf"another bangerd.*{pid}", second.stderr), second
    assert host.status()["pid"] == pid


def test_killed_while_a_vm_runs(host, new_vm):
    """The VM goes on; the next command adopts it."""
    new_vm("adopted", "--net", "private")
    vmm = host.show("adopted")["pid"]
    running = host.popen("vm", "exec", "adopted", "--", "sh", "-c", "echo begun; read -r word; echo $word", stdin=subprocess.PIPE)
    assert running.stdout.readline() == b"begun\n"
    assert host.kill("daemon")
    assert not pid_gone(vmm, 0)
    out, err = running.communicate(b"still-here\n", timeout=60)
    assert (running.returncode, out) == (0, b"still-here\n"), err
    assert host.exec("adopted", "hostname") == "adopted\n"
    seen = host.show("adopted")
    assert (seen["state"], seen["pid"], seen["ready"]) == ("running", vmm, True)
    host.ok("vm", "restart", "adopted")
    assert host.exec("adopted", "hostname") == "adopted\n"


def test_stopped_while_a_vm_runs(host, new_vm):
    new_vm("goes-on", "--net", "private")
    vmm = host.show("goes-on")["pid"]
    host.ok("daemon", "stop")
    assert not pid_gone(vmm, 0)
    assert host.exec("goes-on", "hostname") == "goes-on\n"
    host.exec("goes-on", "true")
    host.run("vm", "exec", "--wait-system", "goes-on", "--", "poweroff")
    host.wait_state("goes-on", "stopped")


def test_guest_leaves_while_no_daemon_runs(host, new_vm):
    new_vm("unseen", "--net", "private")
    vmm = host.show("unseen")["pid"]
    host.ok("daemon", "stop")
    os.kill(vmm, signal.SIGKILL)
    assert pid_gone(vmm)
    host.ok("vm", "list")
    host.wait_state("unseen", "stopped")


def test_helper_killed(host, new_vm):
    """Another one takes its place; VMs do not notice."""
    new_vm("unmoved", "--net", "private")
    before = host.status()
    host.kill("helper")
    host.ok("vm", "stop", "unmoved")
    host.ok("vm", "start", "unmoved")
    after = host.status()
    assert after["pid"] == before["pid"] and after["helper_pid"] != before["helper_pid"]


def test_stop_refuses_while_a_job_runs(new_host, stock, tmp_path):
    host = new_host()
    images = host.ok("image", "list", "--json").json
    fifo = tmp_path / "endless.tar"
    os.mkfifo(fifo)
    importing = host.popen("image", "import", "endless", "--tar", fifo)
    try:
        with open(fifo, "wb") as pipe:
            pipe.write(stock.rootfs.open("rb").read(1 << 16))
            pipe.flush()
            host.wait_job("ImageImport")
            host.run("daemon", "stop").refused("op-[0-9a-f]{6} holds 'endless'")
    finally:
        importing.kill()
        importing.communicate()
    host.wait_no_job()
    assert host.ok("image", "list", "--json").json == images


def test_two_bangers_do_not_mix(host, new_host):
    other = new_host()
    other.ok("vm", "create", "--no-start", "--name", "mine", "--net", "none")
    assert "mine" in other.vms() and "mine" not in host.vms()


def test_log_has_the_operation(host, new_vm):
    at = host.log_position()
    new_vm("logged", "--no-start", "--net", "none")
    lines = [line for line in host.new_log(at).splitlines() if "object=logged" in line]
    ids = {re.search(r"op=(op-[0-9a-f]{6})", line)[1] for line in lines}
    assert len(ids) == 1 and len(lines) >= 2, lines
