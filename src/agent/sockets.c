/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/sockets.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"

#define TABLE_MAX (16 << 20)

/* Words of 32 bits as this machine reads them from memory, eight hexadecimal digits each. */
static bool parse_address(const char *hex, size_t n_words, void *ret)
{
	uint32_t word;

	if (strlen(hex) != n_words * 8)
		return false;
	for (size_t i = 0; i < n_words; i++) {
		if (sscanf(hex + i * 8, "%8" SCNx32, &word) != 1)
			return false;
		memcpy((char *)ret + i * sizeof(word), &word, sizeof(word));
	}
	return true;
}

bool socket_line_parse(const char *text, bool v6, struct socket_line *ret)
{
	char address[33];
	unsigned port;

	*ret = (struct socket_line){ .v6 = v6 };
	/* number, local address and port, remote ones, state, queues, timer, retransmits, owner, timeout, inode */
	if (sscanf(text, " %*u: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %2x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64, address, &port, &ret->state,
		    &ret->inode) != 4)
		return false;
	ret->port = (uint16_t)port;
	return v6 ? parse_address(address, 4, &ret->v6_address) : parse_address(address, 1, &ret->v4);
}

void sockets_each(const char *table, void (*fn)(const struct socket_line *line, void *arg), void *arg)
{
	AUTO_MEM char *text = NULL;
	struct err ignored = { 0 };
	struct socket_line line;
	char path[32];

	snprintf(path, sizeof(path), "/proc/net/%s", table);
	if (fd_read_file(AT_FDCWD, path, TABLE_MAX, &text, NULL, &ignored) < 0)
		return;
	for (const char *at = text; (at = strchr(at, '\n')) && *++at;)
		if (socket_line_parse(at, str_ends(table, "6"), &line))
			fn(&line, arg);
}

struct looking {
	uint16_t port;
	bool found;
};

static void look(const struct socket_line *line, void *arg)
{
	struct looking *l = arg;

	l->found |= line->state == SOCKET_LISTEN && line->port == l->port;
}

bool sockets_listening(uint16_t port)
{
	struct looking l = { .port = port };

	sockets_each("tcp", look, &l);
	sockets_each("tcp6", look, &l);
	return l.found;
}
