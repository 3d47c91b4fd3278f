/* A 32-bit program without a library: makes a directory and ends. */
static int call(int number, const char *first, int second) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second) : "memory");
    return result;
}

void _start(void) {
    call(39 /* mkdir: asm/unistd_32.h */, "made-by-32-bit", 0755);
    call(1 /* exit */, (const char *)0, 0);
}
