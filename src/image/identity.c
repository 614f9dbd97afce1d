/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/identity.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext4/tree.h"

#define SSH_DIR "/etc/ssh"

enum { KEYS_MAX = 32 };

struct keys {
	char *names[KEYS_MAX];
	size_t n;
};

static void keys_done(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->names[i]);
}

static int take_key(void *arg, const char *name, const struct ext4_stat *st)
{
	struct keys *k = arg;

	if (k->n < KEYS_MAX && S_ISREG(st->meta.mode) && str_starts(name, "ssh_host_") && (str_ends(name, "_key") || str_ends(name, "_key.pub")))
		k->names[k->n++] = mem_printf(SSH_DIR "/%s", name);
	return 0;
}

/* Of the path itself, not of what it links to. */
static MUST int is_file(struct ext4 *x, const char *path, bool *ret, struct err *e)
{
	struct ext4_stat st;
	struct err none = { 0 };

	*ret = ext4_stat(x, path, false, &st, &none) == 0 && S_ISREG(st.meta.mode);
	if (none.code == ERR_NONE || none.code == ERR_NOT_FOUND)
		return 0;
	*e = none;
	return -1;
}

static MUST int remove_file(struct ext4 *x, const char *path, struct err *e)
{
	bool there;

	if (is_file(x, path, &there, e) < 0)
		return -1;
	return there ? ext4_remove(x, path, e) : 0;
}

static MUST int forget_keys(struct ext4 *x, struct err *e)
{
	AUTO_DONE(keys_done) struct keys keys = { .n = 0 };
	struct err none = { 0 };
	bool keygen;

	if (is_file(x, "/usr/bin/ssh-keygen", &keygen, e) < 0)
		return -1;
	if (!keygen)
		return 0;
	if (ext4_list(x, SSH_DIR, take_key, &keys, &none) < 0 && none.code != ERR_NOT_FOUND) {
		*e = none;
		return -1;
	}
	for (size_t i = 0; i < keys.n; i++)
		if (ext4_remove(x, keys.names[i], e) < 0)
			return -1;
	return 0;
}

static MUST int forget_machine_id(struct ext4 *x, struct err *e)
{
	struct ext4_meta meta = ext4_meta(S_IFREG | 0444, 0, 0, 0);
	bool there;

	if (is_file(x, "/etc/machine-id", &there, e) < 0)
		return -1;
	return there ? ext4_put_file(x, "/etc/machine-id", "", 0, &meta, e) : 0;
}

int image_forget_identity(struct ext4 *x, struct err *e)
{
	if (forget_machine_id(x, e) < 0 || remove_file(x, "/var/lib/dbus/machine-id", e) < 0 || remove_file(x, "/var/lib/systemd/random-seed", e) < 0 ||
	    forget_keys(x, e) < 0)
		return err_wrap(e, "take out what one machine alone may have");
	return 0;
}
