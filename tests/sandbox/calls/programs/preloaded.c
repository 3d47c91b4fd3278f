/* Loaded into another program: in its process, before it begins, it executes what $INSTEAD names. */
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
    const char *program = getenv("INSTEAD");
    unsetenv("LD_PRELOAD");
    if (program)
        execl(program, "instead", (char *)0);
}
