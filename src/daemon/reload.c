/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/reload.h"

#include <stdlib.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/dns.h"
#include "daemon/idle.h"
#include "daemon/metrics.h"
#include "daemon/objects.h"
#include "proto/io_banger.h"
#include "proto/server.h"
#include "store/installed.h"
#include "store/layout.h"

static void note(char ***list, size_t *n, const char *text)
{
	*list = mem_grow(*list, *n, sizeof(**list));
	(*list)[(*n)++] = mem_strdup(text);
}

/* Sources count as well: a key that has become the user's word shows as such. */
static void compare(const struct config *old, const struct config *new, struct daemon_reload_out *ret)
{
	size_t n;
	const struct config_value *a = config_values(old, &n), *b = config_values(new, &n);

	for (size_t i = 0; i < n; i++) {
		if (str_eq(a[i].text, b[i].text))
			continue;
		note(&ret->keys, &ret->n_keys, b[i].name);
		if (config_needs_restart((enum config_key)i))
			note(&ret->needs_restart, &ret->n_needs_restart, b[i].name);
	}
}

/* What the helper was started with stays until it is started again. */
static void keep_start_values(const struct config *old, struct config *new)
{
	char **const from[] = { (char **)(uintptr_t)&old->bridge_name, (char **)(uintptr_t)&old->bridge_ip, (char **)(uintptr_t)&old->subnet };
	char **const to[] = { &new->bridge_name, &new->bridge_ip, &new->subnet };

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		free(*to[i]);
		*to[i] = mem_strdup(*from[i]);
	}
	new->cidr = old->cidr;
}

int daemon_config_fix(struct config *c, struct err *e)
{
	const struct installed *i = layout_installed();

	return i ? config_install(c, i->bridge, i->subnet, i->firecracker, e) : 0;
}

int daemon_reload(struct daemon *d, struct daemon_reload_out *ret, struct err *e)
{
	AUTO_MEM char *path = layout_config();
	AUTO(config_free) struct config *new = NULL, *old = NULL;
	struct err why = { 0 }, no_dns = { 0 };

	if (config_load(layout_host_config(), path, layout_home(), &new, e) < 0 || daemon_config_fix(new, e) < 0)
		return *e->hint ? -1 : err_hint(e, "mend the file; until then all stays as it was");
	compare(d->config, new, ret);
	keep_start_values(d->config, new);
	old = d->config;
	d->config = TAKE_PTR(new);
	log_open("bangerd", d->config->log_level);
	if (metrics_listen(d, &why) < 0)
		log_warn("no metrics", "why", why.msg);
	/* Nobody who changed something else is to hear of a port that was taken before. */
	if (str_eq(old->metrics_listen, d->config->metrics_listen))
		err_clear(&why);
	if (str_eq(old->dns_listen, d->config->dns_listen))
		dns_changed(d);
	else if (dns_listen(d, &no_dns) < 0)
		log_warn("no name server", "why", no_dns.msg, "hint", no_dns.hint);
	objects_each(d, o)
		if (o->kind == LAYOUT_VM)
			o->idle_at_ms = o->used_ms + d->config->auto_stop_ms;
	idle_rearm(d);
	log_info("configuration read again");
	if (!why.code && !no_dns.code)
		return 0;
	*e = why.code ? why : no_dns;
	return -1;
}

int on_daemon_reload(struct varlink_call *call, const struct daemon_reload_in *in, struct daemon_reload_out *ret, struct err *e)
{
	return daemon_reload(varlink_call_server_context(call), ret, e);
}
