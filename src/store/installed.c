/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/installed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/toml.h"
#include "store/layout.h"

#define INSTALLED_MAX_BYTES 65536
#define UID_MAX_ (UINT32_MAX - 1)

void installed_done(struct installed *i)
{
	free(i->owner);
	free(i->home);
	free(i->version);
	free(i->build);
	free(i->bridge);
	free(i->subnet);
	free(i->firecracker);
	while (i->n_made)
		free(i->made[--i->n_made]);
	*i = (struct installed){ 0 };
}

static MUST int get_text(const struct toml *t, const char *key, char **ret, struct err *e)
{
	const struct toml_value *v = toml_get(&t->root, key);

	if (!v || v->kind != TOML_STRING || strlen(v->string.text) != v->string.len)
		return err_set(e, ERR_INVALID, "'%s' has no text '%s'", t->file, key);
	*ret = mem_strdup(v->string.text);
	return 0;
}

static MUST int get_id(const struct toml *t, const char *key, int64_t *ret, struct err *e)
{
	const struct toml_value *v = toml_get(&t->root, key);

	if (!v || v->kind != TOML_INTEGER || v->integer < 0 || v->integer > UID_MAX_)
		return err_set(e, ERR_INVALID, "'%s' has no number '%s'", t->file, key);
	*ret = v->integer;
	return 0;
}

static MUST int parse(const struct toml *t, struct installed *i, struct err *e)
{
	const struct toml_value *made = toml_get(&t->root, "made"), *service = toml_get(&t->root, "service");

	if (get_text(t, "owner", &i->owner, e) < 0 || get_id(t, "uid", &i->uid, e) < 0 || get_id(t, "gid", &i->gid, e) < 0 ||
	    get_text(t, "home", &i->home, e) < 0 || get_text(t, "version", &i->version, e) < 0 || get_text(t, "build", &i->build, e) < 0 ||
	    get_text(t, "bridge", &i->bridge, e) < 0 || get_text(t, "subnet", &i->subnet, e) < 0 ||
	    get_text(t, "firecracker", &i->firecracker, e) < 0)
		return -1;
	i->no_service = service && service->kind == TOML_BOOLEAN && !service->boolean;
	for (size_t n = 0; made && made->kind == TOML_ARRAY && n < made->list.n && i->n_made < INSTALLED_MADE_MAX; n++)
		if (made->list.items[n]->kind == TOML_STRING)
			i->made[i->n_made++] = mem_strdup(made->list.items[n]->string.text);
	return 0;
}

/* Whoever could write the file, or put another in its place, could name another owner. */
static MUST int check_root_only(int fd, struct err *e)
{
	struct stat st, dir;

	if (fstat(fd, &st) < 0 || lstat(LAYOUT_ETC, &dir) < 0)
		return err_sys(e, errno, "look at '%s'", LAYOUT_INSTALL);
	if (S_ISREG(st.st_mode) && st.st_uid == 0 && !(st.st_mode & 022) && S_ISDIR(dir.st_mode) && dir.st_uid == 0 && !(dir.st_mode & 022))
		return 0;
	err_set(e, ERR_DENIED, "'%s' can be changed by others than root, so it is not believed", LAYOUT_INSTALL);
	return err_hint(e, "chown root '%s' and chmod go-w it, both the file and its folder", LAYOUT_INSTALL);
}

int installed_load(struct installed *ret, struct err *e)
{
	AUTO_FD int fd = open(LAYOUT_INSTALL, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	AUTO(toml_free) struct toml *t = NULL;
	struct installed i = { 0 };
	char text[INSTALLED_MAX_BYTES];
	ssize_t n;

	if (fd < 0)
		return err_sys(e, errno, "open '%s'", LAYOUT_INSTALL);
	if (check_root_only(fd, e) < 0)
		return -1;
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return err_sys(e, errno, "read '%s'", LAYOUT_INSTALL);
	if (toml_parse(text, (size_t)n, LAYOUT_INSTALL, &t, e) < 0 || parse(t, &i, e) < 0) {
		installed_done(&i);
		return err_hint(e, "sudo banger system install --owner USER writes it anew");
	}
	*ret = i;
	return 0;
}

/* A basic string of TOML. */
static void add_text(struct str *out, const char *key, const char *text)
{
	str_addf(out, "%s%s\"", key, *key ? " = " : "");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			str_addf(out, "\\%c", *text);
		else if ((unsigned char)*text < ' ' || *text == 127)
			str_addf(out, "\\u%04x", (unsigned)(unsigned char)*text);
		else
			str_add_char(out, *text);
	}
	str_add(out, "\"");
}

void installed_write(const struct installed *i, struct str *out)
{
	const struct {
		const char *key, *text;
	} texts[] = { { "owner", i->owner }, { "home", i->home }, { "version", i->version }, { "build", i->build }, { "bridge", i->bridge },
		{ "subnet", i->subnet }, { "firecracker", i->firecracker } };

	str_add(out, "# written by banger system install\n");
	for (size_t n = 0; n < ARRAY_LEN(texts); n++) {
		add_text(out, texts[n].key, texts[n].text);
		str_add(out, "\n");
	}
	str_addf(out, "uid = %lld\ngid = %lld\nservice = %s\nmade = [", (long long)i->uid, (long long)i->gid, i->no_service ? "false" : "true");
	for (size_t n = 0; n < i->n_made; n++) {
		str_add(out, n ? ", " : "");
		add_text(out, "", i->made[n]);
	}
	str_add(out, "]\n");
}
