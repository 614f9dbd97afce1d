/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_internal.h"

#define IFNAME_MAX 15 /* IFNAMSIZ less the NUL */

int config_wrong(const struct config_cursor *at, struct err *e, const char *what)
{
	return toml_err(at->doc, at->v, e, "'%s' must be %s, not %s", at->name, what, toml_kind_name(at->v->kind));
}

int config_check_bridge(const struct config_cursor *at, const char *text, struct err *e)
{
	bool named = str_eq(text, "br-fc") || (str_starts(text, "br-fc-") && text[6]);

	if (named && strlen(text) <= IFNAME_MAX &&
		text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == 0)
		return 0;
	return toml_err(at->doc, at->v, e,
		"'%s' must be \"br-fc\" or begin with \"br-fc-\", %d letters, digits, '-' or '_' at most", at->name,
		IFNAME_MAX);
}

int config_check_ipv4(const struct config_cursor *at, const char *text, struct err *e)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) == 1)
		return 0;
	return toml_err(at->doc, at->v, e, "'%s' must be an IPv4 address, not \"%s\"", at->name, text);
}

int config_check_power_of_two(const struct config_cursor *at, int64_t value, struct err *e)
{
	return value & (value - 1) ? toml_err(at->doc, at->v, e, "'%s' must be a power of two, not %" PRId64, at->name, value) : 0;
}

/* "127.0.0.1:9100" */
static bool is_loopback_port(const char *text)
{
	const char *colon = strrchr(text, ':');
	AUTO_MEM char *host = colon ? mem_strndup(text, (size_t)(colon - text)) : NULL;
	struct err ignored = { 0 };
	struct in_addr a;
	int64_t port;

	return host && inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127 &&
		str_to_int(colon + 1, 1, 65535, "port", &port, &ignored) == 0;
}

/* Names and addresses of VMs are this machine's business. */
int config_check_dns_listen(const struct config_cursor *at, const char *text, struct err *e)
{
	if (!*text || is_loopback_port(text))
		return 0;
	return toml_err(at->doc, at->v, e, "'%s' must be a loopback address with a port, \"127.0.0.1:42069\", or empty, not \"%s\"", at->name, text);
}

/* Metrics name the VMs: nobody outside is to read them. */
int config_check_listen(const struct config_cursor *at, const char *text, struct err *e)
{
	if (*text == '/' || is_loopback_port(text))
		return 0;
	return toml_err(at->doc, at->v, e, "'%s' must be a loopback address with a port, \"127.0.0.1:9100\", or an absolute path, not \"%s\"",
		at->name, text);
}

static MUST int get_text(const struct config_cursor *at, bool may_be_empty, char **ret, struct err *e)
{
	if (at->v->kind != TOML_STRING)
		return config_wrong(at, e, "a string");
	if ((!at->v->string.len && !may_be_empty) || strlen(at->v->string.text) != at->v->string.len)
		return toml_err(at->doc, at->v, e, "'%s' must not be empty or hold a NUL character", at->name);
	*ret = mem_strdup(at->v->string.text);
	return 0;
}

static MUST int read_text(const struct config_cursor *at, const struct config_key_row *k, char **into, struct err *e)
{
	AUTO_MEM char *text = NULL;
	AUTO_DONE(str_done) struct str all = STR_INIT;
	bool found = !k->choices;

	if (get_text(at, k->may_be_empty, &text, e) < 0)
		return -1;
	for (size_t i = 0; k->choices && k->choices[i]; i++) {
		found = found || str_eq(k->choices[i], text);
		str_addf(&all, "%s%s", i ? ", " : "", k->choices[i]);
	}
	if (!found)
		return toml_err(at->doc, at->v, e, "'%s' must be one of %s, not \"%s\"", at->name, all.data, text);
	if (k->check && k->check(at, text, e) < 0)
		return -1;
	free(*into);
	*into = TAKE_PTR(text);
	return 0;
}

static MUST int read_path(const struct config_cursor *at, char **into, struct err *e)
{
	AUTO_MEM char *text = NULL;

	if (get_text(at, false, &text, e) < 0)
		return -1;
	if (str_starts(text, "~/") && at->home) {
		char *whole = mem_printf("%s%s", at->home, text + 1);

		free(text);
		text = whole;
	}
	if (*text != '/')
		return toml_err(at->doc, at->v, e, "'%s' must be an absolute path or begin with ~/, not \"%s\"",
			at->name, text);
	free(*into);
	*into = TAKE_PTR(text);
	return 0;
}

