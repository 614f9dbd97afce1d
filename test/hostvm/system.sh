# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine: system mode from the installation to the removal of its last file. What a case printed is left in /out/system/CASE.out and
# CASE.err, its status in CASE.status, its milliseconds in CASE.ms; test_system.py asserts.
out=/out/system
. /payload/host.sh

install_() {
	timeout 60 ./banger system install "$@"
}

# Nothing of an installation that was refused is there.
refused() {
	! install_ "$@" && [ ! -e /usr/local/bin/banger ] && [ ! -e /etc/banger ] && [ ! -e /etc/systemd/system/bangerd.service ]
}

in_use_bridge() {
	ip link add br-fc type bridge && refused --owner alice
	local status=$?
	ip link delete br-fc
	return $status
}

in_use_subnet() {
	ip link add lan0 type bridge && ip address add 172.16.0.7/16 dev lan0 && refused --owner alice
	local status=$?
	ip link delete lan0
	return $status
}

bad_words() {
	local word
	for word in eth0 br-fcx br-fc- br-fc-0123456789 'br-fc-a b' '../br-fc'; do
		refused --owner alice --bridge "$word" || return
	done
	for word in 172.16.0.1 172.16.0.0/24 172.16.0.1/31 172.16.0.1/7 fe80::1/64 127.0.0.1/8 word; do
		refused --owner alice --subnet "$word" || return
	done
}

read_only() {
	mount --bind /usr/local /usr/local && mount -o remount,bind,ro /usr/local && refused --owner alice
	local status=$?
	umount /usr/local
	return $status
}

full_disk() {
	mount -t tmpfs -o size=1m small /usr/local/bin && refused --owner alice --firecracker /usr/bin/firecracker-ok
	local status=$?
	umount /usr/local/bin
	return $status
}

# A step near the end fails when all files have been written.
fails_late() {
	mv /usr/bin/systemctl /usr/bin/systemctl.away && printf '#!/bin/sh\n[ "$1" = enable ] && { echo planted >&2; exit 1; }\nexec systemctl.away "$@"\n' \
		> /usr/bin/systemctl && chmod 0755 /usr/bin/systemctl && refused --owner alice
	local status=$?
	mv /usr/bin/systemctl.away /usr/bin/systemctl
	return $status
}

# Bad Firecrackers, each refused for its own reason.
firecrackers() {
	install -m 0757 firecracker /usr/bin/fc-writable
	ln -s /usr/bin/firecracker-ok /usr/bin/fc-link
	install -o alice -m 0755 firecracker /usr/bin/fc-alice
	printf '#!/bin/sh\necho Firecracker v1.0.0\n' > /usr/bin/fc-old && chmod 0755 /usr/bin/fc-old
	local f
	for f in /usr/bin/fc-writable /usr/bin/fc-link /usr/bin/fc-alice /usr/bin/fc-old /usr/bin/fc-none; do
		refused --owner alice --firecracker $f || return
	done
	rm /usr/bin/fc-*
}

main_pid() {
	systemctl show -P MainPID "$1"
}

kill_both() {
	kill -9 "$(main_pid bangerd)" "$(main_pid bangerd-root)"
}

kill_helper() {
	kill -9 "$(main_pid bangerd-root)"
}

upgrade() {
	make_other_build && ./banger-2 system install --owner alice
}

downgrade_behind_our_back() {
	cp banger /usr/local/bin/banger.x && mv /usr/local/bin/banger.x /usr/local/bin/banger
	! systemctl restart bangerd || return
	journalctl -b -o cat -u bangerd | grep 'was installed' | tail -1
	./banger-2 system install --owner alice > /dev/null
}

# One call, by nothing of banger's; the machine's Python is a small one.
helper_says() {
	as "$1" python3 - "{\"method\": \"io.banger.Helper.$2\", \"parameters\": $3}" <<-'P'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect("/run/banger-root/bangerd-root.sock")
		s.sendall(sys.argv[1].encode() + b"\0")
		print(s.recv(65536).decode().rstrip("\0"))
	P
}

