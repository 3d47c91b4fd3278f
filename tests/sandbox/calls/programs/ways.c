/* The ways a path can take that only the thread itself can go. ways WHAT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[4200];

static void made(const char *where) {
    int file = open(where, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (file < 0) {
        printf("%s: %s\n", where, strerror(errno));
        exit(1);
    }
    close(file);
}

static char *in(const char *format, int number) {
    snprintf(path, sizeof path, format, number);
    return path;
}

static void must(long result, const char *what) {
    if (result < 0) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void executed(const char *program, const char *word) {
    if (fork() == 0) {
        char *words[] = {(char *)word, 0};
        execv(program, words);
        printf("%s: %s\n", program, strerror(errno));
        _exit(1);
    }
    int status;
    wait(&status);
    if (status) exit(2);
}

int main(int count, char **words) {
    (void)count;
    char here[4096];
    must((long)getcwd(here, sizeof here), "getcwd");
    if (!strcmp(words[1], "names")) {
        must(symlink("/proc/self/cwd", "here"), "here");
        must(symlink("//proc/thread-self/root", "top"), "top");
        must(symlink("later", "dangling"), "dangling");
        made("//proc/self/cwd/a");
        made("/etc/../proc/./self/cwd/b");
        made("here/c");
        snprintf(path, sizeof path, "top%s/d", here);
        made(path);
        int open_directory = open(".", O_RDONLY | O_DIRECTORY);
        made(in("/dev/fd/%d/e", open_directory));
        made(in("//dev/fd/%d/f", open_directory));
        made(in("/proc/thread-self/fd/%d/g", open_directory));
        made(in("/proc/self/task/%d/cwd/h", getpid()));
        made(in("/proc/%d/cwd/i", getpid()));
        must(chdir("/proc/self/fd"), "chdir");
        made(in("%d/j", open_directory));
        must(fchdir(open_directory), "fchdir");
        int file = open("here/dangling", O_CREAT | O_WRONLY, 0600);
        must(file, "dangling");
        must(open(in("//proc/self/fd/%d", file), O_WRONLY), "descriptor");
        must(chmod(in("/dev/fd/%d", file), 0640), "chmod");
        made("k (deleted)");
        file = open("k (deleted)", O_WRONLY);
        must(fchmod(file, 0640), "fchmod");
    } else if (!strcmp(words[1], "inside")) {
        must(mkdir("d", 0700), "d");
        must(symlink("/b", "d/l"), "l");
        int d = open("d", O_RDONLY | O_DIRECTORY);
        struct { unsigned long long flags, mode, resolve; } how = {O_CREAT | O_WRONLY, 0600, 0x10};
        const char *ways[] = {"/a", "l", "../../c"};
        for (int i = 0; i < 3; i++) must(syscall(437, d, ways[i], &how, sizeof how), ways[i]);
    } else if (!strcmp(words[1], "renames")) {
        must(mkdir("d/", 0700), "mkdir");
        must(rename("d", "n/"), "rename");
        made("n/a");
        made("file");
        must(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "n", 2), "exchange");
        made("file/b");
    } else if (!strcmp(words[1], "execs")) {
        executed("//proc/self/root/bin/true", "slashes");
        must(symlink("/proc/self/root", "top"), "top");
        executed("top/bin/true", "link");
        int program = open("/bin/true", O_RDONLY), copy = memfd_create("copy", 0);
        char some[4096];
        for (long got; (got = read(program, some, sizeof some)) > 0;) write(copy, some, got);
        executed(in("//proc/self/fd/%d", copy), "nameless");
        int script = memfd_create("script", 0);
        dprintf(script, "#!/bin/sh -e\nexit 0\n");
        must(symlink(in("/proc/self/fd/%d", script), "way"), "way");
        executed("way", "script");
    } else { /* a root of its own */
        must(mkdir("jail", 0700), "jail");
        must(mkdir("jail/in", 0700), "in");
        must(chroot("jail"), "chroot");
        must(chdir("/in"), "chdir");
        must(symlink("relative", "r"), "r");
        must(symlink("/in/absolute", "a"), "a");
        must(open("r", O_CREAT | O_WRONLY, 0600), "open r");
        must(open("a", O_CREAT | O_WRONLY, 0600), "open a");
        must(open("/../in/../../up", O_CREAT | O_WRONLY, 0600), "open up");
    }
    return 0;
}
