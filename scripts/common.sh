# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by quickstart and test: messages, stages with their times, packages, room on disk.

say() { echo "$me: $*"; }
die() { echo "$me: $*" >&2; exit 1; }
now_ms() { date +%s%3N; }

# stage NAME COMMAND...: runs it and remembers what it took, for print_stages; ends the script when it fails.
stages=
stage() {
	stage_name=$1
	shift
	say "$stage_name"
	stage_begin=$(now_ms)
	stage_status=0
	"$@" || stage_status=$?
	stage_ms=$(($(now_ms) - stage_begin))
	stages="$stages$(printf '%7d.%d s  %s' $((stage_ms / 1000)) $((stage_ms % 1000 / 100)) "$stage_name")
"
	[ "$stage_status" = 0 ] || die "failed at: $stage_name (status $stage_status)"
}
print_stages() { printf '%s' "$stages"; }

# Prints those of the packages that are not installed.
missing_packages() {
	for mp in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$mp" 2>/dev/null) in
		installed) ;;
		*) echo "$mp" ;;
		esac
	done
}

# need_packages PACKAGE...: installs what is missing; without the rights, or on another distribution, says what has to be done.
need_packages() {
	command -v dpkg-query >/dev/null || die "this machine is no Debian: install the equivalent of: $*"
	np_missing=$(missing_packages "$@" | tr '\n' ' ')
	[ -n "$np_missing" ] || return 0
	[ "$(id -u)" = 0 ] || die "packages are missing and only root can install them: sudo apt-get install $np_missing"
	say "installing $np_missing"
	apt-get -qq update || die "apt-get update failed: is the package archive reachable?"
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $np_missing >"${TMPDIR:-/tmp}/$me-apt.log" 2>&1 ||
		die "apt-get install failed: see ${TMPDIR:-/tmp}/$me-apt.log"
}

# need_space DIR MIB
need_space() {
	ns_free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$ns_free" -ge "$2" ] || die "'$1' has $ns_free MiB free and $2 are needed"
}

# Packages that every build needs; a compiler cache is used when it is there.
build_packages="gcc libc6-dev binutils meson ninja-build python3 debian-archive-keyring ca-certificates xz-utils bzip2"
