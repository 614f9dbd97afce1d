/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "install/install_internal.h"
#include "store/layout.h"

/* The first failure is kept, the steps go on. */
static void note(struct err *first, struct err *e)
{
	if (first->code == ERR_NONE)
		*first = *e;
	err_clear(e);
}

static void stop_services(struct err *first)
{
	struct err e = { 0 };

	if (systemd_runs() && systemd_end_all(&e) < 0)
		note(first, &e);
}

static void remove_state(struct err *first)
{
	static const char *const trees[] = { LAYOUT_SYSTEM_STATE, LAYOUT_SYSTEM_CACHE };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(trees); i++)
		if (path_remove_tree(trees[i], &e) < 0)
			note(first, &e);
}

int install_remove(bool purge, struct err *e)
{
	static const char *const reload[] = { "daemon-reload", NULL };
	static const char *const runs[] = { LAYOUT_SYSTEM_RUN, LAYOUT_HELPER_RUN };
	AUTO_DONE(installed_done) struct installed old = { 0 };
	struct err first = { 0 }, step = { 0 };

	/* Without the list nothing is known of folders, and none goes but our own. */
	if (installed_load(&old, &step) < 0)
		err_clear(&step);
	stop_services(&first);
	for (size_t i = 0; install_paths[i]; i++)
		if (path_remove(install_paths[i], &step) < 0)
			note(&first, &step);
	if (systemd_runs() && systemctl(reload, &step) < 0)
		note(&first, &step);
	if (systemd_runs())
		systemd_forget_failures();
	for (size_t i = 0; i < ARRAY_LEN(runs); i++)
		if (path_remove_tree(runs[i], &step) < 0)
			note(&first, &step);
	if (purge)
		remove_state(&first);
	/* Deepest first; one that has others' files in it, or our state, stays. */
	for (size_t i = old.n_made; i--;)
		if (rmdir(old.made[i]) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT) {
			err_sys(&step, errno, "remove folder '%s'", old.made[i]);
			note(&first, &step);
		}
	rmdir(LAYOUT_ETC);
	if (first.code == ERR_NONE)
		return 0;
	*e = first;
	return -1;
}
