# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine: an installed banger whose VMs lie on a small file system that fills up while a jailed Firecracker's guest writes; then its
# owner, then his group, gets a quota there; then the device below fails.
# What a case printed is left in /out/full_disk/CASE.out and CASE.err, its status in CASE.status; test_full_disk.py asserts.
out=/out/full_disk
vms=/var/lib/banger/vms
. /payload/host.sh

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
	systemctl stop bangerd && truncate -s 600M /var/tmp/vms.ext4 && mke2fs -q -t ext4 -m 0 -O quota -E quotatype=usrquota:grpquota /var/tmp/vms.ext4 &&
		loop=$(losetup -f --show /var/tmp/vms.ext4) && sectors=$((600 << 11)) && dmsetup create vms --table "0 $sectors linear $loop 0" &&
		modprobe quota_v2 && mount -o usrquota,grpquota /dev/mapper/vms $vms &&
		rmdir $vms/lost+found && chown alice:alice $vms && chmod 0700 $vms && systemctl start bangerd
}

# allow -u|-g KIB: lets alice, or her group, have so many KiB more than there is.
allow() {
	sync && setquota "$1" alice 0 $(($(du -sk $vms | cut -f1) + $2)) 0 0 $vms
}

# What is left of something that was refused for want of quota.
left() {
	owner banger image list && owner banger vm list && find $vms -type f
}

# Images of the time being lie where the quota is.
import_in_quota() {
	local status
	mkdir $vms/images && chown alice:alice $vms/images && mount --bind $vms/images /var/lib/banger/images
	owner banger image import second --kernel debian --tar /payload/rootfs.tar
	status=$?
	umount /var/lib/banger/images
	return $status
}

# What the VM's store has on the device so far cannot be written any more; what is new can.
break_store() {
	local store
	store=$vms/$(owner banger vm show --json writer | jq -r .id)/root.store
	filefrag -e -b512 "$store" | awk '/^ *[0-9]+:/ { gsub(/[:.]/, " "); print $4, $6 }' | sort -n |
		awk -v dev="$loop" -v n="$sectors" -v at=0 '{ if ($1 > at) print at, $1 - at, "linear", dev, at; print $1, $2, "error"; at = $1 + $2 }
			END { print at, n - at, "linear", dev, at }' > /tmp/broken
	cat /tmp/broken
	grep -q error /tmp/broken && dmsetup load vms /tmp/broken && dmsetup resume vms
}

repair() {
	dmsetup load vms --table "0 $sectors linear $loop 0" && dmsetup resume vms
}

until_reason() {
	for i in $(seq 240); do
		owner banger vm show --json writer | jq -r '"\(.state): \(.reason)"' | grep "$1" && return
		sleep 0.25
	done
	return 1
}

fill() {
	fallocate -l $(($(df -B1 --output=avail $vms | tail -1) - (60 << 20))) $vms/filler
}

timeout 60 ./banger system install --owner alice || exit
stock || exit
case_ small small
case_ create owner banger vm create --name writer --net none --memory 512M --disk-size 64M
case_ fill fill
owner banger vm exec writer -- sh -c 'yes 0123456789abcde | head -c 67108864 > /var/big && sync' > $out/writing.out 2> $out/writing.err < /dev/null &
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

allow -u 4096
case_ quota_import import_in_quota
case_ quota_left left
allow -u 100
case_ quota_create owner banger vm create --no-start --name fat --net none --disk-size 64M
case_ quota_left_too left
setquota -u alice 0 0 0 0 $vms
allow -g $((40 << 10))
case_ quota_vm owner banger vm create --name writer --net none --memory 512M --disk-size 64M
owner banger vm exec writer -- sh -c 'yes 0123456789abcde | head -c 50331648 > /var/big && sync' > $out/quota_writing.out 2> $out/quota_writing.err < /dev/null &
case_ quota_paused until_state paused
case_ quota_show owner banger vm show --json writer
case_ quota_refused owner banger vm start writer
case_ quota_start owner banger vm create --name late --net none
allow -g $((150 << 10))
case_ quota_running until_state running
wait $!
echo $? > $out/quota_writing.status
case_ quota_digest owner banger vm exec writer -- sh -c 'echo 3 > /proc/sys/vm/drop_caches; sha256sum /var/big'

setquota -g alice 0 0 0 0 $vms
case_ flushed owner banger vm exec writer -- sh -c 'echo kept > /etc/kept && sync'
case_ break break_store
case_ unwritten owner timeout 60 banger vm exec writer -- sh -c 'head -c 8388608 /dev/urandom > /var/more && sync && cat /var/more > /dev/null'
case_ reason until_reason 'a write to its root has failed'
case_ repair repair
case_ restart owner banger vm restart writer
case_ kept owner banger vm exec writer -- sh -c 'cat /etc/kept; sha256sum < /var/big'
case_ after owner banger vm show --json writer
case_ gone owner banger vm delete --force writer
journalctl -u bangerd -o cat > $out/journal.out
