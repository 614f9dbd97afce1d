/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether NAME.vm is answered, found out by asking. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns/wire.h"
#include "doctor/doctor.h"

enum { ANSWER_MS = 2000, RESOLV_CONF_MAX = 65536, DNS_PORT = 53 };

/* Is the zone itself, whose SOA nobody else has, answered there? */
static bool answers(struct in_addr address, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = address };
	AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t q[DNS_UDP_MIN], got[DNS_UDP_MAX];
	size_t n = dns_question((uint16_t)(getpid() ^ time_now_ms()), DNS_DOMAIN, DNS_SOA, q);
	struct err ignored = { 0 };

	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || send(fd, q, n, MSG_NOSIGNAL) != (ssize_t)n ||
	    fd_wait(fd, POLLIN, time_now_ms() + ANSWER_MS, &ignored) < 0)
		return false;
	ssize_t size = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	return size > 0 && dns_has_record(q, n, got, (size_t)size, DNS_SOA);
}

/* The first server that this machine's programs ask. */
static bool first_resolver(char ret[static INET_ADDRSTRLEN])
{
	AUTO_MEM char *text = NULL;
	struct err ignored = { 0 }; /* no file, no resolver */
	size_t n;

	if (fd_read_file(AT_FDCWD, "/etc/resolv.conf", RESOLV_CONF_MAX, &text, &n, &ignored) < 0)
		return false;
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t len;

		if (!str_starts(line, "nameserver"))
			continue;
		char *word = line + strlen("nameserver");
		word += strspn(word, " \t");
		len = strcspn(word, " \t\r\n");
		if (len >= INET_ADDRSTRLEN)
			continue;
		memcpy(ret, word, len);
		ret[len] = 0;
		return true;
	}
	return false;
}

/* Its files stay behind when it stops. */
static bool resolved_runs(void)
{
	struct err ignored = { 0 };
	AUTO_FD int fd = -1;

	return fd_connect_unix("/run/systemd/resolve/io.systemd.Resolve", &fd, &ignored) == 0;
}

static void check_resolver(const char *listen, const char *bridge, struct doctor_check *c)
{
	char resolver[INET_ADDRSTRLEN];
	struct in_addr a;

	if (!first_resolver(resolver) || inet_pton(AF_INET, resolver, &a) != 1) {
		doctor_add(c, DOCTOR_WARN, "/etc/resolv.conf names no server that could be asked for NAME.vm; docs/dns-routing.md says how names get there");
	} else if (answers(a, DNS_PORT)) {
		doctor_add(c, DOCTOR_PASS, "the machine's resolver %s asks there", resolver);
	} else if (resolved_runs() && !if_nametoindex(bridge)) {
		doctor_add(c, DOCTOR_PASS, "systemd-resolved is told so with the first VM that has a network");
	} else {
		doctor_add(c, DOCTOR_WARN, "the machine's resolver %s does not ask there, so NAME.vm is no name for ssh and others", resolver);
		doctor_add(c, DOCTOR_WARN, "point it to %s for the domain '%s': docs/dns-routing.md", listen, DNS_DOMAIN);
	}
}

void doctor_check_dns(const char *listen, const char *reason, const char *bridge, struct doctor_check *c)
{
	const char *colon = listen ? strrchr(listen, ':') : NULL;
	AUTO_MEM char *host = colon ? mem_strndup(listen, (size_t)(colon - listen)) : NULL;
	struct in_addr a;

	if (reason) {
		doctor_add(c, DOCTOR_WARN, "NAME.vm is not answered: %s", reason);
		doctor_add(c, DOCTOR_WARN, "end what uses that port, or set dns_listen in config.toml to another; banger daemon reload");
	} else if (!colon || inet_pton(AF_INET, host, &a) != 1) {
		doctor_add(c, DOCTOR_PASS, "NAME.vm is not answered: dns_listen is empty");
	} else if (!answers(a, (unsigned)atoi(colon + 1))) {
		doctor_add(c, DOCTOR_WARN, "the daemon does not answer at %s: does a firewall drop what goes to loopback?", listen);
	} else {
		doctor_add(c, DOCTOR_PASS, "NAME.vm is answered at %s", listen);
		check_resolver(listen, bridge, c);
	}
}
