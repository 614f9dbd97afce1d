# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside a host machine with control groups of version 1: an installed banger, whose VMs have no limits there, says so. What a case printed is left in
# /out/cgroup1/CASE.out and CASE.err, its status in CASE.status, its milliseconds in CASE.ms; test_cgroup1.py asserts.
cd /payload || exit 1
out=/out/cgroup1
mkdir -p $out
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

. ./case.sh

owner() {
	timeout 120 sudo -H -u alice banger "$@"
}

survives_restart() {
	local vmm
	vmm=$(owner vm show box --json | jq -r .pid)
	banger system restart && [ "$(owner vm exec box -- echo there)" = there ] && [ "$(owner vm show box --json | jq -r .pid)" = "$vmm" ]
}

useradd -m alice
chmod -R a+rX /payload
dmesg -n 1
install -m 0755 firecracker /usr/local/bin/firecracker
case_ groups stat -f -c %T /sys/fs/cgroup /sys/fs/cgroup/memory
case_ install ./banger system install --owner alice
case_ kernel owner kernel import debian --deb /payload/kernel.deb
case_ image owner image import debian-bookworm --kernel debian --tar /payload/rootfs.tar
case_ create owner vm create --name box
case_ show owner vm show box --json
case_ status owner daemon status
case_ doctor owner doctor --json
case_ restart survives_restart
case_ uninstall banger system uninstall --force --purge --yes
