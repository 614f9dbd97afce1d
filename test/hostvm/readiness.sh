# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine: doctor of a bare host, of an installed one, and of one that somebody has broken; what is refused before anything is
# changed. What a case printed is left in /out/readiness/CASE.out and CASE.err, its status in CASE.status; test_readiness.py asserts.
out=/out/readiness
. /payload/host.sh

root() {
	timeout 120 banger "$@"
}

# Nothing of an installation that was refused is there.
refused() {
	! timeout 60 ./banger system install "$@" && [ ! -e /usr/local/bin/banger ] && [ ! -e /etc/banger ] && [ ! -e /var/lib/banger ] &&
		[ ! -e /etc/systemd/system/bangerd.service ] && [ ! -e /run/banger ]
}

# Room enough by the count of bytes, and then none for the third name.
no_inodes() {
	mount -t tmpfs -o size=64m,nr_inodes=3 small /usr/local/bin && refused --owner alice --firecracker /usr/bin/firecracker-ok
	local status=$?
	ls -A /usr/local/bin
	umount /usr/local/bin
	return $status
}

no_vmm() {
	! env PATH=/nowhere ./banger system install --owner alice && [ ! -e /usr/local/bin/banger ] && [ ! -e /etc/banger ] && [ ! -e /var/lib/banger ]
}

writable_way() {
	mkdir -m 0777 /opt/open && install -m 0755 firecracker /opt/open/firecracker && refused --owner alice --firecracker /opt/open/firecracker
	local status=$?
	rm -r /opt/open
	return $status
}

# A route of somebody else's into the guests' network.
in_use_route() {
	ip link add lan0 type bridge && ip address add 10.9.9.1/24 dev lan0 && ip link set lan0 up && ip route add 172.16.0.64/26 dev lan0 &&
		refused --owner alice
	local status=$?
	ip link delete lan0
	return $status
}

# Firecracker and nothing else is asked for, and KVM is root's alone: refused, and no VM is left.
closed_kvm() {
	local mode group
	mode=$(stat -c %a /dev/kvm) group=$(stat -c %g /dev/kvm)
	chgrp 0 /dev/kvm && chmod 0600 /dev/kvm
	owner doctor --json > $out/closed.json
	echo 'vmm = "firecracker"' > /home/alice/.config/banger/config.toml
	owner daemon reload > /dev/null
	owner vm run --net none --name never -- true
	local status=$?
	rm /home/alice/.config/banger/config.toml
	owner daemon reload > /dev/null
	chgrp "$group" /dev/kvm && chmod "$mode" /dev/kvm
	owner vm list --json > $out/closed.vms
	return $status
}

# What an administrator may do in a bad hour.
break_installation() {
	rm /etc/systemd/system/bangerd-root.socket /usr/local/bin/bangerd-root /usr/local/share/man/man1/banger.1
	echo 'User=bob' >> /etc/systemd/system/bangerd.service
	chmod 0666 /etc/tmpfiles.d/banger.conf
	rm -r /var/cache/banger
	chmod 0755 /var/lib/banger
	chmod 0666 /run/banger-root/bangerd-root.sock
	chown bob /run/banger
	systemctl disable -q bangerd.service
	systemctl stop bangerd.service
}

# Another build in the place of the installed one, as an old copy would be.
old_binary() {
	make_other_build
	install -m 0755 banger-2 /usr/local/bin/banger.x && mv /usr/local/bin/banger.x /usr/local/bin/banger
}

old_helper() {
	old_binary
	systemctl restart bangerd-root.service
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		journalctl -b -o cat -u bangerd-root | grep 'was installed' && break
		systemctl restart bangerd-root.service
	done
	owner doctor --json > $out/old.json
	timeout 120 ./banger doctor --fix --json > $out/old-fixed.json
}

useradd -m bob
install -m 0755 firecracker /usr/bin/firecracker-ok
mkdir -p /home/alice/.config/banger && chown -R alice /home/alice/.config

case_ bare_bob as bob ./banger doctor --json
as bob ./banger daemon stop
case_ bare_root ./banger doctor --json
./banger daemon stop
case_ no_inodes no_inodes
case_ no_vmm no_vmm
case_ writable_way writable_way
case_ route in_use_route
systemctl stop systemd-resolved
case_ no_resolved ./banger system install --owner alice
case_ no_resolved_doctor owner doctor --json
systemctl start systemd-resolved
case_ doctor owner doctor --json
case_ doctor_root root doctor --json
case_ fix_nothing root doctor --fix --json

stock
case_ closed_kvm closed_kvm
case_ create owner vm create --name box --nat
vmm_pid > $out/vmm.before
nft list ruleset > $out/rules.before
nft flush ruleset
case_ flushed owner doctor --json
case_ flushed_fix owner doctor --fix --json
nft list ruleset > $out/rules.after

break_installation
case_ broken owner doctor --json
case_ broken_fix_owner owner doctor --fix --json
case_ broken_fix root doctor --fix --json
case_ repaired owner doctor --fix --json
case_ repaired_root root doctor --fix --json
case_ exec owner vm exec box -- uname -n
vmm_pid > $out/vmm.after
case_ old old_helper
case_ old_gone owner doctor --json

rm /etc/systemd/system/bangerd* && systemctl daemon-reload
case_ no_units owner doctor --json
case_ no_units_fix root doctor --fix --json
rm /run/banger-root/bangerd-root.sock
case_ no_socket owner doctor --json
case_ no_socket_fix root doctor --fix --json
case_ exec_again owner vm exec box -- uname -n
vmm_pid >> $out/vmm.after
chmod 0757 /usr/local/bin/firecracker
case_ open_firecracker owner doctor --json
chmod 0755 /usr/local/bin/firecracker
case_ uninstall root system uninstall --force --purge --yes
ls -d /etc/banger /var/lib/banger /run/banger* /etc/systemd/system/bangerd* > $out/left 2> /dev/null
echo done > $out/end
