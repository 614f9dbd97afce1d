/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/layout.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "store/installed.h"

static char *root_dir;
static char *dirs[LAYOUT_DIR_COUNT];
static char *config_dir;
static struct installed installed;
static bool is_system;

static const char *const kind_dirs[] = { "vms", "images", "kernels" };
static const char *const kind_texts[] = { "VM", "image", "kernel" };

const char *layout_host_config(void)
{
	return is_system ? LAYOUT_HOST_CONFIG : NULL;
}

const char *layout_home(void)
{
	const char *home = is_system ? installed.home : getenv("HOME");
	struct passwd *pw;

	if (!home || *home != '/') {
		pw = getpwuid(getuid());
		home = pw ? pw->pw_dir : NULL;
	}
	return home && *home == '/' ? home : NULL;
}

/* $NAME/banger where the variable holds an absolute path, else HOME/below/banger. */
static MUST int xdg_dir(const char *name, const char *below, char **ret, struct err *e)
{
	const char *v = getenv(name), *home = layout_home();

	if (v && *v == '/') {
		*ret = mem_printf("%s/banger", v);
		return 0;
	}
	if (!home) {
		err_set(e, ERR_INVALID, "no home folder is known for user %d", (int)getuid());
		return err_hint(e, "set HOME, or BANGER_ROOT to a folder of your own");
	}
	*ret = mem_printf("%s/%s/banger", home, below);
	return 0;
}

/* Without XDG_RUNTIME_DIR: a folder in /tmp that must be ours alone, since anyone may make names there. */
static MUST int fallback_run_dir(char **ret, struct err *e)
{
	AUTO_MEM char *dir = mem_printf("/tmp/banger-runtime-%d", (int)getuid());
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make folder '%s'", dir);
	if (lstat(dir, &st) < 0)
		return err_sys(e, errno, "look at '%s'", dir);
	if (!S_ISDIR(st.st_mode) || st.st_uid != getuid()) {
		err_set(e, ERR_DENIED, "'%s' is not a folder of user %d", dir, (int)getuid());
		return err_hint(e, "remove it, or set XDG_RUNTIME_DIR");
	}
	*ret = TAKE_PTR(dir);
	return 0;
}

int layout_init_system(struct err *e)
{
	struct installed found;

	if (installed_load(&found, e) < 0)
		return -1;
	installed_done(&installed);
	installed = found;
	is_system = true;
	root_dir = NULL;
	dirs[LAYOUT_STATE] = mem_strdup(LAYOUT_SYSTEM_STATE);
	dirs[LAYOUT_RUN] = mem_strdup(LAYOUT_SYSTEM_RUN);
	config_dir = mem_printf("%s/.config/banger", installed.home);
	return 0;
}

const struct installed *layout_installed(void)
{
	return is_system ? &installed : NULL;
}

