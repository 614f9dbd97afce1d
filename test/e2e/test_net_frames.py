# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests on the wire: raw frames that must not get through, networks side by side, name servers. (test_net.py has what guests reach.)"""
import contextlib
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

import pytest

OUTSIDE, GATEWAY, ANSWER = "198.51.100.2", "198.51.100.1", "203.0.113.7"

# Answers DNS questions for an A record with ANSWER.
SERVER = rf"""
import socket
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(("{OUTSIDE}", 53))
print("ready", flush=True)
while True:
    q, peer = dns.recvfrom(512)
    end = q.index(b"\0", 12) + 5
    a = q[end-4:end-2] == b"\0\x01"
    body = b"\xc0\x0c\0\x01\0\x01\0\0\0<\0\x04" + socket.inet_aton("{ANSWER}") if a else b""
    dns.sendto(q[:2] + b"\x81\x80\0\x01\0" + bytes([a]) + b"\0\0\0\0" + q[12:end] + body, peer)
"""


@pytest.fixture(scope="module")
def outside():
    """Another machine, one hop away: a network namespace with a server in it."""
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep inf"], stdout=subprocess.PIPE)
    holder.stdout.readline()
    server = None
    try:
        inside = ["nsenter", "-t", str(holder.pid), "-n"]
        subprocess.run(["ip", "link", "add", "outside", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid)], check=True)
        subprocess.run(["ip", "addr", "add", f"{GATEWAY}/24", "dev", "outside"], check=True)
        subprocess.run(["ip", "link", "set", "outside", "up"], check=True)
        subprocess.run(["ip", "route", "add", "default", "via", OUTSIDE], check=True)
        subprocess.run([*inside, "sh", "-ec", f"ip link set lo up; ip addr add {OUTSIDE}/24 dev eth0; ip link set eth0 up; "
                        f"ip route add default via {GATEWAY}"], check=True)
        server = subprocess.Popen([*inside, sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
        assert server.stdout.readline() == b"ready\n"
        yield inside
    finally:
        subprocess.run(["ip", "link", "delete", "outside"], capture_output=True)
        for process in filter(None, (server, holder)):
            process.kill()
            process.wait()


# Before `host`, so that what it makes counts as there already.
@pytest.fixture
def world(outside, host):
    return outside


def ping(address):
    return subprocess.run(["ping", "-c", "1", "-W", "3", address], capture_output=True).returncode == 0


def ethernet(target, source, kind, payload):
    return bytes.fromhex(target.replace(":", "") + source.replace(":", "")) + struct.pack("!H", kind) + payload


def udp(source, target, text):
    data = struct.pack("!HHHH", 9, 9, 8 + len(text), 0) + text
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    return header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + header[12:] + data


def arp(operation, mac, address, target):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, operation, bytes.fromhex(mac.replace(":", "")), socket.inet_aton(address), bytes(6),
                       socket.inet_aton(target))


def send_from(host, vm, frames):
    """Raw frames from inside the guest, in this order."""
    lines = ["use Socket;", "socket(my $s, 17, 3, 0) or die $!;", "my $i = `cat /sys/class/net/eth0/ifindex`;",
             *(f'send($s, pack("H*", "{frame.hex()}"), 0, pack("SnlSCCa8", 17, 0, $i, 0, 0, 6, "")) or die $!;' for frame in frames)]
    host.ok("vm", "exec", vm, "--", "perl", "-e", "\n".join(lines))


@contextlib.contextmanager
def heard_on(device):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((device, 0))
    try:
        yield sock
    finally:
        sock.close()


def heard_until(sock, last, timeout=20):
    """All frames up to the one with `last` in it: frames of one guest do not overtake each other."""
    heard, deadline = [], time.monotonic() + timeout
    while not heard or last not in heard[-1]:
        assert select.select([sock], [], [], max(0, deadline - time.monotonic()))[0], f"'{last}' is not heard"
        heard.append(sock.recv(4096))
    return heard


def listen(host, vm):
    """Port 22 of a light guest takes connections, as that of one with an ssh server does: who gets through to it is seen."""
    host.exec(vm, "httpd", "-p", "22", "-h", "/root")
    with socket.create_connection((host.show(vm)["address"], 22), 5):
        pass


def test_forged_frames(host, debian, new_vm):
    new_vm("victim", "--net", "private")
    me, other = host.show(debian), host.show("victim")
    bridge = subprocess.run(["ip", "-json", "addr", "show", "br-fc"], capture_output=True, check=True).stdout
    host_mac = re.search(rb'"address":"([0-9a-f:]{17})"', bridge)[1].decode()
    strange = "02:12:34:56:78:9a"
    honest = ethernet(host_mac, me["mac"], 0x800, udp(me["address"], "172.16.0.1", b"honest-frame"))
    forged = {
        "mac": ethernet(host_mac, strange, 0x800, udp(me["address"], "172.16.0.1", b"forged-mac")),
        "mac of another guest": ethernet(host_mac, other["mac"], 0x800, udp(me["address"], "172.16.0.1", b"forged-other")),
        "address": ethernet(host_mac, me["mac"], 0x800, udp(other["address"], "172.16.0.1", b"forged-address")),
        "arp for the host's address": ethernet("ff:ff:ff:ff:ff:ff", me["mac"], 0x806, arp(2, me["mac"], "172.16.0.1", other["address"])),
        "arp for another guest's": ethernet("ff:ff:ff:ff:ff:ff", me["mac"], 0x806, arp(2, me["mac"], other["address"], "172.16.0.1")),
        "arp with another mac": ethernet("ff:ff:ff:ff:ff:ff", me["mac"], 0x806, arp(2, strange, me["address"], "172.16.0.1")),
    }
    honest_arp = ethernet("ff:ff:ff:ff:ff:ff", me["mac"], 0x806, arp(1, me["mac"], me["address"], "172.16.0.1"))
    with heard_on("br-fc") as at_bridge:
        send_from(host, debian, [*forged.values(), honest_arp, honest])
        heard = heard_until(at_bridge, b"honest-frame")
    assert honest_arp in [frame[:42] for frame in heard]
    for what, frame in forged.items():
        assert not [h for h in heard if h[:len(frame)] == frame], f"forged {what} got through"


def test_guests_do_not_reach_each_other(host, debian, new_vm):
    new_vm("victim", "--net", "private")
    listen(host, "victim")
    me, other = host.show(debian), host.show("victim")
    tap = next(name for name in os.listdir("/sys/class/net") if name.startswith("tap-fc-") and other["id"][:8] in name)
    frames = [ethernet(other["mac"], me["mac"], 0x800, udp(me["address"], other["address"], b"to-the-victim")),
              ethernet("ff:ff:ff:ff:ff:ff", me["mac"], 0x806, arp(1, me["mac"], me["address"], other["address"])),
              ethernet("06:00:ac:10:00:01", me["mac"], 0x800, udp(me["address"], other["address"], b"by-the-host"))]
    end = ethernet("06:00:ac:10:00:01", me["mac"], 0x800, udp(me["address"], "172.16.0.1", b"honest-frame"))
    with heard_on("br-fc") as at_bridge, heard_on(tap) as at_victim:
        send_from(host, debian, [*frames, end])
        heard_until(at_bridge, b"honest-frame")
        assert ping(other["address"])       # the host is heard there, so our ears work; and all before it has gone through
        heard = heard_until(at_victim, socket.inet_aton("172.16.0.1") + socket.inet_aton(other["address"]))
    assert not [h for h in heard if b"to-the-victim" in h or b"by-the-host" in h or h[6:12] == bytes.fromhex(me["mac"].replace(":", ""))]
    assert host.run("vm", "exec", debian, "--", "timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{other['address']}/22").status != 0


def test_addresses_are_given_back(host, new_vm):
    new_vm("first", "--no-start")
    address = host.show("first")["address"]
    host.ok("vm", "delete", "first")
    new_vm("second", "--no-start")
    assert host.show("second")["address"] == address


def test_networks_side_by_side(host, vm, new_host):
    other = new_host()
    other.configure('bridge_name = "br-fc-two"\nbridge_ip = "172.17.9.1"\n')
    other.ok("vm", "create", "--name", "neighbour", "--net", "private")
    assert other.show("neighbour")["address"] == "172.17.9.2"
    assert ping("172.17.9.2") and ping(host.show(vm)["address"])
    listen(other, "neighbour")
    assert host.run("vm", "exec", vm, "--", "timeout", "3", "nc", "172.17.9.2", "22").status != 0


@pytest.mark.parametrize("image", ["debian-bookworm", "networkd"])
def test_name_servers(world, new_host, image, stock):
    """With and without systemd-networkd and resolved: names are found, and the boot does not wait for the network."""
    other = new_host()
    other.configure(f'bridge_name = "br-fc-dns"\nbridge_ip = "172.17.8.1"\ndefault_dns = "{OUTSIDE}"\n')
    if image == "networkd":
        other.ok("image", "import", "networkd", "--tar", stock.networkd, "--kernel", "debian")
    other.ok("vm", "create", "--name", "asks", "--image", image, "--nat")
    assert other.ok("vm", "exec", "--wait-system", "asks", "--", "systemctl", "is-system-running").stdout == "running\n"
    assert other.exec("asks", "getent", "ahostsv4", "somewhere.example").split()[0] == ANSWER
    if image == "networkd":
        assert "eth0" in other.exec("asks", "networkctl", "--no-legend", "list")
        other.ok("vm", "exec", "asks", "--", "timeout", "20", "systemctl", "start", "systemd-networkd-wait-online.service")
