/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kfile/modorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kfile/modset_internal.h"

enum { GROUP_BUS = 1, GROUP_DISK, GROUP_FS, GROUP_VSOCK, GROUP_VSOCK_BUS };

const struct modorder_want MODORDER_GUEST[] = {
	{ "virtio_pci", GROUP_BUS },
	{ "virtio_mmio", GROUP_BUS },
	{ "virtio_blk", GROUP_DISK },
	{ "ext4", GROUP_FS },
	{ "dm_mod", 0 },
	{ "dm_snapshot", 0 },
	{ "dm_zero", 0 },
	{ "vsock", GROUP_VSOCK },
	{ "vmw_vsock_virtio_transport", GROUP_VSOCK_BUS },
	{ "virtio_net", 0 },
	{ "virtio_rng", 0 },
	{ "virtio_balloon", 0 },
	{ NULL, 0 },
};

struct walk {
	const struct modset *s;
	struct modorder out;
	unsigned char *state; /* of each module */
};
enum { FRESH, ENTERED, PLACED };

static void place(struct walk *w, size_t i);

/* A soft need is a module's name or an alias, which several modules may bear: "crc32c". None is fine. */
static void place_named(struct walk *w, const char *name)
{
	size_t i = kfile_modset_find(w->s, name);

	if (i != SIZE_MAX) {
		place(w, i);
		return;
	}
	for (i = 0; i < w->s->n; i++)
		for (size_t k = 0; k < w->s->modules[i].aliases.n; k++)
			if (str_eq(w->s->modules[i].aliases.v[k], name))
				place(w, i);
}

/* "pre: a b post: c"; words before either count for neither, as in modprobe.d(5). */
static void place_softdeps(struct walk *w, const struct module *m, const char *section)
{
	for (size_t i = 0; i < m->softdeps.n; i++) {
		AUTO_MEM char *text = mem_strdup(m->softdeps.v[i]);
		bool in = false;
		char *rest = NULL;
		for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
			if (str_ends(word, ":"))
				in = str_eq(word, section);
			else if (in)
				place_named(w, word);
		}
	}
}

/* Soft needs may lead in circles: what has been entered is not entered again. */
static void place(struct walk *w, size_t i)
{
	const struct module *m = &w->s->modules[i];

	if (w->state[i] != FRESH)
		return;
	w->state[i] = ENTERED;
	for (size_t k = m->n_deps; k-- > 0;)
		place(w, m->deps[k]);
	place_softdeps(w, m, "pre:");
	w->out.v[w->out.n++] = i;
	w->state[i] = PLACED;
	place_softdeps(w, m, "post:");
}

bool kfile_modorder_has(const struct modset *s, const char *name)
{
	return kfile_modset_find(s, name) != SIZE_MAX || kfile_modset_is_builtin(s, name);
}

static bool group_served(const struct modset *s, const struct modorder_want *wants, unsigned group)
{
	for (; wants->name; wants++)
		if (wants->group == group && kfile_modorder_has(s, wants->name))
			return true;
	return false;
}

static bool first_of_group(const struct modorder_want *wants, const struct modorder_want *w)
{
	for (; wants != w; wants++)
		if (wants->group == w->group)
			return false;
	return true;
}

static MUST int check_groups(const struct modset *s, const struct modorder_want *wants, struct err *e)
{
	AUTO_DONE(str_done) struct str missing = STR_INIT;

	for (const struct modorder_want *w = wants; w->name; w++) {
		if (!w->group || group_served(s, wants, w->group))
			continue;
		str_addf(&missing, "%s'%s'", !missing.len ? "" : first_of_group(wants, w) ? ", " : " or ", w->name);
	}
	if (!missing.len)
		return 0;
	return err_set(e, ERR_INVALID, "kernel lacks what a guest needs: %s", missing.data);
}

int kfile_modorder(const struct modset *s, const struct modorder_want *wants, struct modorder *ret, struct err *e)
{
	if (check_groups(s, wants, e) < 0)
		return -1;
	struct walk w = { .s = s };
	w.state = mem_new(s->n);
	w.out.v = mem_array(s->n, sizeof(*w.out.v));
	for (; wants->name; wants++)
		place_named(&w, wants->name);
	free(w.state);
	*ret = w.out;
	return 0;
}

void kfile_modorder_done(struct modorder *o)
{
	free(o->v);
	*o = (struct modorder){ 0 };
}
