/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/units.h"

#include <ctype.h>
#include <string.h>

#include "agent/files.h"
#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"

char *units_mount_name(const char *path)
{
	struct str s = STR_INIT;

	path += *path == '/';
	for (const char *at = path; *at; at++) {
		bool plain = isalnum((unsigned char)*at) || strchr(":_", *at) || (*at == '.' && at != path);
		if (*at == '/')
			str_add_char(&s, '-');
		else if (plain)
			str_add_char(&s, *at);
		else
			str_addf(&s, "\\x%02x", (unsigned char)*at);
	}
	str_add(&s, s.len ? ".mount" : "-.mount");
	return str_take(&s);
}

static MUST int drop_in(const char *unit, const char *text, struct err *e)
{
	AUTO_MEM char *dir = mem_printf("/run/systemd/system/%s.d", unit), *file = mem_printf("%s/50-banger.conf", dir);

	if (files_make_dirs(dir, e) < 0)
		return -1;
	return files_write(file, text, 0644, e);
}

int units_keep_mounted(const char *path, struct err *e)
{
	AUTO_MEM char *unit = units_mount_name(path);

	return drop_in(unit, "[Unit]\nDefaultDependencies=no\n", e);
}

int units_spare_kmod(struct err *e)
{
	return drop_in("kmod-static-nodes.service",
		       "[Unit]\nConditionFileIsExecutable=|/bin/kmod\nConditionFileIsExecutable=|/usr/bin/kmod\n", e);
}
