/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Picks the role: by the name it is called by, else by --role NAME, else the command line tool. */
#include <stdio.h>

int main(int argc, char **argv)
{
	puts("banger " BANGER_VERSION);
	return 0;
}
