/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor/distro.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"

#define OS_RELEASE_MAX 65536
#define FIRECRACKER_RELEASES "the release page of the firecracker-microvm project has static binaries"

static const struct {
	const char *id, *qemu, *firecracker;
} distros[] = {
	{ "debian", "apt-get install qemu-system-x86", FIRECRACKER_RELEASES },
	{ "arch", "pacman -S qemu-system-x86", "pacman -S firecracker, or a package of the AUR" },
	{ "fedora", "dnf install qemu-system-x86-core", FIRECRACKER_RELEASES },
	{ "alpine", "apk add qemu-system-x86_64", "apk add firecracker" },
	{ "suse", "zypper install qemu-x86", FIRECRACKER_RELEASES },
	{ "nixos", "nix-env -iA nixos.qemu_kvm", "nix-env -iA nixos.firecracker" },
};

/* Whether a line "KEY=..." of os-release(5) has the word among its own. */
static bool line_has(const char *text, const char *key, const char *word)
{
	size_t n = strlen(key), len = strlen(word);

	for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		for (const char *p = line + n + 1; *p && *p != '\n';) {
			size_t w;

			p += strspn(p, " \"'");
			w = strcspn(p, " \"'\n");
			if (w == len && strncmp(p, word, w) == 0)
				return true;
			p += w;
		}
		return false;
	}
	return false;
}

const char *distro_hint_for(const char *os_release, enum distro_need need)
{
	static const char *const keys[] = { "ID", "ID_LIKE" };

	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		for (size_t i = 0; i < ARRAY_LEN(distros); i++)
			if (line_has(os_release, keys[k], distros[i].id))
				return need == DISTRO_QEMU ? distros[i].qemu : distros[i].firecracker;
	return need == DISTRO_QEMU ? "install qemu-system-x86_64 from your distribution" : FIRECRACKER_RELEASES;
}

const char *distro_hint(enum distro_need need)
{
	AUTO_MEM char *text = NULL;
	struct err ignored = { 0 }; /* without the file the general words stand */
	size_t n;

	if (fd_read_file(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAX, &text, &n, &ignored) < 0)
		return distro_hint_for("", need);
	return distro_hint_for(text, need);
}
