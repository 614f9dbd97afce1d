# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine: an installed banger's owner, who has no rights, with ssh's programs over the network and over vsock, and with what new VMs
# get of hers. What a case printed is left in /out/owner/CASE.out and CASE.err, its status in CASE.status, its milliseconds in CASE.ms; test_owner.py asserts.
out=/out/owner
. /payload/host.sh

owner() {
	(cd /home/alice && timeout 180 sudo -H -u alice "$@")
}

# Who calls, as the guest's sshd sees it.
way() {
	owner ssh "$1.vm" 'echo ${SSH_CLIENT%% *}; id -un'
}

copy() {
	owner scp -q data "$1.vm:data" && owner scp -q "$1.vm:data" "back-$1" && owner cmp data "back-$1" && echo same
}

# The stock guest has no rsync, so it gets this machine's, with its libraries.
give_rsync() {
	local loader
	loader=$(ldd /usr/bin/rsync | grep -o '/\S*ld-linux\S*')
	owner ssh "$1.vm" mkdir -p rsync && owner scp -q /usr/bin/rsync $(ldd /usr/bin/rsync | grep -o '/[^ ]*') "$1.vm:rsync/" &&
		owner ssh "$1.vm" "printf '#!/bin/sh\nexec /root/rsync/${loader##*/} --library-path /root/rsync /root/rsync/rsync \"\$@\"\n' > /usr/local/bin/rsync &&
			chmod +x /usr/local/bin/rsync"
}

sync_tree() {
	give_rsync "$1" && owner rsync -a tree/ "$1.vm:tree/" && owner rsync -a "$1.vm:tree/" "tree-$1/" && owner diff -r tree "tree-$1" && echo same
}

# The commit made in the guest has the owner's name by what its work disk got.
push() {
	owner ssh "$1.vm" git init -q --bare repo.git && owner git -C repo push -q "$1.vm:repo.git" main &&
		owner ssh "$1.vm" 'git clone -q -b main repo.git clone && git -C clone commit -q --allow-empty -m guest && git -C clone push -q origin main' &&
		owner git -C repo pull -q "$1.vm:repo.git" main && owner git -C repo log --format='%an <%ae> %s'
}

synced() {
	owner banger vm exec "$1" -- sh -c 'cd; stat -c "%n %a %U" .aws .aws/config bin/tool; cat .aws/config; bin/tool; ls -A .aws'
}

# A helper that its service manager has begun to start and that does not answer: who asks the daemon meanwhile is answered at once.
helper_hangs() {
	local start ms worst=0 i
	mkdir -p /run/systemd/system/bangerd-root.service.d
	printf '[Service]\nExecStartPre=/bin/sleep 20\n' > /run/systemd/system/bangerd-root.service.d/hang.conf
	systemctl daemon-reload
	kill -9 "$(systemctl show -P MainPID bangerd-root)"
	for i in $(seq 8); do
		start=$(date +%s%N)
		owner banger vm list > /dev/null || return
		ms=$((($(date +%s%N) - start) / 1000000))
		[ $ms -le $worst ] || worst=$ms
		sleep 0.5
	done
	echo "worst $worst ms"
	[ "$(systemctl is-active bangerd-root)" != active ] && echo hanging
	rm -r /run/systemd/system/bangerd-root.service.d
	systemctl daemon-reload
	for i in $(seq 90); do
		[ "$(owner banger daemon status --json | jq .helper_pid)" = "$(systemctl show -P MainPID bangerd-root)" ] && echo "back" && break
		sleep 0.5
	done
	owner banger vm create --name after && owner banger vm exec after -- true && owner banger vm delete --force after
}

# The host's file holds for its owner, whose own keys win; without a restart.
host_config() {
	printf 'default_image_name = "other"\n[vm_defaults]\nvcpu = 3\nmemory_mib = 640\n' > /etc/banger/config.toml
	printf '[vm_defaults]\nvcpu = 1\n' >> /home/alice/.config/banger/config.toml
	owner banger daemon reload && owner banger daemon status --json | jq -c '.defaults[] | [.name, .value, .source]' &&
		owner banger vm create --no-start --image debian-bookworm --name sized && owner banger vm show --json sized | jq -c '[.vcpus, .memory_mib]' &&
		owner banger vm delete sized
}

owner bash -e <<-'X'
	git config --global user.name 'Alice A'
	git config --global user.email alice@example.org
	git config --global init.defaultBranch main
	mkdir -p .aws bin .config/banger tree/below
	printf '[default]\n' > .aws/config && chmod 0640 .aws/config && chmod 0750 .aws
	ln -s /etc/shadow .aws/stolen
	printf '#!/bin/sh\necho tool runs\n' > bin/tool
	printf '[[file_sync]]\nhost = "~/.aws"\nguest = "~/.aws"\n[[file_sync]]\nhost = "~/bin/tool"\nguest = "~/bin/tool"\nmode = "0755"\n' > .config/banger/config.toml
	head -c 3000000 /dev/urandom > data
	for i in $(seq 40); do seq $i > "tree/below/file $i"; done
	git init -q repo && echo content > repo/file && git -C repo add file && git -C repo commit -q -m host
X
timeout 60 ./banger system install --owner alice || exit
stock || exit

case_ install owner banger ssh-config --install
# One VM at a time: the emulated processor's own virtualisation has crashed this machine's kernel when two booted side by side.
for vm in network vsock; do
	case_ create_$vm owner banger vm create --name $vm --net "$([ $vm = network ] && echo private || echo none)"
	case_ way_$vm way $vm
	case_ scp_$vm copy $vm
	case_ rsync_$vm sync_tree $vm
	case_ git_$vm push $vm
	case_ synced_$vm synced $vm
	case_ interfaces_$vm owner banger vm exec $vm -- ls /sys/class/net
	case_ delete_$vm owner banger vm delete --force $vm
done
case_ keys find /var/lib/banger/ssh ! -user alice
case_ helper_hangs helper_hangs
case_ host_config host_config
case_ doctor owner banger doctor