/* 1: the folders are the installation's; 0: there is none. */
static MUST int try_system(struct err *e)
{
	if (layout_init_system(e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	if (getuid() == 0 || (int64_t)getuid() == installed.uid)
		return 1;
	err_set(e, ERR_DENIED, "the banger of this host is of user '%s'", installed.owner);
	return err_hint(e, "be that user, or keep a banger of your own below a folder: --root DIR or BANGER_ROOT");
}

int layout_init(const char *root, struct err *e)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	int found;

	if (!root)
		root = getenv("BANGER_ROOT");
	if (root && *root) {
		if (*root != '/') {
			err_set(e, ERR_INVALID, "root folder '%s' is not an absolute path", root);
			return -1;
		}
		root_dir = mem_strdup(root);
		dirs[LAYOUT_STATE] = mem_printf("%s/state", root);
		dirs[LAYOUT_RUN] = mem_printf("%s/run", root);
		config_dir = mem_printf("%s/config", root);
		return 0;
	}
	found = try_system(e);
	if (found)
		return found < 0 ? -1 : 0;
	if (xdg_dir("XDG_STATE_HOME", ".local/state", &dirs[LAYOUT_STATE], e) < 0 ||
	    xdg_dir("XDG_CONFIG_HOME", ".config", &config_dir, e) < 0)
		return -1;
	if (run && *run == '/') {
		dirs[LAYOUT_RUN] = mem_printf("%s/banger", run);
		return 0;
	}
	return fallback_run_dir(&dirs[LAYOUT_RUN], e);
}

const char *layout_root(void)
{
	return root_dir;
}

int layout_make_dirs(struct err *e)
{
	AUTO_MEM char *vms = layout_noted();

	for (int i = 0; i < LAYOUT_DIR_COUNT; i++) {
		if (path_make_dirs(dirs[i], 0700, e) < 0)
			return -1;
		if (chmod(dirs[i], 0700) < 0)
			return err_sys(e, errno, "set the mode of '%s'", dirs[i]);
	}
	for (int k = 0; k < LAYOUT_KIND_COUNT; k++) {
		AUTO_MEM char *dir = layout_records(k);
		if (path_make_dirs(dir, 0700, e) < 0)
			return -1;
	}
	return path_make_dirs(vms, 0700, e);
}

const char *layout_dir(enum layout_dir d)
{
	return dirs[d];
}

const char *layout_kind_text(enum layout_kind k)
{
	return kind_texts[k];
}

char *layout_config(void)
{
	return mem_printf("%s/config.toml", config_dir);
}

char *layout_socket(void)
{
	return mem_printf("%s/bangerd.sock", dirs[LAYOUT_RUN]);
}

char *layout_lock(void)
{
	return mem_printf("%s/bangerd.lock", dirs[LAYOUT_RUN]);
}

char *layout_helper_socket(void)
{
	return is_system ? mem_strdup(LAYOUT_HELPER_RUN "/bangerd-root.sock") : mem_printf("%s/helper.sock", dirs[LAYOUT_RUN]);
}

char *layout_helper_lock(void)
{
	return mem_printf("%s/helper.lock", is_system ? LAYOUT_HELPER_RUN : dirs[LAYOUT_RUN]);
}

char *layout_boot(void)
{
	return mem_printf("%s/boot", dirs[LAYOUT_STATE]);
}

char *layout_log(void)
{
	if (!is_system)
		return mem_printf("%s/bangerd.log", dirs[LAYOUT_STATE]);
	return mem_strdup(installed.no_service ? "kept by this host's service manager" : "journalctl -u bangerd -u bangerd-root");
}

char *layout_ssh(void)
{
	return mem_printf("%s/ssh", dirs[LAYOUT_STATE]);
}

char *layout_ssh_key(void)
{
	return mem_printf("%s/ssh/id_ed25519", dirs[LAYOUT_STATE]);
}

char *layout_ssh_known_hosts(const char *host)
{
	return mem_printf("%s/ssh/known_hosts.d/%s", dirs[LAYOUT_STATE], host);
}

char *layout_ssh_config(void)
{
	return mem_printf("%s/ssh_config", config_dir);
}

char *layout_records(enum layout_kind k)
{
	return mem_printf("%s/%s", dirs[LAYOUT_STATE], kind_dirs[k]);
}

char *layout_record(enum layout_kind k, const char *id)
{
	return mem_printf("%s/%s/%s.json", dirs[LAYOUT_STATE], kind_dirs[k], id);
}

char *layout_files(enum layout_kind k, const char *id)
{
	return mem_printf("%s/%s/%s", dirs[LAYOUT_STATE], kind_dirs[k], id);
}

char *layout_file(enum layout_kind k, const char *id, const char *name)
{
	return mem_printf("%s/%s/%s/%s", dirs[LAYOUT_STATE], kind_dirs[k], id, name);
}

char *layout_noted(void)
{
	return mem_printf("%s/vms", dirs[LAYOUT_RUN]);
}

char *layout_vm_run(const char *id)
{
	return mem_printf("%s/vms/%s", dirs[LAYOUT_RUN], id);
}

char *layout_vm_vsock(const char *id)
{
	return mem_printf("%s/vms/%s/v.sock", dirs[LAYOUT_RUN], id);
}

char *layout_vm_hello(const char *id)
{
	return mem_printf("%s/vms/%s/v.sock_42071", dirs[LAYOUT_RUN], id);
}

char *layout_vm_api(const char *id)
{
	return mem_printf("%s/vms/%s/api.sock", dirs[LAYOUT_RUN], id);
}

char *layout_journal_files(enum layout_kind k, const char *id)
{
	return mem_printf("state/%s/%s", kind_dirs[k], id);
}

char *layout_journal_vm_run(const char *id)
{
	return mem_printf("run/vms/%s", id);
}

int layout_resolve(const char *journal_path, char **ret, struct err *e)
{
	static const char *const tops[] = { "state/", "run/" };

	for (int i = 0; i < LAYOUT_DIR_COUNT; i++) {
		if (!str_starts(journal_path, tops[i]))
			continue;
		const char *rest = journal_path + strlen(tops[i]);
		if (!*rest || *rest == '/' || strstr(rest, "..") || strstr(rest, "//") || str_ends(rest, "/"))
			break;
		*ret = mem_printf("%s/%s", dirs[i], rest);
		return 0;
	}
	return err_set(e, ERR_CORRUPT, "journal path '%s' is not below banger's folders", journal_path);
}
