# SPDX-License-Identifier: GPL-2.0-or-later
"""Two VMs of one image are two machines: each has a machine id and ssh host keys of its own, which last."""
import re
import subprocess

from conftest import DEBIAN


def identity(host, vm):
    """(machine id, host key as the ssh server offers it to somebody from outside, names of the key files)."""
    host.run("vm", "exec", "--wait-system", vm, "--", "true")
    files = host.exec(vm, "sh", "-c", "ls /etc/ssh/ssh_host_*_key").split()
    offered = subprocess.run(["ssh-keyscan", "-T", "20", "-t", "ed25519", host.show(vm)["address"]], capture_output=True, text=True).stdout
    keys = [line.split(maxsplit=1)[1] for line in offered.splitlines() if not line.startswith("#")]
    assert keys, (files, offered)
    return host.exec(vm, "cat", "/etc/machine-id").strip(), sorted(keys), files


def test_two_of_one_image(host, stock, new_vm):
    image = host.state / "images" / host.ok("image", "show", "--json", "debian-bookworm").json["id"] / "rootfs.ext4"

    def in_image(request):
        return subprocess.run(["debugfs", "-R", request, image], capture_output=True, check=True).stdout.decode()
    assert in_image("cat /etc/machine-id") == "" and "ssh_host_" not in in_image("ls -p /etc/ssh")
    seen = {}
    for name in ("one", "two"):
        new_vm(name, "--net", "private", "--memory", "512M", *DEBIAN)
        seen[name] = identity(host, name)
        assert re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", seen[name][0])
        assert seen[name][2] == ["/etc/ssh/ssh_host_ed25519_key"]
        assert host.exec(name, "sh", "-c", "stat -c %a /etc/ssh/ssh_host_ed25519_key /etc/machine-id").split() == [
            "600", "444"]
    assert seen["one"][0] != seen["two"][0] and seen["one"][1] != seen["two"][1]
    host.ok("vm", "restart", "one")
    assert identity(host, "one") == seen["one"]
    mine = "0123456789abcdef0123456789abcdef"
    host.exec("two", "sh", "-c", f"echo {mine} > /etc/machine-id")
    host.ok("vm", "stop", "two")
    host.ok("vm", "start", "two")
    assert identity(host, "two") == (mine, *seen["two"][1:])        # the user's own stays


def test_killed_after_its_first_boot(host, new_vm):
    """What makes a machine out of it is on disk by then, although nobody has synced anything."""
    new_vm("killed", "--net", "private", "--memory", "512M", *DEBIAN)
    seen = identity(host, "killed")
    host.ok("vm", "kill", "killed")
    host.ok("vm", "start", "killed")
    assert identity(host, "killed") == seen
