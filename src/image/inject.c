/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/inject.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext4/tree.h"
#include "image/guest_files.h"

#define AGENT "/usr/local/bin/banger-vsock-agent"

enum { BINARY_MAX = 64 << 20, FSTAB_MAX = 1 << 20 };

/* needs: a folder that the image must have for this to be of use. Exactly one of file (in guest/) and link (the target) is set. */
static const struct injected {
	const char *needs, *path, *file, *link;
	unsigned mode;
} injected[] = {
	{ "/etc/systemd", "/etc/systemd/system/banger-vsock-agent.service", "banger-vsock-agent.service", NULL, 0644 },
	{ "/etc/systemd", "/etc/systemd/system/sysinit.target.wants/banger-vsock-agent.service", NULL, "../banger-vsock-agent.service", 0777 },
	{ "/etc/systemd", "/etc/modules-load.d/banger.conf", "modules-load.conf", NULL, 0644 },
	/* both, since they are one folder only where /usr is merged */
	{ "/usr/lib/systemd", "/usr/lib/systemd/system-shutdown/banger-init", NULL, AGENT, 0777 },
	{ "/lib/systemd", "/lib/systemd/system-shutdown/banger-init", NULL, AGENT, 0777 },
	{ "/etc/runlevels/default", "/etc/init.d/banger-vsock-agent", "openrc", NULL, 0755 },
	{ "/etc/runlevels/default", "/etc/runlevels/default/banger-vsock-agent", NULL, "/etc/init.d/banger-vsock-agent", 0777 },
	{ "/etc/runit/runsvdir/default", "/etc/sv/banger-vsock-agent/run", "runit", NULL, 0755 },
	{ "/etc/runit/runsvdir/default", "/etc/runit/runsvdir/default/banger-vsock-agent", NULL, "/etc/sv/banger-vsock-agent", 0777 },
	{ "/etc/systemd", "/etc/systemd/system/banger-ssh-host-keys.service", "ssh-host-keys.service", NULL, 0644 },
	{ "/etc/systemd", "/etc/systemd/system/ssh.service.wants/banger-ssh-host-keys.service", NULL, "../banger-ssh-host-keys.service", 0777 },
	{ "/etc/systemd", "/etc/systemd/system/sshd.service.wants/banger-ssh-host-keys.service", NULL, "../banger-ssh-host-keys.service", 0777 },
	{ "/etc/ssh", "/etc/ssh/sshd_config.d/99-banger.conf", "sshd.conf", NULL, 0644 },
};

static MUST int has_folder(struct ext4 *x, const char *path, bool *ret, struct err *e)
{
	struct ext4_stat st;
	struct err stat = { 0 };

	*ret = false;
	if (ext4_stat(x, path, true, &st, &stat) == 0) {
		*ret = S_ISDIR(st.meta.mode);
		return 0;
	}
	if (stat.code == ERR_NOT_FOUND)
		return 0;
	*e = stat;
	return -1;
}

static MUST int make_parents(struct ext4 *x, const char *path, struct err *e)
{
	AUTO_MEM char *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	struct ext4_meta meta = ext4_meta(S_IFDIR | 0755, 0, 0, 0);

	return ext4_make_dirs(x, dir, &meta, e);
}

static MUST int put(struct ext4 *x, const char *path, const void *data, size_t n, unsigned mode, struct err *e)
{
	struct ext4_meta meta = ext4_meta(S_IFREG | mode, 0, 0, 0);

	if (make_parents(x, path, e) < 0)
		return -1;
	return ext4_put_file(x, path, data, n, &meta, e);
}

static MUST int put_row(struct ext4 *x, const struct injected *row, struct err *e)
{
	struct ext4_meta meta = ext4_meta(S_IFLNK | 0777, 0, 0, 0);

	if (row->link)
		return make_parents(x, row->path, e) < 0 ? -1 : ext4_symlink(x, row->path, row->link, &meta, e);
	for (size_t i = 0; i < n_guest_files; i++)
		if (str_eq(guest_files[i].name, row->file))
			return put(x, row->path, guest_files[i].data, guest_files[i].n, row->mode, e);
	return err_set(e, ERR_INTERNAL, "no guest file '%s'", row->file);
}

static MUST int put_binary(struct ext4 *x, struct err *e)
{
	AUTO_MEM char *data = NULL;
	size_t n = 0;

	if (fd_read_file(AT_FDCWD, "/proc/self/exe", BINARY_MAX, &data, &n, e) < 0)
		return -1;
	return put(x, AGENT, data, n, 0755, e);
}

/* The first field of an fstab line names a disk. */
static bool names_disk(const char *line)
{
	static const char *const kinds[] = { "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID=", "/dev/" };

	line += strspn(line, " \t");
	if (*line == '"' || *line == '\'')
		line++;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_starts(line, kinds[i]))
			return true;
	return false;
}

char *image_fstab_text(const char *old)
{
	struct str s = STR_INIT;
	bool changed = false;

	for (const char *at = old; *at;) {
		size_t n = strcspn(at, "\n");
		AUTO_MEM char *line = mem_strndup(at, n);
		if (names_disk(line)) {
			str_addf(&s, "# not in a banger VM: %s\n", line);
			changed = true;
		} else {
			str_addf(&s, "%s\n", line);
		}
		at += n + (at[n] == '\n');
	}
	if (changed)
		return str_take(&s);
	str_done(&s);
	return NULL;
}

static MUST int edit_fstab(struct ext4 *x, struct err *e)
{
	AUTO_MEM char *old = NULL, *text = NULL;
	struct ext4_stat st;
	struct err read = { 0 };
	size_t n;

	if (ext4_stat(x, "/etc/fstab", true, &st, &read) < 0 || ext4_read_file(x, "/etc/fstab", FSTAB_MAX, &old, &n, &read) < 0) {
		if (read.code == ERR_NOT_FOUND)
			return 0;
		*e = read;
		return -1;
	}
	text = image_fstab_text(old);
	return text ? put(x, "/etc/fstab", text, strlen(text), st.meta.mode & 07777, e) : 0;
}

int image_inject(struct ext4 *x, struct err *e)
{
	if (put_binary(x, e) < 0)
		return err_wrap(e, "inject the agent");
	for (size_t i = 0; i < ARRAY_LEN(injected); i++) {
		bool wanted = false;
		if (has_folder(x, injected[i].needs, &wanted, e) < 0 || (wanted && put_row(x, &injected[i], e) < 0))
			return err_wrap(e, "inject '%s'", injected[i].path);
	}
	if (edit_fstab(x, e) < 0)
		return err_wrap(e, "edit '/etc/fstab'");
	return 0;
}
