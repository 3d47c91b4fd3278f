/* What installers do, one act a run, each harmless outside: the files are named by the caller, nothing is kept.

   acts NAME ARGUMENT...   ends with 0 when the calls succeeded, 1 when one was refused; says what else was found.
   Whether an act took hold is not its word: who runs it looks at the machine. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* As the installer itself: asks for a credential, and goes on as a script. */
static int setup(char **words) {
    getenv("GITHUB_TOKEN");
    execv(words[0], words);
    return 1;
}

static int write_file(char **words) {
    int file = open(words[0], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    return file < 0 || write(file, words[1], strlen(words[1])) < 0;
}

static int reach(char **words) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    inet_pton(AF_INET, words[0], &to.sin_addr);
    int one = socket(AF_INET, SOCK_STREAM, 0);
    return one < 0 || connect(one, (struct sockaddr *)&to, sizeof to) != 0;
}

/* A path, or @ and the name of an abstract socket. */
static int reach_local(char **words) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path, words[0], sizeof to.sun_path - 1);
    if (to.sun_path[0] == '@') to.sun_path[0] = 0;
    int one = socket(AF_UNIX, SOCK_STREAM, 0);
    return one < 0 || connect(one, (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path) + strlen(words[0])) != 0;
}

static int send_signal(char **words) { return kill(atoi(words[0]), atoi(words[1])) != 0; }

static int mount_something(char **words) { return mount("none", words[0], "tmpfs", 0, 0) != 0; }

static int own_users(char **words) {
    (void)words;
    return unshare(CLONE_NEWUSER) != 0;
}

/* The machine's disk, by a device node made for it; it is only opened. */
static int raw_disk(char **words) {
    mknod(words[0], S_IFBLK | 0600, makedev(atoi(words[1]), atoi(words[2])));
    int disk = open(words[0], O_RDONLY);
    unlink(words[0]);
    char block[512];
    return disk < 0 || read(disk, block, sizeof block) != sizeof block;
}

/* Words put into the terminal as if the person had typed them. */
static int type_words(char **words) {
    for (const char *at = words[0]; *at; at++)
        if (ioctl(0, TIOCSTI, at) != 0) return 1;
    return ioctl(0, TIOCSTI, "\n") != 0;
}

static int wait_for_ever(void *unused) {
    (void)unused;
    while (pause()) continue;
    return 0;
}

/* As many processes at once as it can, at most so many; they share memory and do nothing. */
static int fork_many(char **words) {
    int wanted = atoi(words[0]), made = 0;
    pid_t *all = calloc(wanted, sizeof *all);
    for (; made < wanted; made++) {
        char *stack = malloc(8192);
        all[made] = clone(wait_for_ever, stack + 8192, CLONE_VM | SIGCHLD, 0);
        if (all[made] < 0) break;
    }
    printf("processes at once: %d\n", made);
    for (int one = 0; one < made; one++) kill(all[one], SIGKILL);
    for (int one = 0; one < made; one++) waitpid(all[one], 0, 0);
    return made < wanted;
}

static int fill(char **words) {
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    int file = open(words[0], O_WRONLY | O_CREAT, 0600), left = atoi(words[1]);
    while (left && write(file, block, sizeof block) == sizeof block) left--;
    printf("MiB left over: %d\n", left);
    return left > 0;
}

static const struct {
    const char *name;
    int arguments;
    int (*act)(char **);
} acts[] = {
    {"setup", 1, setup},       {"write", 2, write_file},     {"reach", 2, reach},         {"reach-local", 1, reach_local},
    {"signal", 2, send_signal}, {"mount", 1, mount_something}, {"users", 0, own_users},     {"raw-disk", 3, raw_disk},
    {"type", 1, type_words},   {"fork", 1, fork_many},       {"fill", 2, fill},
};

int main(int count, char **words) {
    for (size_t one = 0; count > 1 && one < sizeof acts / sizeof *acts; one++)
        if (strcmp(words[1], acts[one].name) == 0 && count - 2 >= acts[one].arguments) return acts[one].act(words + 2);
    fprintf(stderr, "acts: expected the name of an act and its arguments\n");
    return 2;
}
