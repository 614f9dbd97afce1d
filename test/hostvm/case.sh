# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the scripts that run inside the host machine, after they have set out.

# case_ NAME COMMAND...: what it prints is left in $out/NAME.out and NAME.err, its status in NAME.status, its milliseconds in NAME.ms.
case_() {
	local name=$1 start
	shift
	start=$(date +%s%N)
	"$@" > "$out/$name.out" 2> "$out/$name.err" < /dev/null
	echo $? > "$out/$name.status"
	echo $((($(date +%s%N) - start) / 1000000)) > "$out/$name.ms"
	echo "${out##*/}: $name: status $(cat "$out/$name.status"), $(cat "$out/$name.ms") ms"
	# What hangs is to be found out from the console.
	[ "$(cat "$out/$name.status")" != 124 ] || { ps axf; systemctl list-jobs; journalctl -b -o cat -n 60; }
}
