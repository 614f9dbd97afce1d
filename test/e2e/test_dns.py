# SPDX-License-Identifier: GPL-2.0-or-later
"""The name server for .vm, asked by dig and by hand; names are there while their VM runs."""
import os
import random
import re
import socket
import struct
import subprocess

import pytest

from varlink_raw import Varlink, VarlinkError

PORT = 42069


def dig(*args, port=PORT):
    """Status, flags (with `tcp` where it was), answers and authorities as (owner, type, data)."""
    said = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), "+tries=1", "+time=5", *args], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    sections = dict(re.findall(r"^;; (ANSWER|AUTHORITY) SECTION:\n((?:[^\n]+\n)*)", said.stdout, re.MULTILINE))

    def records(section):
        return [(owner, kind, data) for owner, _, _, kind, data in (line.split(None, 4) for line in sections.get(section, "").splitlines())]
    status = re.search(r"status: (\w+)", said.stdout)[1]
    return status, re.search(r"flags: ([\w ]*);", said.stdout)[1].split(), records("ANSWER"), records("AUTHORITY"), said.stdout


def raw(query, port=PORT):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect(("127.0.0.1", port))
        for _ in range(5): # as clients do: a queue that is full loses questions
            s.send(query)
            try:
                return s.recv(4096)
            except TimeoutError:
                continue
        raise AssertionError("no answer")


def question(name="vm", kind=6, number=7, flags=0x100):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def test_dig(host, vm):
    host.ok("vm", "list")
    address = host.show(vm)["address"]
    name = f"{vm}.vm"
    assert host.show(vm)["dns_name"] == name and host.vms()[vm]["dns_name"] == name
    here = (f"{name}.", "A", address)
    for options in ([], ["+tcp"], ["+noedns"], ["+norecurse"], ["+bufsize=512"], ["+dnssec"], ["+cookie"]):
        status, flags, answers, _, _ = dig(name, *options)
        assert (status, answers) == ("NOERROR", [here]) and "aa" in flags and "ra" not in flags, (options, flags, answers)
    assert dig(name, "ANY")[2] == [here]
    assert dig(name.title().swapcase(), "+noall", "+answer", "+question", "+comments")[2] == [(f"{name.title().swapcase()}.", "A", address)]
    status, _, answers, authorities, _ = dig(name, "AAAA")
    assert (status, answers, authorities[0][:2]) == ("NOERROR", [], ("vm.", "SOA"))
    assert dig("-x", address)[2][0][1:] == ("PTR", f"{name}.")
    status, _, _, authorities, _ = dig("nobody.vm")
    assert (status, authorities[0][:2]) == ("NXDOMAIN", ("vm.", "SOA"))
    zone = ".".join(reversed(address.split(".")[:3])) + ".in-addr.arpa."
    status, _, _, authorities, _ = dig("-x", address.rsplit(".", 1)[0] + ".250")
    assert (status, authorities[0][:2]) == ("NXDOMAIN", (zone, "SOA"))
    assert dig("vm", "NS")[2] == [("vm.", "NS", "vm.")] and dig(zone, "SOA")[2][0][:2] == (zone, "SOA")
    for args in (["example.org"], ["-x", "9.9.9.9"], ["version.bind", "CH", "TXT"]):
        status, flags, answers, _, _ = dig(*args)
        assert (status, answers) == ("REFUSED", []) and "aa" not in flags, args
    assert dig(name, "+edns=1", "+noednsneg")[0] == "BADVERS"
    assert "udp: 1232" in dig(name)[4]
    assert dig(name, "+opcode=notify")[0] == "NOTIMP" and dig(name, "+opcode=update")[0] == "NOTIMP"


def test_names_follow_the_vms(host, new_vm):
    new_vm("heron", "--no-start")
    new_vm("lonely", "--net", "none")
    assert "dns_name" not in host.show("lonely")
    assert dig("heron.vm")[0] == "NXDOMAIN" and dig("lonely.vm")[0] == "NXDOMAIN"
    serial = int(dig("vm", "SOA")[2][0][2].split()[2])
    host.ok("vm", "start", "heron")
    assert dig("heron.vm")[2][0][2] == host.show("heron")["address"]
    assert int(dig("vm", "SOA")[2][0][2].split()[2]) > serial
    host.kill("daemon")
    host.ok("vm", "list")
    assert dig("heron.vm")[2][0][2] == host.show("heron")["address"]
    host.ok("vm", "kill", "heron")
    assert dig("heron.vm")[0] == "NXDOMAIN"


