# SPDX-License-Identifier: GPL-2.0-or-later
"""What real guests reach: the host, the outside, each other, and what they cannot pretend to be. (test/unit/net has the rules frame by frame.)"""
import json
import re
import subprocess
import sys

import pytest

PORT = 4242
UPLINK, OUTSIDE = "192.0.2.1", "192.0.2.2"
# Tells each caller the address it comes from.
SERVER = f"""
import socket
s = socket.create_server(("0.0.0.0", {PORT}))
print("ready", flush=True)
while True:
    c, who = s.accept()
    c.sendall(who[0].encode())
    c.close()
"""


def ip(*args):
    subprocess.run(["ip", *args], check=True)


@pytest.fixture
def server():
    """On the host, on all its addresses."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def outside():
    """Another machine behind an uplink, with the same server and a route to the guests."""
    process = subprocess.Popen(["unshare", "-n", sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    process.stdout.readline()
    inside = ["nsenter", "-t", str(process.pid), "-n", "ip"]
    ip("link", "add", "up0", "type", "veth", "peer", "name", "up1", "netns", str(process.pid))
    ip("addr", "add", f"{UPLINK}/24", "dev", "up0")
    ip("link", "set", "up0", "up")
    for command in f"addr add {OUTSIDE}/24 dev up1", "link set up1 up", f"route add 172.16.0.0/24 via {UPLINK}":
        subprocess.run([*inside, *command.split()], check=True)
    ip("route", "add", "default", "via", OUTSIDE)
    yield process
    ip("link", "del", "up0")
    process.kill()
    process.communicate()


def reach(host, vm, address, port=PORT):
    """What the server there says to the guest, None without an answer in three seconds."""
    result = host.run("vm", "exec", vm, "--", "timeout", "3", "nc", address, str(port))
    return result.stdout if result.status == 0 else None


def serve(host, vm):
    """From now on a server in the guest, at PORT of all its addresses, says "guest" to each caller."""
    host.exec(vm, "sh", "-c", f"echo guest > /root/index.html; httpd -p {PORT} -h /root")


def fetch(host, vm, address):
    """What such a server says to another guest, None without an answer in three seconds."""
    result = host.run("vm", "exec", vm, "--", "timeout", "3", "wget", "-q", "-O", "-", f"http://{address}:{PORT}/")
    return result.stdout if result.status == 0 else None


def address(host, vm):
    return re.search(r"inet ([\d.]+)/24", host.exec(vm, "ip", "-4", "addr", "show", "eth0")).group(1)


def test_private(host, new_vm, server, outside):
    vm = new_vm("priv", "--net", "private")
    own = address(host, vm)
    assert reach(host, vm, "172.16.0.1") == own
    assert reach(host, vm, UPLINK) is None
    assert reach(host, vm, OUTSIDE) is None


def test_nat_and_back(host, new_vm, server, outside):
    vm = new_vm("natted", "--net", "nat")
    assert reach(host, vm, OUTSIDE) == UPLINK
    assert reach(host, vm, UPLINK) == address(host, vm)
    # The host reaches the guest's services, the outside does not.
    serve(host, vm)
    ask = [sys.executable, "-c", f"import urllib.request as r; print(r.urlopen('http://{address(host, vm)}:{PORT}/', timeout=3).read().decode(), end='')"]
    assert subprocess.run(ask, check=True, capture_output=True, text=True).stdout == "guest\n"
    refused = subprocess.run(["nsenter", "-t", str(outside.pid), "-n", *ask], capture_output=True, text=True)
    assert refused.returncode and "timed out" in refused.stderr, refused


def test_guests_are_apart(host, new_vm, server):
    a, b = new_vm("apart-a", "--net", "nat"), new_vm("apart-b", "--net", "nat")
    b_address = address(host, b)
    serve(host, b)
    assert fetch(host, b, b_address) == "guest\n"
    assert fetch(host, a, b_address) is None
    host.exec(a, "ip", "route", "add", f"{b_address}/32", "via", "172.16.0.1")  # by way of the host
    assert fetch(host, a, b_address) is None
    assert reach(host, a, "172.16.0.1") == address(host, a)


def test_nobody_else_can_be_played(host, new_vm, server):
    vm = new_vm("player", "--net", "private")
    own = address(host, vm)
    mac = host.exec(vm, "cat", "/sys/class/net/eth0/address").strip()
    assert reach(host, vm, "172.16.0.1") == own
    host.exec(vm, "ip", "link", "set", "eth0", "address", "02:99:99:99:99:99")
    assert reach(host, vm, "172.16.0.1") is None
    host.exec(vm, "ip", "link", "set", "eth0", "address", mac)
    assert reach(host, vm, "172.16.0.1") == own
    host.exec(vm, "sh", "-c", f"ip addr add 172.16.0.77/24 dev eth0 && ip route replace 172.16.0.1 dev eth0 src 172.16.0.77")
    assert reach(host, vm, "172.16.0.1") is None
    neighbours = json.loads(subprocess.run(["ip", "-json", "neigh"], check=True, capture_output=True).stdout)
    assert "172.16.0.77" not in {n["dst"] for n in neighbours if "lladdr" in n}


def test_none_has_no_device(host, new_vm):
    vm = new_vm("netless", "--net", "none")
    assert host.exec(vm, "ls", "/sys/class/net").split() == ["lo"]
    # Other VMs of the session may have theirs; a tap is named after its VM.
    links = subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True).stdout
    assert f"tap-fc-{host.show(vm)['id'][:8]}" not in links
