# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced first by the scripts that run an installed banger in the host machine, with the folder for what they leave in $out: its owner-to-be alice and root's
# Firecracker are there then.
cd /payload || exit 1
mkdir -p "$out"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

. ./case.sh

as() {
	local user=$1
	shift
	timeout 120 sudo -H -u "$user" "$@"
}

owner() {
	as alice banger "$@"
}

# The kernel and the image that vm run takes where it is told none.
stock() {
	as alice banger kernel import debian --deb /payload/kernel.deb && as alice banger image import debian-bookworm --kernel debian --tar /payload/rootfs.tar
}

vmm_pid() {
	owner vm show box --json | jq -r .pid
}

# Milliseconds until exec works again after a command that takes the services away; the VM's process must be the same all along.
survives() {
	local vmm start
	vmm=$(vmm_pid)
	"$@" || return
	start=$(date +%s%N)
	[ "$(owner vm exec box -- uname -n)" = box ] || return
	echo "exec after $((($(date +%s%N) - start) / 1000000)) ms"
	[ "$(vmm_pid)" = "$vmm" ] && [ -d /proc/"$vmm" ]
}

# The control group of a process, and what it may take of the machine.
limits() {
	local group
	group=$(cut -d: -f3 < /proc/"$1"/cgroup)
	echo "Group: $group"
	for file in memory.max cpu.max pids.max; do
		echo "$file: $(cat "/sys/fs/cgroup$group/$file")"
	done
}

vmm_limits() {
	limits "$(vmm_pid)"
}

# Every file and folder with mode, owner and link, but for what the machine itself keeps changing.
tree() {
	find / -xdev \( -path /proc -o -path /sys -o -path /out -o -path /payload -o -path /tmp -o -path /var/log -o -path /var/tmp \
		-o -path /var/lib/systemd -o -path /root -o -path /home \) -prune -o -printf '%p %M %u:%g %l\n' | sort
	ls -A /run | grep banger
	ip -o link | grep -o 'br-fc[^:]*'
	find /sys/fs/cgroup -name 'banger*'
	ps -eo comm= | grep -E '^(banger|firecracker|qemu)'
}

# banger-2, another build of the same program: one byte at its end does not change its build id, so the id itself is changed.
make_other_build() {
	python3 - <<-'P'
		data = bytearray(open("/payload/banger", "rb").read())
		at = data.index(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0") + 16
		data[at] ^= 1
		open("/payload/banger-2", "wb").write(data)
	P
	chmod 0755 banger-2
}

chmod -R a+rX /payload
useradd -m -s /bin/bash alice
dmesg -n 1
install -m 0755 firecracker /usr/local/bin/firecracker