static MUST int in_range(const struct config_cursor *at, const struct config_key_row *k, int64_t value, int64_t *into, struct err *e)
{
	if (value < k->min || value > k->max)
		return toml_err(at->doc, at->v, e, "'%s' is %" PRId64 ", not between %" PRId64 " and %" PRId64,
			at->name, value, k->min, k->max);
	if (k->check_number && k->check_number(at, value, e) < 0)
		return -1;
	*into = value;
	return 0;
}

static MUST int read_size(const struct config_cursor *at, const struct config_key_row *k, int64_t *into, struct err *e)
{
	AUTO_MEM char *text = NULL;
	struct err why = { 0 };
	int64_t mib;

	if (at->v->kind == TOML_INTEGER)
		return in_range(at, k, at->v->integer, into, e);
	if (at->v->kind != TOML_STRING)
		return config_wrong(at, e, "a size such as \"8G\"");
	if (get_text(at, false, &text, e) < 0)
		return -1;
	if (str_to_mib(text, k->name, &mib, &why) < 0)
		return toml_err(at->doc, at->v, e, "%s", why.msg);
	return in_range(at, k, mib, into, e);
}

static MUST int read_number(const struct config_cursor *at, const struct config_key_row *k, int64_t *into, struct err *e)
{
	AUTO_MEM char *text = NULL;
	struct err why = { 0 };
	int64_t value;

	if (at->v->kind == TOML_INTEGER)
		return in_range(at, k, at->v->integer, into, e);
	if (k->kind != PREFIX)
		return config_wrong(at, e, "an integer");
	if (at->v->kind != TOML_STRING)
		return config_wrong(at, e, "a prefix length such as \"24\"");
	if (get_text(at, false, &text, e) < 0)
		return -1;
	if (str_to_int(text, k->min, k->max, k->name, &value, &why) < 0)
		return toml_err(at->doc, at->v, e, "%s", why.msg);
	*into = value;
	return 0;
}

static MUST int read_duration(const struct config_cursor *at, const struct config_key_row *k, int64_t *into, struct err *e)
{
	AUTO_MEM char *text = NULL;
	struct err why = { 0 };

	if (at->v->kind == TOML_INTEGER && at->v->integer == 0) {
		*into = 0;
		return 0;
	}
	if (at->v->kind != TOML_STRING)
		return config_wrong(at, e, "a duration such as \"24h\"");
	if (get_text(at, false, &text, e) < 0)
		return -1;
	return str_to_duration_ms(text, k->name, into, &why) < 0 ? toml_err(at->doc, at->v, e, "%s", why.msg) : 0;
}

static MUST int add_dns(const struct config_cursor *at, struct config *c, struct err *e)
{
	AUTO_MEM char *text = NULL;
	unsigned char address[sizeof(struct in6_addr)];

	if (at->v->kind != TOML_STRING)
		return config_wrong(at, e, "an address or an array of addresses");
	if (c->n_default_dns == CONFIG_MAX_DNS)
		return toml_err(at->doc, at->v, e, "'%s' takes %d addresses at most", at->name, CONFIG_MAX_DNS);
	if (get_text(at, false, &text, e) < 0)
		return -1;
	if (inet_pton(AF_INET, text, address) != 1 && inet_pton(AF_INET6, text, address) != 1)
		return toml_err(at->doc, at->v, e, "'%s' must be an address, not \"%s\"", at->name, text);
	c->default_dns[c->n_default_dns++] = TAKE_PTR(text);
	return 0;
}

void config_drop_dns(struct config *c)
{
	while (c->n_default_dns)
		free(c->default_dns[--c->n_default_dns]);
}

static MUST int read_dns(const struct config_cursor *at, struct config *c, struct err *e)
{
	config_drop_dns(c);
	if (at->v->kind != TOML_ARRAY)
		return add_dns(at, c, e);
	for (size_t i = 0; i < at->v->list.n; i++) {
		struct config_cursor item = { at->doc, at->v->list.items[i], at->name, NULL };

		if (add_dns(&item, c, e) < 0)
			return -1;
	}
	return 0;
}

int config_read_key(const struct config_cursor *at, const struct config_key_row *k, struct config *c, struct err *e)
{
	void *into = (char *)c + k->at;

	switch (k->kind) {
	case TEXT:
		return read_text(at, k, into, e);
	case PATH:
		return read_path(at, into, e);
	case FLAG:
		if (at->v->kind != TOML_BOOLEAN)
			return config_wrong(at, e, "true or false");
		*(bool *)into = at->v->boolean;
		return 0;
	case NUMBER:
	case PREFIX:
		return read_number(at, k, into, e);
	case SIZE:
		return read_size(at, k, into, e);
	case DURATION:
		return read_duration(at, k, into, e);
	case DNS:
		return read_dns(at, c, e);
	case SYNC:
		return config_read_sync(at, c, e);
	}
	return 0;
}
