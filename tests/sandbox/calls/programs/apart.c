/* Threads that have something of their own: memory, files, or a life longer than the first's. apart WHAT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, int line) { if (!ok) _exit(line % 250 + 1); }
#define MUST(call) must((call) >= 0, __LINE__)

static int bound(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7F000001)};
    int made = socket(AF_INET, SOCK_STREAM, 0);
    MUST(bind(made, (void *)&address, sizeof address));
    return made;
}

static void *left(void *none) {
    (void)none;
    usleep(200000); /* the first thread has ended */
    MUST(open("alone", O_CREAT | O_WRONLY, 0600));
    MUST(fchmod(open("alone", O_WRONLY), 0640));
    MUST(listen(bound(8082), 1));
    execl("/bin/true", "alone", (char *)0);
    _exit(1);
}

static void *files(void *none) {
    (void)none;
    MUST(unshare(CLONE_FILES));
    MUST(listen(dup2(bound(8083), 77), 1));
    exit(0);
}



static char stacks[3][1 << 16];

static int busy(void *directory) {
    for (;;) {
        mkdir(directory, 0700);
        rmdir(directory);
    }
}

static int replaced(void *program) {
    int shared = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM;
    clone(busy, stacks[1] + sizeof stacks[1], shared, "busy1");
    clone(busy, stacks[2] + sizeof stacks[2], shared, "busy2");
    usleep(20000);
    execl(program, "apart", "true-name", (char *)0);
    _exit(1);
}

static char *page(void) {
    char *made = mmap((void *)0x123450000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    must(made != MAP_FAILED, __LINE__);
    return made;
}

int main(int count, char **words) {
    (void)count;
    pthread_t other;
    if (!strcmp(words[1], "left")) {
        pthread_create(&other, 0, left, 0);
        syscall(SYS_exit, 0);
    } else if (!strcmp(words[1], "files")) {
        pthread_create(&other, 0, files, 0);
        pthread_join(other, 0);
    } else if (!strcmp(words[1], "undumpable")) {
        int directory = open(".", O_RDONLY | O_DIRECTORY);
        MUST(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
        MUST(mkdir("a", 0700));
        MUST(mkdirat(directory, "b", 0700));
        MUST(fchmod(directory, 0750));
        must(open("/root/none", O_CREAT | O_WRONLY | O_EXCL, 0600) < 0 || unlink("/root/none") == 0, __LINE__);
        MUST(listen(bound(8084), 1));
    } else if (!strcmp(words[1], "hidden")) {
        char way[64];
        MUST(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
        snprintf(way, sizeof way, "/proc/self/fd/%d/a", open(".", O_RDONLY | O_DIRECTORY));
        MUST(mkdir(way, 0700));
    } else if (!strcmp(words[1], "forged")) {
        strcpy(page(), "forged");
        for (int i = 0; i < 20; i++) {
            pid_t child = clone(replaced, stacks[0] + sizeof stacks[0], CLONE_VM | SIGCHLD, words[0]);
            int status;
            MUST(child);
            waitpid(child, &status, 0);
            must(status == 0, __LINE__);
        }
    } else if (!strcmp(words[1], "true-name")) {
        strcpy(page(), "true");
        MUST(open((char *)0x123450000, O_CREAT | O_WRONLY, 0600));
        MUST(unlink((char *)0x123450000));
    } else if (!strcmp(words[1], "pages")) { /* a name over two pages, and where only writing or executing is asked for */
        char *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        must(pages != MAP_FAILED, __LINE__);
        char *name = pages + 4096 - 3;
        strcpy(name, "across");
        MUST(mkdir(name, 0700));
        strcpy(pages + 2 * 4096 - 4, "end"); /* nothing is behind it */
        MUST(mprotect(pages + 2 * 4096, 4096, PROT_NONE));
        MUST(mkdir(pages + 2 * 4096 - 4, 0700));
        strcpy(name, "unread");
        MUST(mprotect(pages, 2 * 4096, PROT_WRITE));
        MUST(mkdir(name, 0700));
        MUST(mprotect(pages, 4096, PROT_READ));
        MUST(rmdir(name));
        must(syscall(447, 0) < 0, __LINE__); /* memfd_secret */
    } else { /* an address whose low half is zero */
        struct sockaddr_in *address = mmap((void *)0x700000000000, 4096, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        must(address != MAP_FAILED, __LINE__);
        address->sin_family = AF_INET;
        address->sin_port = htons(8085);
        address->sin_addr.s_addr = htonl(0x7F000001);
        MUST(sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)address, sizeof *address));
    }
    return 0;
}
