/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "cli/doctor.h"
#include "cli/system.h"
#include "store/layout.h"

static void add(void *arg, enum install_level level, const char *text)
{
	struct doctor_check *c = arg;

	if (level == INSTALL_FIXED)
		doctor_fixed(c, "%s", text);
	else
		doctor_add(c, level == INSTALL_FAIL ? DOCTOR_FAIL : DOCTOR_WARN, "%s", text);
}

void doctor_installed(const struct doctor_host *host, struct doctor_check *c)
{
	const struct installed *i = layout_installed();
	AUTO_DONE(str_done) struct str man = STR_INIT;
	struct install_text texts[INSTALL_EXTRA_MAX];
	struct install_look how = { .fix = host->fix, .extra = texts, .say = add, .arg = c };

	if (!i) {
		doctor_add(c, DOCTOR_PASS, layout_root() ? "none is asked for, all lies below %s" : "%s: sudo banger system install --owner USER makes a service of it",
			layout_root() ? layout_root() : "not installed on this host");
		return;
	}
	how.n_extra = system_texts(&man, texts);
	install_look(i, &how);
	if (host->fix && geteuid() != 0 && c->level != DOCTOR_PASS)
		doctor_add(c, c->level, "the installation is root's to mend: sudo banger doctor --fix");
	if (c->level == DOCTOR_PASS)
		doctor_add(c, DOCTOR_PASS, "build %.12s for '%s', files and services as installed", i->build, i->owner);
}