def test_the_port_belongs_to_another(host, new_host):
    host.ok("vm", "list")
    other = new_host(env={})
    other.configure('bridge_name = "br-fc-2"\nbridge_ip = "172.17.0.1"\n')
    status = other.status()
    assert "dns" not in status and re.search(r"127\.0\.0\.1:42069: Address (already )?in use", status["dns_reason"]), status
    assert "in use" in other.ok("daemon", "status").stdout and other.log_tail().count("no name server") == 1
    check = {c["name"]: c for c in other.run("doctor", "--json").json}["names"]
    assert check["level"] == "WARN" and any("dns_listen" in d for d in check["details"]), check
    assert host.status()["dns"] == "127.0.0.1:42069" and dig("vm", "SOA")[0] == "NOERROR"
    # Its own port; then, with the first daemon gone, the usual one at the next change of a VM.
    config = other.root / "config/config.toml"
    text = config.read_text()
    config.write_text(text + 'dns_listen = "127.0.0.2:42070"\n')
    assert "dns_listen" in other.ok("daemon", "reload").stdout
    assert other.status()["dns"] == "127.0.0.2:42070"
    config.write_text(text + 'dns_listen = ""\n')
    other.ok("daemon", "reload")
    assert not {"dns", "dns_reason"} & other.status().keys()
    assert {c["name"]: c for c in other.run("doctor", "--json").json}["names"]["level"] == "PASS"
    config.write_text(text)
    other.run("daemon", "reload").refused("127.0.0.1:42069: Address (already )?in use")
    host.ok("daemon", "stop")
    other.ok("vm", "create", "--name", "second", "--no-start")
    assert other.status()["dns"] == "127.0.0.1:42069" and dig("vm", "SOA")[0] == "NOERROR"
    other.ok("vm", "delete", "second")
    other.ok("daemon", "stop")
    host.ok("vm", "list")
    assert host.status()["dns"] == "127.0.0.1:42069"


def test_tcp(host):
    host.ok("vm", "list")
    descriptors = host.status()["descriptors"]
    q = question()
    one = struct.pack(">H", len(q)) + q
    with socket.create_connection(("127.0.0.1", PORT)) as s:
        # byte by byte, then several in one piece
        for byte in one:
            s.send(bytes([byte]))
        s.send(one * 50)
        got = s.makefile("rb")
        for _ in range(51):
            size, = struct.unpack(">H", got.read(2))
            answer = got.read(size)
            assert answer[:2] == q[:2] and answer[2] & 0x80 and answer[7] == 1
        # What cannot be a query ends it.
        s.send(struct.pack(">H", 65535) + b"x")
        assert got.read() == b""
    crowd = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(100)]
    crowd[-1].settimeout(5)
    crowd[-1].send(one)
    assert crowd[-1].recv(4096)[2:4] == q[:2]
    assert host.status()["descriptors"] <= descriptors + 33
    crowd[0].settimeout(5)
    assert crowd[0].recv(1) == b""
    # A silent one is let go.
    crowd[-2].settimeout(20)
    assert crowd[-2].recv(1) == b""
    for s in crowd:
        s.close()
    assert dig("vm", "SOA", "+tcp")[0] == "NOERROR"


def test_garbage(host):
    host.ok("vm", "list")
    pid = host.status()["pid"]
    chance = random.Random(42069)
    assert raw(question(flags=0x2000))[3] == 4 and raw(question()[:-1])[3] == 1
    assert raw(question(name="a" * 63))[3] == 5
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", PORT))
        for _ in range(20000):
            packet = bytearray(question("shared.vm", chance.choice([1, 6, 12, 28, 41, 255])))
            for _ in range(chance.randrange(4)):
                packet[chance.randrange(len(packet))] = chance.randrange(256)
            packet += os.urandom(chance.randrange(40)) if chance.random() < 0.3 else b""
            s.send(packet[:chance.randrange(len(packet) + 1)] if chance.random() < 0.3 else packet)
        s.send(os.urandom(60000))
    assert raw(question())[7] == 1
    assert host.status()["pid"] == pid


@pytest.mark.parametrize("address, port", [(0x08080808, 53), (0x7f000001, 0), (0x7f000001, 65536), (0, 53), (-1, 53), (1 << 32, 53)])
def test_the_helper_refuses_servers_elsewhere(host, address, port):
    host.ok("vm", "list")
    with Varlink(host.run_dir / "helper.sock") as v, pytest.raises(VarlinkError, match="io.banger.Invalid"):
        v.call("io.banger.Helper.DnsServe", address=address, port=port)
