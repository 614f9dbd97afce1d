/* With BZ_NO_STDIO the library calls this on an internal inconsistency, never on bad input. */
#include <stdlib.h>

void bz_internal_error(int code);

void bz_internal_error(int code)
{
	(void)code;
	abort();
}
