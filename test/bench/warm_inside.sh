# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine, from test/bench/warm: by turns a VM made and started by banger, whose log tells what that cost, and the same by the host's
# programs without a VMM. /out/times gets a line "STEP SECONDS" for each of theirs, /out/log banger's lines, /out/taps what taps cost; the first
# command that fails ends it.
set -euo pipefail
cd /payload
dmesg -n 1
. ./settings # rounds
export HOME=/root PATH=$PATH:/payload # Firecracker is found there
export BANGER_ROOT=/var/tmp/warm
unset JOURNAL_STREAM # a log for the journal has no times
work=/var/tmp/programs
log=$BANGER_ROOT/state/bangerd.log
mkdir -p $BANGER_ROOT/config $work /out
echo 'vmm = "firecracker"' > $BANGER_ROOT/config/config.toml

banger() {
	timeout -k 5 120 ./banger "$@" > /out/said 2>&1 || { echo "banger $*: status $?"; cat /out/said; tail -n 20 $log; exit 1; }
}

# One step of the programs' way; what it prints is not wanted.
step() {
	local name=$1 start=$EPOCHREALTIME
	shift
	"$@" > $work/said 2>&1 < /dev/null || { echo "$name failed with $?:"; cat $work/said; exit 1; }
	awk -v a="$start" -v b="$EPOCHREALTIME" -v n="$name" 'BEGIN { printf "%s %.6f\n", n, b - a }' >> /out/times
}

# The disks of one VM: a store for changes, a work disk with a seed, whose files are written back as root's.
make_work() {
	truncate -s 8G $work/work.ext4
	mkfs.ext4 -q -F -E root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1 $work/work.ext4
}

seed_work() {
	rm -rf $work/seed && mkdir $work/seed
	debugfs -R "rdump / $work/seed" $work/seed.ext4
	(cd $work/seed && find . -type f | while read -r f; do
		echo "write $work/seed/$f ${f#./}"
		echo "sif ${f#./} mode 0100644"
		echo "sif ${f#./} uid 0"
		echo "sif ${f#./} gid 0"
	done) > $work/commands
	debugfs -w -f $work/commands $work/work.ext4
}

attach_loops() {
	base=$(losetup -f --show --read-only "$image")
	cow=$(losetup -f --show $work/cow)
}

join() {
	echo "0 $(blockdev --getsz "$base") snapshot $base $cow P 8" | dmsetup create fc-rootfs
}

# What the guest is told is written into its root, straight to the device.
edit_root() {
	local f
	mkdir -p $work/files
	for f in hostname hosts resolv.conf fstab 99-banger.conf network.conf; do echo "$f of a guest" > $work/files/$f; done
	debugfs -w -f - /dev/mapper/fc-rootfs <<-E
		rm /etc/hostname
		write $work/files/hostname /etc/hostname
		rm /etc/hosts
		write $work/files/hosts /etc/hosts
		rm /etc/resolv.conf
		write $work/files/resolv.conf /etc/resolv.conf
		rm /etc/fstab
		write $work/files/fstab /etc/fstab
		write $work/files/99-banger.conf /etc/99-banger.conf
		write $work/files/network.conf /etc/network.conf
	E
}

make_bridge() {
	ip link show br-old || ip link add br-old type bridge
	ip addr add 172.18.0.1/24 dev br-old
	ip link set br-old up
}

make_tap() {
	ip tuntap add dev tap-old mode tap user 0
	ip link set tap-old master br-old
	ip link set dev tap-old type bridge_slave isolated on
	ip link set tap-old up
}

# As strict as ours: outside by NAT, and a frame from the tap is the guest's own.
make_rules() {
	nft -f - <<-E
		table ip old {
			chain forward { type filter hook forward priority 0; iifname "br-old" accept; oifname "br-old" ct state established,related accept; oifname "br-old" drop; }
			chain postrouting { type nat hook postrouting priority 100; ip saddr 172.18.0.2 oifname != "br-old" masquerade; }
		}
		table netdev old {
			chain guard { type filter hook ingress device "tap-old" priority -300; policy drop;
				ether saddr 06:00:ac:12:00:02 arp saddr ip 172.18.0.2 accept
				ether saddr 06:00:ac:12:00:02 ip saddr 172.18.0.2 accept
			}
		}
	E
}

sync_files() {
	sync $work/work.ext4 $work
}

programs() {
	step create:cow truncate -s 8G $work/cow
	step create:mkfs make_work
	step create:seed seed_work
	step create:sync sync_files
	step start:losetup attach_loops
	step start:dmsetup join
	step start:fsck e2fsck -p /dev/mapper/fc-rootfs
	step start:files edit_root
	step start:bridge make_bridge
	step start:tap make_tap
	step start:rules make_rules
	step start:forwarding sysctl -w net.ipv4.ip_forward=1
	nft delete table ip old
	nft delete table netdev old
	ip link del tap-old
	ip link del br-old
	dmsetup remove fc-rootfs
	losetup -d "$base" "$cow"
	rm $work/cow $work/work.ext4
}

ours() {
	banger vm create --name warm --no-start --net nat --memory 512
	banger vm start warm
	banger vm kill warm
	banger vm delete warm
}

banger kernel import debian --deb kernel.deb
banger image import debian-bookworm --kernel debian --tar rootfs.tar
image=$(echo $BANGER_ROOT/state/images/*/rootfs.ext4)
# The original's seed is a file of its own, made with the image.
mkdir -p $work/root && debugfs -R "rdump /root $work/root" "$image" > /dev/null 2>&1
truncate -s 512M $work/seed.ext4 && mkfs.ext4 -q -F -d $work/root/root $work/seed.ext4
# The first start also looks for KVM, which a loaded machine may answer late, and makes the kernel's initrd.
for i in 1 2 3; do
	if (ours); then break; fi
	./banger vm delete --force warm || true         # there is none when its creation has failed
done
before=$(stat -c %s $log)
for i in $(seq "$rounds"); do
	programs
	ours
	echo "round $i"
done
tail -c +$((before + 1)) $log > /out/log
unshare -n ./bench_tap 50 > /out/taps
banger daemon stop
uname -r > /out/kernel
if pgrep -fl '^(/[^ ]*/)?(firecracker|bangerd|banger-)'; then exit 1; fi
