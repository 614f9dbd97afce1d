# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by other scripts. apt_private DIR TYPE SUITE...: makes in DIR an apt state of its own with the given suites of the archive that this
# machine uses, and reads their indexes; afterwards plain apt-get calls use it. TYPE is deb or deb-src. Nothing under /etc or /var is touched,
# no root is needed and no host is named: address and keyring come from the machine's own configuration. Returns 1 with a message on stderr.

# apt_source TYPE SUITE: prints the line for a sources.list.
apt_source() {
	command -v apt-get >/dev/null || { echo "no apt-get on this machine" >&2; return 1; }
	as_codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# --no-release-info: also answers where apt-get update has never run
	as_uri=$(APT_CONFIG='' apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
		"Release: $as_codename" | head -n 1)
	[ -n "$as_uri" ] || { echo "apt's configuration names no archive for '$as_codename'" >&2; return 1; }
	as_key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r "$as_key" ] || { echo "package debian-archive-keyring is missing" >&2; return 1; }
	echo "$1 [signed-by=$as_key] $as_uri $2 main"
}

apt_private() {
	ap_dir=$1 ap_type=$2
	shift 2
	mkdir -p "$ap_dir/lists/partial" "$ap_dir/cache/archives/partial"
	: >"$ap_dir/status"
	: >"$ap_dir/sources.list"
	for ap_suite in "$@"; do
		apt_source "$ap_type" "$ap_suite" >>"$ap_dir/sources.list" || return 1
	done
	cat >"$ap_dir/apt.conf" <<CONF
Dir::Etc::SourceList "$ap_dir/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$ap_dir";
Dir::State::Lists "$ap_dir/lists";
Dir::State::status "$ap_dir/status";
Dir::Cache "$ap_dir/cache";
Acquire::Languages "none";
APT::Sandbox::User "";
CONF
	APT_CONFIG=$ap_dir/apt.conf
	export APT_CONFIG
	apt-get -qq update
}
