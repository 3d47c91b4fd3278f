/* Does a known list of things in its working directory, by way of whichever C library it is linked with. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct how { uint64_t flags, mode, resolve; };

static void must(int ok, int line) { if (!ok) _exit(line % 250 + 1); }
#define MUST(call) must((call) >= 0, __LINE__)

int main(int count, char **words) {
    int file;
    if (count > 1) { /* the second program of this process */
        MUST(creat("last", 0600));
        return 0;
    }
    MUST(mkdir("d", 0755));
    MUST(file = open("d/a", O_CREAT | O_WRONLY | O_EXCL, 0600));
    MUST(write(file, "x", 1));
    MUST(fchmod(file, 0644));
    MUST(close(file));
    MUST(open("d/a", O_RDONLY)); /* nothing changes by that */
    MUST(open("d/a", O_WRONLY | O_APPEND));
    MUST(rename("d/a", "d/b"));
    MUST(link("d/b", "d/c"));
    MUST(symlink("b", "d/l"));
    MUST(open("d/l", O_WRONLY)); /* b, by way of the link */
    MUST(chmod("d/b", 04755));
    MUST(truncate("d/b", 0));
    MUST(unlink("d/c"));
    MUST(mkfifo("d/p", 0600));
    MUST(lchown("d/l", getuid(), -1));
    struct how how = {O_CREAT | O_WRONLY, 0600, 0};
    MUST(syscall(437, AT_FDCWD, "d/../o", &how, sizeof how)); /* openat2 */
    must(open("nowhere/x", O_CREAT | O_WRONLY, 0600) < 0, __LINE__);
    must(unlink("nowhere") < 0, __LINE__);
    MUST(rmdir("d/../d/p") < 0 ? 0 : -1);
    execlp("no-such-program-anywhere", "x", (char *)0);
    execl(words[0], words[0], "again", (char *)0);
    return 99;
}
