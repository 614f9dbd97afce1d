/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints the descriptions that banger's interfaces are served with, each ended by a NUL. */
#include <stdio.h>

#include "proto/io_banger.h"
#include "proto/io_banger_agent.h"
#include "proto/io_banger_hello.h"
#include "proto/io_banger_helper.h"
#include "proto/io_banger_worker.h"

int main(void)
{
	static const char *const all[] = { io_banger_description, io_banger_agent_description, io_banger_hello_description,
		io_banger_helper_description, io_banger_worker_description };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		fputs(all[i], stdout);
		putchar(0);
	}
	return 0;
}
