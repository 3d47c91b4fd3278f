/* crowd forks N: so many children at once, each makes a file and executes true.
   crowd threads N: so many threads at once, each makes twenty files. crowd daemon: detaches twice, then makes a file. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void make(const char *format, int a, int b) {
    char name[64];
    snprintf(name, sizeof name, format, a, b);
    if (open(name, O_CREAT | O_WRONLY, 0600) < 0) _exit(1);
}

static void *files(void *number) {
    for (int i = 0; i < 20; i++) {
        int file;
        char name[64];
        snprintf(name, sizeof name, "t%ld-%d", (long)number, i);
        if ((file = open(name, O_CREAT | O_WRONLY, 0600)) < 0) _exit(1);
        close(file);
    }
    return 0;
}

int main(int count, char **words) {
    int number = count > 2 ? atoi(words[2]) : 0;
    if (!strcmp(words[1], "forks")) {
        for (int i = 0; i < number; i++)
            if (fork() == 0) {
                make("f%d", i, 0);
                execl("/bin/true", "true", words[2], (char *)0);
                _exit(1);
            }
        for (int status, i = 0; i < number; i++)
            if (wait(&status) < 0 || status) return 2;
    } else if (!strcmp(words[1], "threads")) {
        pthread_t threads[64];
        for (long i = 0; i < number; i++) pthread_create(threads + i, 0, files, (void *)i);
        for (long i = 0; i < number; i++) pthread_join(threads[i], 0);
    } else if (fork() == 0) {
        int ends[2];
        if (pipe(ends) < 0) return 3;
        setsid();
        if (fork() == 0) {
            char byte;
            close(ends[1]);
            if (read(ends[0], &byte, 1) < 0) _exit(1); /* until whoever forked it has ended */
            make("daemon", 0, 0);
            _exit(0);
        }
        _exit(0);
    } else {
        sleep(1); /* the last to go: the session's end must not cut it short */
    }
    return 0;
}
