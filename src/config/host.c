/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/mem.h"

int64_t config_vcpus_for(int64_t processors)
{
	int64_t n = processors / 4;

	if (processors <= 0)
		return 0;
	return n < 1 ? 1 : n > 4 ? 4 : n;
}

int64_t config_memory_for(int64_t total_mib)
{
	int64_t mib = total_mib / 8;

	if (mib >= 512)
		return mib > 8192 ? 8192 : mib;
	return total_mib / 2 < 512 ? total_mib / 2 : 512;
}

int64_t config_host_vcpus(void)
{
	return config_vcpus_for(sysconf(_SC_NPROCESSORS_ONLN));
}

int64_t config_host_memory_mib(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return 0;
	return config_memory_for((int64_t)((uint64_t)info.totalram * info.mem_unit >> 20));
}

size_t config_host_dns(const char *text, char *ret[static CONFIG_MAX_DNS])
{
	size_t n = 0;

	for (const char *line = text; line && *line && n < CONFIG_MAX_DNS;) {
		const char *next = strchr(line, '\n');
		const char *word = line + strspn(line, " \t");
		char address[INET_ADDRSTRLEN] = "";
		struct in_addr a;
		size_t len;

		line = next ? next + 1 : NULL;
		if (strncmp(word, "nameserver", 10) != 0 || (word[10] != ' ' && word[10] != '\t'))
			continue;
		word += 10 + strspn(word + 10, " \t");
		len = strcspn(word, " \t\r\n");
		if (len >= sizeof(address))
			continue;
		memcpy(address, word, len);
		if (inet_pton(AF_INET, address, &a) == 1 && ntohl(a.s_addr) >> 24 != 127 && a.s_addr)
			ret[n++] = mem_strdup(address);
	}
	return n;
}
