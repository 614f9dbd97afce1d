# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine: the same cases with each VMM. What a case printed is left in /out/VMM/CASE.out, its status in CASE.status, its
# milliseconds in CASE.ms; test_hostvm.py asserts.
cd /payload || exit 1
export PATH=$PATH:/payload # Firecracker is found there

banger() {
	timeout 120 ./banger "$@"
}

. ./case.sh

guest() {
	banger vm run --rm --image debian "$@"
}

# Bytes both ways through exec, the sum of what came back.
echo_sum() {
	head -c 33554432 /dev/urandom > /tmp/bytes
	banger vm exec box -- cat < /tmp/bytes > /tmp/back
	cmp /tmp/bytes /tmp/back && echo same
}

# Written and flushed by the guest, then the VMM is killed: the next start finds it.
survives_kill() {
	banger vm exec box -- sh -c 'echo kept > /root/kept; echo kept > /etc/kept; sync; ' || return
	banger vm kill box && banger vm start box && banger vm exec box -- cat /root/kept /etc/kept
}

# until WANTED COMMAND...: runs it until it prints that, half a minute at most.
until_() {
	local i wanted=$1
	shift
	for i in $(seq 60); do
		[ "$("$@" 2> /dev/null)" = "$wanted" ] && return
		sleep 0.5
	done
	return 1
}

state() {
	banger vm show word --json | jq -r .state
}

boot_id() {
	banger vm exec word -- cat /proc/sys/kernel/random/boot_id
}

booted_again() {
	local now
	now=$(boot_id)
	[ -n "$now" ] && [ "$now" != "$1" ] && echo another
}

# An init that tells nobody: what is typed in the guest is noticed.
word_poweroff() {
	banger image import plain --kernel debian --tar busybox.tar >&2 && banger vm create --name word --image plain --net none >&2 || return
	banger vm exec word -- poweroff
	until_ stopped state
	banger vm show word --json | jq -r '.state, .reason'
}

word_reboot() {
	local before
	banger vm start word >&2 && before=$(boot_id) || return
	banger vm exec word -- reboot
	until_ another booted_again "$before"
	state
	booted_again "$before"
	banger vm delete --force word >&2
}

leftovers() {
	banger daemon stop
	pgrep -l 'firecracker|qemu-system|banger'
	ip -o link | grep -v ' lo:'
	find "$BANGER_ROOT" -path '*/vms/*'
}

# The host's own device mapper joins image and store of the stopped box as its guest does: what banger has written is there, whole, and what is
# written through that, banger reads.
joined() (
	set -e
	vm=$(banger vm show box --json)
	root=$(($(echo "$vm" | jq .root_mib) * 2048))
	image=$(echo "$BANGER_ROOT"/state/images/*/rootfs.ext4)
	sectors=$(($(stat -c %s "$image") / 512))
	echo from banger | banger vm write box /etc/word
	head -c 5000000 /dev/urandom > /tmp/big
	banger vm write box /etc/big < /tmp/big
	base=$(losetup -r -f --show "$image")
	store=$(losetup -f --show "$BANGER_ROOT/state/vms/$(echo "$vm" | jq -r .id)/root.store")
	trap 'umount /mnt; dmsetup remove --retry box-root; dmsetup remove --retry box-base; losetup -d "$base" "$store"' EXIT
	{
		echo "0 $sectors linear $base 0"
		[ "$root" -le "$sectors" ] || echo "$sectors $((root - sectors)) zero"
	} | dmsetup create --readonly box-base
	dmsetup create box-root --table "0 $((root > sectors ? root : sectors)) snapshot /dev/mapper/box-base $store P 8"
	e2fsck -fn /dev/mapper/box-root >&2
	mount /dev/mapper/box-root /mnt
	cat /mnt/etc/word
	cmp /tmp/big /mnt/etc/big
	echo from the kernel > /mnt/etc/other
	umount /mnt
	dmsetup remove --retry box-root
	dmsetup remove --retry box-base
	losetup -d "$base" "$store"
	trap - EXIT
	banger vm read box /etc/other
)

cases() {
	vmm=$1 out=/out/$1
	export BANGER_ROOT=/var/tmp/$vmm
	mkdir -p "$out" "$BANGER_ROOT/config"
	echo "vmm = \"$vmm\"" > "$BANGER_ROOT/config/config.toml"
	case_ kernel banger kernel import debian --deb kernel.deb
	case_ image banger image import debian --kernel debian --tar rootfs.tar
	case_ doctor banger doctor --json
	case_ first guest -- uname -r
	case_ second guest -- uname -r
	case_ third guest -- uname -r
	case_ status guest -- sh -c 'exit 7'
	case_ disks guest -- lsblk -rno NAME,RO
	case_ create banger vm create --name box --image debian
	case_ show banger vm show box --json
	case_ net ping -c 1 -W 5 "$(jq -r .address "$out/show.out")"
	case_ echo echo_sum
	case_ kill survives_kill
	case_ stop banger vm stop box
	case_ joined joined
	case_ delete banger vm delete box
	case_ poweroff word_poweroff
	case_ reboot word_reboot
	case_ leftovers leftovers
}

dmesg -n 1
if [ -x firecracker ]; then cases firecracker; fi
cases qemu