# What holds a process in, in the words of /proc: its VMM's, or that of the vsock device beside it.
holds() {
	local pid=$1
	grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/"$pid"/status
	echo "Mounts: $(cut -d' ' -f5 /proc/"$pid"/mountinfo | tr '\n' ' ')"
	echo "Writable: $(grep -v ' ro,' /proc/"$pid"/mountinfo | cut -d' ' -f5 | tr '\n' ' ')"
	echo "Run: $(ls /proc/"$pid"/root/run | tr '\n' ' ')"
	echo "OwnMounts: $([ "$(readlink /proc/"$pid"/ns/mnt)" != "$(readlink /proc/1/ns/mnt)" ] && echo yes)"
	echo "Program: $(readlink /proc/"$pid"/exe)"
	limits "$pid"
}

# A VMM that ended while there was neither daemon nor helper: its group goes when the next helper looks, which it does before it answers.
ended_unseen() {
	local pid group
	owner vm create --name brief > /dev/null || return
	pid=$(owner vm show brief --json | jq -r .pid)
	group=/sys/fs/cgroup$(cut -d: -f3 < /proc/"$pid"/cgroup)
	[ -d "$group" ] && systemctl stop bangerd.service bangerd-root.socket bangerd-root.service && kill -9 "$pid" && tail --pid="$pid" -f /dev/null &&
		[ -d "$group" ] || return
	systemctl start bangerd-root.socket bangerd.service && owner vm delete --force brief && [ ! -d "$group" ]
}

vmm_holds() {
	owner vm show box --json > $out/show.json
	holds "$(jq -r .pid $out/show.json)"
}

# QEMU instead, with the vsock device that it needs, for a while.
on_qemu() {
	owner vm create --name emulated > /dev/null || return
	owner vm exec emulated -- uname -r
	owner vm show emulated --json > $out/emulated.json
	holds "$(jq -r .pid $out/emulated.json)" > $out/emulated.vmm
	holds "$(pgrep -f 'role banger-vhost-vsock.*'"$(jq -r .id $out/emulated.json)")" > $out/emulated.vsock
	owner vm delete --force emulated > /dev/null
}

qemu() {
	echo 'vmm = "qemu"' > /home/alice/.config/banger/config.toml && owner daemon reload > /dev/null && on_qemu
	local status=$?
	rm /home/alice/.config/banger/config.toml && owner daemon reload > /dev/null
	return $status
}

# Somebody else's program in the place of the one that was looked at when banger was installed.
open_firecracker() {
	chmod 0757 /usr/local/bin/firecracker
	owner vm run --rm --net none --name never -- true
	local status=$?
	chmod 0755 /usr/local/bin/firecracker
	return $status
}

# The tap of a VM, by its id.
tap_of() {
	echo "tap-fc-$(echo "$1" | cut -c1-8)"
}

# seat.c in Firecracker's place: it learns what there is to reach of box, which runs on.
make_seat() {
	local box=$1 seated=$2 owner=$3
	install -m 0600 -o alice -D /dev/null /home/alice/secret && chmod 0644 /home/alice/secret && chmod 0755 /home/alice
	{
		cat seat
		echo
		echo "seat vmm $(jq .pid "$box")"
		echo "seat owner $owner"
		echo "seat disk /var/lib/banger/vms/$(jq -r .id "$box")/work.ext4"
		echo "seat file /home/alice/secret"
		echo "seat vsock /run/banger/vms/$(jq -r .id "$box")/v.sock"
		echo "seat tap $(tap_of "$(jq -r .id "$box")")"
		echo "seat own_tap $(tap_of "$(jq -r .id "$seated")")"
		echo "seat uid $((0x70000000 + $(jq .cid "$box")))"
	} > /usr/local/bin/seat
	chmod 0755 /usr/local/bin/seat
}

seated_uid() {
	echo $((0x70000000 + $(jq .cid $out/seat.seated)))
}

# It runs under a name of its own choice until its start is given up.
seat_stays() {
	local start
	cp /usr/local/bin/seat /usr/local/bin/seat.tries && echo "seat stays here" >> /usr/local/bin/seat
	owner vm start seated 2> $out/seat.given_up &
	start=$!
	until [ "$(pgrep -c -U "$(seated_uid)")" = 2 ]; do
		[ -d /proc/$start ] || return
	done
	echo "called: $(pgrep -a -U "$(seated_uid)" | grep -c " xxxx")"
	pkill -INT -U alice -f "vm start seated" && ! wait $start
	echo "given up: $(pgrep -c -U "$(seated_uid)")"
	mv /usr/local/bin/seat.tries /usr/local/bin/seat
}

