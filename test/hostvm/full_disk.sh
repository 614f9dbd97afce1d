# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine: an installed banger whose VMs lie on a small file system that fills up while a jailed Firecracker's guest writes.
# What a case printed is left in /out/full_disk/CASE.out and CASE.err, its status in CASE.status; test_full_disk.py asserts.
cd /payload || exit 1
out=/out/full_disk
mkdir -p $out
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
vms=/var/lib/banger/vms

. ./case.sh

owner() {
	(cd /home/alice && timeout 300 sudo -H -u alice "$@")
}

state() {
	owner banger vm show --json writer | jq -r .state
}

until_state() {
	for i in $(seq 400); do
		[ "$(state)" = "$1" ] && df -B1 --output=avail $vms | tail -1 && return
		sleep 0.25
	done
	return 1
}

# 600 MiB, of which 30 are the reserve.
small() {
	systemctl stop bangerd && truncate -s 600M /var/tmp/vms.ext4 && mke2fs -q -t ext4 -m 0 /var/tmp/vms.ext4 && mount -o loop /var/tmp/vms.ext4 $vms &&
		rmdir $vms/lost+found && chown alice:alice $vms && chmod 0700 $vms && systemctl start bangerd
}

fill() {
	fallocate -l $(($(df -B1 --output=avail $vms | tail -1) - (120 << 20))) $vms/filler
}

chmod -R a+rX /payload
useradd -m -s /bin/bash alice
dmesg -n 1
install -m 0755 firecracker /usr/local/bin/firecracker
timeout 60 ./banger system install --owner alice || exit
owner banger kernel import debian --deb /payload/kernel.deb || exit
owner banger image import debian-bookworm --kernel debian --tar /payload/rootfs.tar || exit
case_ small small
case_ create owner banger vm create --name writer --net none --memory 512M --disk-size 64M
case_ fill fill
owner banger vm exec writer -- sh -c 'yes 0123456789abcde | head -c 209715200 > /var/big && sync' > $out/writing.out 2> $out/writing.err < /dev/null &
case_ paused until_state paused
case_ show owner banger vm show --json writer
case_ refused owner banger vm exec writer -- true
rm $vms/filler
case_ running until_state running
wait $!
echo $? > $out/writing.status
case_ digest owner banger vm exec writer -- sh -c 'echo 3 > /proc/sys/vm/drop_caches; sha256sum /var/big'
case_ dmesg owner banger vm exec writer -- sh -c 'dmesg | grep -ci "error" || true'
case_ delete owner banger vm delete --force writer
journalctl -u bangerd -o cat > $out/journal.out
