/* What goes wrong between a call being read and being made. faults WHAT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[8] = "one";
static volatile int over;

static void *swap(void *none) {
    (void)none;
    while (!over) {
        memcpy(name, "two", 3);
        memcpy(name, "one", 3);
    }
    return 0;
}

static void nothing(int number) { (void)number; }

int main(int count, char **words) {
    (void)count;
    if (!strcmp(words[1], "swap")) {
        pthread_t other;
        pthread_create(&other, 0, swap, 0);
        for (int i = 0; i < 2000; i++) close(open(name, O_CREAT | O_WRONLY, 0600));
        over = 1;
        pthread_join(other, 0);
    } else if (!strcmp(words[1], "kill")) {
        for (int i = 0; i < 50; i++) {
            pid_t child = fork();
            if (child == 0)
                for (;;) close(open("again", O_CREAT | O_WRONLY, 0600));
            usleep(i * 100);
            kill(child, SIGKILL);
            waitpid(child, 0, 0);
        }
    } else if (!strcmp(words[1], "unreadable")) {
        char *bad = (char *)16;
        if (syscall(SYS_openat, AT_FDCWD, bad, O_CREAT | O_WRONLY, 0600) != -1 || errno != EFAULT) return 1;
        if (syscall(SYS_execve, bad, bad, bad) != -1 || errno != EFAULT) return 2;
        if (syscall(SYS_execve, "/bin/true", bad, 0) != -1 || errno != EFAULT) return 3;
        if (syscall(SYS_connect, 0, bad, 16) != -1) return 4;
        if (syscall(SYS_renameat, AT_FDCWD, "x", AT_FDCWD, (char *)-1) != -1) return 5;
        if (syscall(SYS_mount, bad, bad, bad, 0, bad) != -1) return 6;
    } else if (!strcmp(words[1], "signals")) { /* calls interrupted all the time, and made again */
        struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
        sigaction(SIGUSR1, &action, 0);
        pid_t parent = getpid(), child = fork();
        if (child == 0)
            for (;;) syscall(SYS_kill, parent, SIGUSR1);
        for (int i = 0; i < 300; i++) {
            char made[32];
            snprintf(made, sizeof made, "s%d", i);
            int file = open(made, O_CREAT | O_EXCL | O_WRONLY, 0600);
            if (file < 0) return 8;
            close(file);
        }
        kill(child, SIGKILL);
        waitpid(child, 0, 0);
    } else { /* two MiB of arguments */
        char *many[18] = {"true"};
        for (int i = 1; i < 17; i++) many[i] = memset(calloc(1, 131072), 'a' + i, 131071);
        execv("/bin/true", many);
        return errno == E2BIG ? 0 : 7; /* where the stack is small */
    }
    return 0;
}