# The start fails, since no guest comes up; box must be as it was.
seat_with() {
	owner vm create --name seated --memory 256M --vcpu 1 --nat --no-start > /dev/null || return
	owner vm show box --json > $out/seat.box && owner vm show seated --json > $out/seat.seated && make_seat $out/seat.box $out/seat.seated "$1" || return
	install_ --owner alice --firecracker /usr/local/bin/seat > /dev/null || return
	! owner vm start seated || return
	echo "left: $(pgrep -c -U "$(seated_uid)")"
	seat_stays || return
	cat /var/lib/banger/vms/"$(jq -r .id $out/seat.seated)"/vmm.log
	install_ --owner alice --firecracker /usr/local/bin/firecracker > /dev/null && owner vm delete --force seated > /dev/null &&
		[ "$(owner vm exec box -- cat /root/mark)" = kept ]
}

# Where nothing holds it, each of its tries has to succeed; its mounts are its own.
seat_outside() {
	unshare -m /usr/local/bin/seat outside 2>&1 8< /etc/hostname 9< /
	rm /usr/local/bin/seat
}

# A process of the owner's is there to be signalled, inside and outside.
seat() {
	local idle status
	setpriv --reuid alice --regid alice --clear-groups sleep 900 &
	idle=$!
	seat_with $idle
	status=$?
	[ -d /proc/$idle ] || status=1
	seat_outside $idle > $out/outside 2>&1
	kill $idle
	return $status
}

# Nothing of the helper's may be left when it ends in order, with VMs or without.
restarts() {
	local i
	for i in $(seq 5); do
		systemctl restart bangerd-root.service || return
		owner ps > /dev/null || return
	done
}

useradd -m bob
mkdir -p /home/alice/.config/banger && chown -R alice: /home/alice/.config
install -m 0755 firecracker /usr/bin/firecracker-ok
tree > $out/tree.before

case_ wrong_owner refused --owner nobody-of-that-name
case_ root_owner refused --owner root
case_ not_root as bob ./banger system install --owner alice
case_ bridge in_use_bridge
case_ subnet in_use_subnet
case_ bad_words bad_words
case_ read_only read_only
case_ full full_disk
case_ late fails_late
case_ firecrackers firecrackers

case_ install install_ --owner alice
case_ kernel owner kernel import debian --deb /payload/kernel.deb
case_ image owner image import debian-bookworm --kernel debian --tar /payload/rootfs.tar
case_ run owner vm run --rm -- uname -r
case_ restarts_empty restarts
case_ again install_ --owner alice
case_ for_bob install_ --owner bob
case_ without_units install_ --owner alice --no-service
case_ status banger system status --json
case_ doctor owner doctor --json
case_ stranger as bob banger ps
case_ units cat /etc/systemd/system/bangerd-root.service
case_ caps grep Cap /proc/"$(main_pid bangerd-root)"/status
case_ launcher_caps grep Cap /proc/"$(pgrep -P "$(main_pid bangerd-root)" bangerd-root)"/status

case_ create owner vm create --name box --nat
case_ mark owner vm exec box -- sh -c 'echo kept > /root/mark; sync'
case_ holds vmm_holds
case_ qemu qemu
case_ open_firecracker open_firecracker
case_ seat seat
case_ seat_outside cat $out/outside
case_ restarts survives restarts
case_ restart survives banger system restart
case_ kill_helper survives kill_helper
case_ kill_both survives kill_both
case_ upgrade survives upgrade
case_ downgrade downgrade_behind_our_back
case_ limits vmm_limits
case_ ended_unseen ended_unseen
case_ helper_bob helper_says bob Status '{}'
case_ helper_unknown helper_says alice NetDetach '{"vm": "0123456789ab", "index": 2, "bridge": "eth0"}'
case_ helper_id helper_says alice NetDetach '{"vm": "../../etc", "index": 2}'
case_ helper_signal helper_says alice VmmKill '{"vm": "0123456789ab", "processes": [], "signal": "STOP"}'
case_ helper_pid helper_says alice VmmKill "{\"vm\": \"0123456789ab\", \"processes\": [{\"pid\": 1, \"start_time\": $(cut -d' ' -f22 /proc/1/stat)}], \"signal\": \"KILL\"}"
case_ refuses_to_go banger system uninstall
case_ uninstall banger system uninstall --force --purge --yes
case_ journal journalctl -b -o cat -u bangerd -u bangerd-root -u bangerd-root.socket
tree > $out/tree.after
diff $out/tree.before $out/tree.after
