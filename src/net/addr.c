/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"

enum { ID_DIGITS_MAC = 10, ID_DIGITS_TAP = 8, PREFIX_MIN = 8, PREFIX_MAX = 30 };

/* One decimal number up to max without leading zeros, which other programs read as octal. Returns what follows, or NULL. */
static const char *number(const char *s, unsigned max, unsigned *ret)
{
	unsigned v = 0;
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > 3 || (n > 1 && s[0] == '0'))
		return NULL;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (unsigned)(s[i] - '0');
	*ret = v;
	return v <= max ? s + n : NULL;
}

/* Returns what follows the address, or NULL. */
static const char *dotted(const char *s, uint32_t *ret)
{
	uint32_t a = 0;

	for (int i = 0; i < 4; i++) {
		unsigned part;

		if (i && *s++ != '.')
			return NULL;
		s = number(s, 255, &part);
		if (!s)
			return NULL;
		a = a << 8 | part;
	}
	*ret = a;
	return s;
}

int addr_parse(const char *text, uint32_t *ret, struct err *e)
{
	uint32_t a;
	const char *end = dotted(text, &a);

	if (!end || *end)
		return err_set(e, ERR_INVALID, "'%s' is not an IPv4 address", text);
	*ret = a;
	return 0;
}

int addr_parse_net(const char *text, struct addr_net *ret, struct err *e)
{
	struct addr_net net;
	const char *end = dotted(text, &net.host);

	if (!end || *end != '/' || !(end = number(end + 1, 32, &net.prefix)) || *end) {
		err_set(e, ERR_INVALID, "'%s' is not an IPv4 address with its network's length", text);
		return err_hint(e, "write it as 172.16.0.1/24");
	}
	if (net.prefix < PREFIX_MIN || net.prefix > PREFIX_MAX)
		return err_set(e, ERR_INVALID, "network '%s': its length must be %d to %d", text, PREFIX_MIN, PREFIX_MAX);
	uint32_t part = net.host & ~addr_mask(&net), top = net.host >> 24;
	if (part == 0 || part == ~addr_mask(&net) || top == 0 || top == 127 || top >= 224)
		return err_set(e, ERR_INVALID, "network '%s': that address cannot be a host's", text);
	*ret = net;
	return 0;
}

const char *addr_text(uint32_t a, char out[static ADDR_TEXT])
{
	snprintf(out, ADDR_TEXT, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	return out;
}

const char *addr_net_text(const struct addr_net *net, char out[static ADDR_NET_TEXT])
{
	char host[ADDR_TEXT];

	snprintf(out, ADDR_NET_TEXT, "%s/%u", addr_text(net->host, host), net->prefix % 100);
	return out;
}

const char *addr_mac_text(const uint8_t mac[static 6], char out[static ADDR_MAC_TEXT])
{
	snprintf(out, ADDR_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return out;
}

uint32_t addr_mask(const struct addr_net *net)
{
	return net->prefix ? UINT32_MAX << (32 - net->prefix) : 0;
}

bool addr_is_guest(const struct addr_net *net, uint32_t a)
{
	uint32_t mask = addr_mask(net), part = a & ~mask;

	return (a & mask) == (net->host & mask) && part != 0 && part != ~mask && a != net->host;
}

int addr_nth(const struct addr_net *net, uint32_t n, uint32_t *ret, struct err *e)
{
	uint32_t base = net->host & addr_mask(net);
	char text[ADDR_NET_TEXT];

	if (n > ~addr_mask(net) || !addr_is_guest(net, base + n))
		return err_set(e, ERR_INVALID, "no guest can have address %u of network '%s'", n, addr_net_text(net, text));
	*ret = base + n;
	return 0;
}

bool addr_overlap(const struct addr_net *a, const struct addr_net *b)
{
	uint32_t mask = addr_mask(a) & addr_mask(b);

	return (a->host & mask) == (b->host & mask);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int addr_lowest_free(const struct addr_net *net, const uint32_t *used, size_t n, uint32_t *ret, struct err *e)
{
	AUTO_MEM uint32_t *sorted = mem_array(n, sizeof(*sorted));
	uint32_t last = net->host | ~addr_mask(net), at = (net->host & addr_mask(net)) + 1;
	char text[ADDR_NET_TEXT];

	if (n) {
		memcpy(sorted, used, n * sizeof(*sorted));
		qsort(sorted, n, sizeof(*sorted), compare);
	}
	for (size_t i = 0; at < last; at++) {
		while (i < n && sorted[i] < at)
			i++;
		if (at != net->host && (i == n || sorted[i] != at)) {
			*ret = at;
			return 0;
		}
	}
	err_set(e, ERR_UNAVAILABLE, "all addresses of network '%s' are taken", addr_net_text(net, text));
	return err_hint(e, "delete VMs that are no longer needed, or configure a larger network");
}

/* The first want hex digits of id, dashes left out. */
static MUST int id_digits(const char *id, size_t want, char *ret, struct err *e)
{
	size_t n = 0, length = strspn(id, "0123456789abcdef-");

	if (id[length] || length > ADDR_ID_MAX)
		return err_set(e, ERR_INVALID, "'%.80s' is not a VM id", id);
	for (; *id && n < want; id++)
		if (*id != '-')
			ret[n++] = *id;
	if (n < want)
		return err_set(e, ERR_INVALID, "VM id with only %zu digits", n);
	return 0;
}

int addr_mac(const char *vm_id, uint8_t ret[static 6], struct err *e)
{
	char digits[ID_DIGITS_MAC];

	if (id_digits(vm_id, ID_DIGITS_MAC, digits, e) < 0)
		return -1;
	ret[0] = 2;
	for (int i = 0; i < 5; i++) {
		char pair[3] = { digits[2 * i], digits[2 * i + 1], 0 };

		ret[1 + i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return 0;
}

int addr_tap_name(const char *vm_id, char ret[static ADDR_DEV_NAME], struct err *e)
{
	char digits[ID_DIGITS_MAC];

	if (id_digits(vm_id, ID_DIGITS_MAC, digits, e) < 0)
		return -1;
	snprintf(ret, ADDR_DEV_NAME, "%s%.*s", ADDR_TAP_PREFIX, ID_DIGITS_TAP, digits);
	return 0;
}

void addr_bridge_mac(const struct addr_net *net, uint8_t ret[static 6])
{
	const uint8_t mac[6] = { 6, 0, (uint8_t)(net->host >> 24), (uint8_t)(net->host >> 16), (uint8_t)(net->host >> 8),
		(uint8_t)net->host };

	memcpy(ret, mac, sizeof(mac));
}

bool addr_dev_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= ADDR_DEV_NAME || str_eq(name, ".") || str_eq(name, ".."))
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || *name == '/' || *name == ':' || *name == '%' || *name == '"')
			return false;
	return true;
}
