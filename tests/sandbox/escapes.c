/* Ways out of a quarantine, tried one after the other, each in a process of its own.

   Prints a line each: NAME<tab>refused|harmless|out<tab>why. "out" means that it took hold: not that a call claimed
   success, but that its effect was seen. Called with the pid of a process outside, a directory of the host's, the key
   of shared memory of the host's, and, to try only some, their names.

   Never run all of it outside a quarantine, not as root, not even in name spaces of its own: it reaches the machine's
   settings and every process of the user from there. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <sys/mount.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>  // after what it needs and does not include everywhere
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define MOVE_MOUNT_EMPTY 0x4
#define TREE_CLONE 1
#define FS_SHUTDOWN _IOR('X', 125, __u32)
#define FS_FREEZE _IOWR('X', 119, int)

static pid_t outsider;
static const char *host;
static key_t shared;
static const char *self;

enum { REFUSED, HARMLESS, OUT };

static char path_[4096];
static const char *at(const char *name) {
    snprintf(path_, sizeof path_, "%s/%s", host, name);
    return path_;
}

static int out_if(int took_hold) { return took_hold ? OUT : REFUSED; }

/* Whether something else lies at /mnt than at the start. */
static dev_t at_first;
static int covered(void) {
    struct stat found;
    return stat("/mnt", &found) == 0 && found.st_dev != at_first;
}

/* Whether the file took these words, read back. */
static int written(const char *path, const char *words) {
    char now[256] = "";
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return 0;
    int wrote = write(file, words, strlen(words)) > 0, reason = errno;
    close(file);
    file = open(path, O_RDONLY);
    int readable = file >= 0 && read(file, now, sizeof now - 1) > 0;
    errno = reason;
    return wrote && (!readable || strncmp(now, words, strlen(words)) == 0);
}

static int opened(const char *path, int flags) {
    int file = open(path, flags | O_NONBLOCK);
    return file >= 0;
}

/* -- mounts and roots ---------------------------------------------------------------------------------------------- */

static int mount_something(void) {
    mount("none", "/mnt", "tmpfs", 0, 0);
    return out_if(covered());
}
static int mount_bind(void) { return out_if(mount("/etc", "/mnt", 0, MS_BIND, 0) == 0 && access("/mnt/passwd", F_OK) == 0); }
static int mount_proc(void) { return out_if(mount("none", "/mnt", "proc", 0, 0) == 0 && access("/mnt/1", F_OK) == 0); }
static int mount_devtmpfs(void) { return out_if(mount("none", "/mnt", "devtmpfs", 0, 0) == 0 && access("/mnt/null", F_OK) == 0); }
static int mount_cgroup(void) { return out_if(mount("none", "/mnt", "cgroup", 0, "pids") == 0 && access("/mnt/tasks", F_OK) == 0); }
static int mount_debug(void) { return out_if(mount("none", "/mnt", "debugfs", 0, 0) == 0 && access("/mnt/sched", F_OK) == 0); }
static int remount_sys(void) {
    mount("none", "/sys", 0, MS_REMOUNT | MS_BIND, 0);
    return out_if(access("/sys/kernel/uevent_helper", W_OK) == 0 || access("/sys/kernel/mm/ksm/run", W_OK) == 0);
}
static int remount_proc_sys(void) {
    mount("none", "/proc/sys", 0, MS_REMOUNT | MS_BIND, 0);
    return out_if(written("/proc/sys/vm/swappiness", "61\n"));
}
static int unmount_proc_sys(void) {
    umount2("/proc/sys", MNT_DETACH);
    return out_if(written("/proc/sys/vm/swappiness", "61\n"));
}
static int unmount_stand_in(void) { return out_if(umount2("/sys/fs/cgroup", MNT_DETACH) == 0 && access("/sys/fs/cgroup/pids", F_OK) == 0); }
static int unmount_root(void) { return out_if(umount2("/", MNT_DETACH) == 0 && access("/etc", F_OK) != 0); }
static int propagate(void) { return out_if(mount("none", "/", 0, MS_REC | MS_SHARED, 0) == 0 && mount("none", "/mnt", "tmpfs", 0, 0) == 0 && covered()); }
static int clone_tree(void) {
    int tree = syscall(SYS_open_tree, AT_FDCWD, "/", TREE_CLONE);
    return out_if(tree >= 0 && syscall(SYS_move_mount, tree, "", AT_FDCWD, "/mnt", MOVE_MOUNT_EMPTY) == 0);
}
static int new_mount_calls(void) {
    int context = syscall(SYS_fsopen, "tmpfs", 0);
    if (context < 0) return REFUSED;
    syscall(SYS_fsconfig, context, 6 /* create */, 0, 0, 0);
    int made = syscall(SYS_fsmount, context, 0, 0);
    return out_if(made >= 0 && syscall(SYS_move_mount, made, "", AT_FDCWD, "/mnt", MOVE_MOUNT_EMPTY) == 0 && covered());
}
static int mount_attributes(void) {
    struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY};
    syscall(SYS_mount_setattr, AT_FDCWD, "/proc/sys", 0, &attributes, sizeof attributes);
    return out_if(written("/proc/sys/vm/swappiness", "61\n"));
}
static int pivot(void) { return out_if(syscall(SYS_pivot_root, "/", "/mnt") == 0); }
static int own_mounts(void) {
    unshare(CLONE_NEWNS);
    mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
    mount("none", "/mnt", "tmpfs", 0, 0);
    return out_if(covered());
}
static int user_name_space(void) { return out_if(unshare(CLONE_NEWUSER) == 0); }
static int user_name_space_by_clone(void) {
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    pid_t child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0) _exit(0);
    return out_if(child > 0);
}
static int mount_as_own_root(void) {
    unshare(CLONE_NEWUSER | CLONE_NEWNS);
    mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
    mount("none", "/mnt", "tmpfs", 0, 0);
    return out_if(covered());
}
static int unmount_as_own_root(void) {
    unshare(CLONE_NEWUSER | CLONE_NEWNS);
    umount2("/proc/sys", MNT_DETACH);
    return out_if(written("/proc/sys/vm/swappiness", "61\n"));
}
static int other_name_spaces(void) {
    return out_if(unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUTS) == 0 || unshare(CLONE_NEWIPC) == 0 || unshare(CLONE_NEWCGROUP) == 0);
}
static int chroot_and_back(void) {
    struct stat before, after;
    stat("/", &before);
    int outside = open("/", O_RDONLY);
    mkdir(at("jail"), 0755);
    if (chroot(at("jail")) < 0) return REFUSED;
    if (fchdir(outside) < 0) return REFUSED;
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0) break;
    if (chroot(".") < 0) return REFUSED;
    stat("/", &after); /* back where it came from, and no further: the old root is gone from this name space */
    return before.st_dev == after.st_dev && before.st_ino == after.st_ino ? HARMLESS : OUT;
}
static int enter_name_space(const char *path) {
    int space = open(path, O_RDONLY);
    return out_if(space >= 0 && setns(space, 0) == 0);
}
static int enter_mounts_of_1(void) { return enter_name_space("/proc/1/ns/mnt"); }
static int enter_own_mounts(void) { return enter_name_space("/proc/self/ns/mnt"); }
static int enter_net_of_1(void) { return enter_name_space("/proc/1/ns/net"); }
static int enter_by_pidfd(void) {
    int process = syscall(SYS_pidfd_open, 1, 0);
    return out_if(process >= 0 && setns(process, CLONE_NEWNS) == 0);
}

/* -- devices ------------------------------------------------------------------------------------------------------- */

static int device(mode_t type, unsigned major_, unsigned minor_) {
    const char *node = at("device");
    unlink(node);
    mknod(node, type | 0666, makedev(major_, minor_));
    return out_if(opened(node, O_RDWR));
}
static int block_device(void) {
    FILE *table = fopen("/proc/partitions", "r");
    char line[256];
    unsigned major_ = 254, minor_ = 0;
    while (table && fgets(line, sizeof line, table))
        if (sscanf(line, "%u %u", &major_, &minor_) == 2) break;
    return device(S_IFBLK, major_, minor_);
}
static int memory_device(void) { return device(S_IFCHR, 1, 1); }
static int log_device(void) { return device(S_IFCHR, 1, 11); }
static int fuse_device(void) { return device(S_IFCHR, 10, 229); }
static int harmless_device(void) { return device(S_IFCHR, 1, 3); }
static int devices_of_the_host(void) {
    static const char *const names[] = {"/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/vda", "/dev/sda",
        "/dev/nvme0n1", "/dev/loop0", "/dev/loop-control", "/dev/fuse", "/dev/kvm", "/dev/net/tun", "/dev/uinput",
        "/dev/input/event0", "/dev/console", "/dev/tty1", "/dev/snd/controlC0", "/dev/dri/card0", "/dev/vsock",
        "/dev/vhost-vsock", "/dev/mapper/control", "/dev/userfaultfd", "/dev/hpet", "/dev/rtc0", "/dev/watchdog"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (opened(names[i], O_RDONLY) || opened(names[i], O_WRONLY)) return OUT;
    return REFUSED;
}
static int port_privileges(void) {
#ifdef __x86_64__
    return out_if(iopl(3) == 0 || ioperm(0x80, 1, 1) == 0);
#else
    return REFUSED;
#endif
}
static int swap_on(void) {
    int file = open(at("swap"), O_RDWR | O_CREAT, 0600);
    char page[4096] = "";
    memcpy(page + 4086, "SWAPSPACE2", 10);
    page[1024] = 1;
    page[1028] = 255;
    for (int i = 0; i < 256; i++)
        if (write(file, page, sizeof page) < 0) break;
    return out_if(swapon(at("swap"), 0) == 0);
}
static int swap_off(void) { return out_if(swapoff("/swapfile") == 0); }
static int quotas(void) { return out_if(quotactl(QCMD(Q_QUOTAON, USRQUOTA), "/dev/vda", 2, "/aquota.user") == 0 || syscall(SYS_quotactl_fd, open("/", O_RDONLY), QCMD(Q_QUOTAON, USRQUOTA), 0, 0) == 0); }

/* -- the kernel's settings ----------------------------------------------------------------------------------------- */

static int sysrq(void) { return out_if(opened("/proc/sysrq-trigger", O_WRONLY)); }
static int core_pattern(void) { return out_if(written("/proc/sys/kernel/core_pattern", "|/bin/false")); }
static int modprobe_path(void) { return out_if(written("/proc/sys/kernel/modprobe", "/bin/false")); }
static int binfmt(void) { return out_if(opened("/proc/sys/fs/binfmt_misc/register", O_WRONLY)); }
static int randomisation(void) { return out_if(written("/proc/sys/kernel/randomize_va_space", "0")); }
static int forwarding(void) { return out_if(written("/proc/sys/net/ipv4/ip_forward", "1")); }
static int most_processes(void) { return out_if(written("/proc/sys/kernel/pid_max", "4194304")); }
static int uevent_helper(void) { return out_if(written("/sys/kernel/uevent_helper", "/bin/false")); }
static int power_state(void) { return out_if(opened("/sys/power/state", O_WRONLY) || opened("/sys/power/wake_lock", O_WRONLY)); }
static int release_agent(void) {
    static const char *const names[] = {"/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/pids/release_agent",
        "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/devices/devices.allow", "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/pids/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (opened(names[i], O_WRONLY)) return OUT;
    return out_if(mkdir("/sys/fs/cgroup/pids/x", 0755) == 0);
}
static int module_settings(void) { return out_if(opened("/sys/module/kernel/parameters/panic", O_WRONLY) || opened("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY)); }
static int block_settings(void) { return out_if(opened("/sys/block/vda/queue/scheduler", O_WRONLY) || opened("/sys/block/vda/uevent", O_WRONLY)); }
static int load_module(void) { return out_if(syscall(SYS_init_module, "", 0, "") == 0 || syscall(SYS_finit_module, open(self, O_RDONLY), "", 0) == 0); }
static int unload_module(void) { return out_if(syscall(SYS_delete_module, "nothing_of_that_name", O_NONBLOCK) == 0 || errno == ENOENT); }
static int next_kernel(void) { return out_if(syscall(SYS_kexec_load, 0, 0, 0, 0) == 0 || syscall(SYS_kexec_file_load, -1, -1, 0, 0, 4) == 0 || (errno != EPERM && errno != ENOSYS)); }
static int restart(void) { return out_if(reboot(RB_ENABLE_CAD) == 0); }
static int set_clock(void) {
    struct timespec now, then;
    clock_gettime(CLOCK_REALTIME, &now);
    then = now;
    then.tv_sec += 86400;
    clock_settime(CLOCK_REALTIME, &then);
    struct timeval also = {.tv_sec = then.tv_sec};
    settimeofday(&also, 0);
    clock_gettime(CLOCK_REALTIME, &then);
    return out_if(then.tv_sec - now.tv_sec > 3600);
}
static int host_name(void) {
    struct utsname name;
    sethostname("owned", 5);
    uname(&name);
    return out_if(strcmp(name.nodename, "owned") == 0);
}
static int kernel_log(void) { char text[64]; return out_if(syscall(SYS_syslog, 3, text, sizeof text) > 0 || syscall(SYS_syslog, 5, 0, 0) >= 0); }
static int accounting(void) { close(open(at("account"), O_CREAT, 0600)); return out_if(acct(at("account")) == 0); }
static int load_bpf(void) {
    /* A program that says 0 and ends. */
    struct { unsigned char code, registers; short offset; int immediate; } program[] = {{0xb7, 0, 0, 0}, {0x95, 0, 0, 0}};
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (unsigned long)program, .license = (unsigned long)"GPL"};
    return out_if(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes) >= 0);
}
static int watch_all_cpus(void) {
    struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_CPU_CLOCK};
    return out_if(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, 0) >= 0);
}
static int ring(void) {
    struct io_uring_params parameters = {0};
    return out_if(syscall(SYS_io_uring_setup, 4, &parameters) >= 0);
}
static int user_keys(void) { return out_if(syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", "pratique-outside", 0) >= 0); }
static int add_user_key(void) { return out_if(syscall(SYS_add_key, "user", "pratique-inside", "x", 1, KEY_SPEC_USER_KEYRING) >= 0); }
static int session_keys(void) { return out_if(syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "pratique-outside", 0) >= 0); }

/* -- processes outside --------------------------------------------------------------------------------------------- */

static int trace_outsider(void) { return out_if(ptrace(PTRACE_SEIZE, outsider, 0, 0) == 0); }
static int trace_first(void) { return out_if(ptrace(PTRACE_SEIZE, 1, 0, 0) == 0); }
static int kill_outsider(void) { kill(outsider, SIGKILL); kill(-outsider, SIGKILL); syscall(SYS_tgkill, outsider, outsider, SIGKILL); return HARMLESS; /* whether it lives, its owner sees */ }
static int hold_outsider(void) { int it = syscall(SYS_pidfd_open, outsider, 0); return it >= 0 && syscall(SYS_pidfd_send_signal, it, SIGKILL, 0, 0) == 0 ? HARMLESS : REFUSED; }
static int write_memory_of(pid_t pid) {
    char byte = 0;
    struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
    return process_vm_writev(pid, &here, 1, &there, 1, 0) == 1 || (errno != EPERM && errno != ESRCH && errno != ENOSYS);
}
static int write_outsider(void) { return out_if(write_memory_of(outsider)); }
static int write_first(void) { return out_if(write_memory_of(1)); }
static int descriptor_of_first(void) {
    int it = syscall(SYS_pidfd_open, 1, 0);
    return out_if(it >= 0 && syscall(SYS_pidfd_getfd, it, 0, 0) >= 0);
}
static int root_of_first(void) { return out_if(access("/proc/1/root/etc", F_OK) == 0 || access("/proc/1/cwd/etc", F_OK) == 0); }
static int memory_of_first(void) { return out_if(opened("/proc/1/mem", O_RDWR) || opened("/proc/1/environ", O_RDONLY) || opened("/proc/1/fd/0", O_RDWR)); }
static int program_of_first(void) {
    DIR *maps = opendir("/proc/1/map_files");
    int there = 0;
    for (struct dirent *one; maps && (one = readdir(maps));) there += one->d_name[0] != '.';
    return out_if(there || opened("/proc/1/exe", O_RDONLY));
}
static int root_of_outsider(void) {
    char name[64], words[256] = "";
    snprintf(name, sizeof name, "/proc/%d/cmdline", outsider);
    int file = open(name, O_RDONLY);
    return out_if(file >= 0 && read(file, words, sizeof words - 1) > 0 && strstr(words, "sleep"));
}
static int above_the_root(void) { struct stat a, b; stat("/", &a); return stat("/proc/self/root/../../..", &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev ? HARMLESS : OUT; }
static int slow_the_others(void) { setpriority(PRIO_USER, getuid(), 19); setpriority(PRIO_PROCESS, outsider, 19); setpriority(PRIO_PGRP, outsider, 19); return HARMLESS; }
static int limit_outsider(void) { struct rlimit none = {0, 0}; return out_if(prlimit(outsider, RLIMIT_NOFILE, &none, 0) == 0); }
static int pin_outsider(void) { cpu_set_t one; CPU_ZERO(&one); CPU_SET(0, &one); return out_if(sched_setaffinity(outsider, sizeof one, &one) == 0); }
static int signal_by_file(void) {
    int file = open("/dev/null", O_RDWR), ends[2];
    fcntl(file, F_SETOWN, outsider);
    if (pipe(ends)) return REFUSED;
    fcntl(ends[0], F_SETOWN, outsider);
    fcntl(ends[0], F_SETSIG, SIGKILL);
    fcntl(ends[0], F_SETFL, O_ASYNC);
    (void)!write(ends[1], "x", 1);
    return HARMLESS;
}
static int real_time(void) { struct sched_param first = {.sched_priority = 99}; return out_if(sched_setscheduler(0, SCHED_FIFO, &first) == 0 || nice(-10) == -10); }
static int more_files(void) { struct rlimit most; getrlimit(RLIMIT_FSIZE, &most); most.rlim_max = most.rlim_cur = RLIM_INFINITY; return out_if(setrlimit(RLIMIT_FSIZE, &most) == 0); }
static int less_killable(void) { return out_if(written("/proc/self/oom_score_adj", "-1000")); }
static int inherited(void) {
    for (int number = 3; number < 1024; number++)
        if (fcntl(number, F_GETFD) >= 0) { errno = number; return OUT; }
    return REFUSED;
}

/* -- privileges ---------------------------------------------------------------------------------------------------- */

static int all_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct all[2] = {{-1, -1, -1}, {0x1ff, 0x1ff, 0x1ff}};
    syscall(SYS_capset, &header, all);
    syscall(SYS_capget, &header, all);
    return out_if(all[0].effective & (1u << CAP_SYS_ADMIN));
}
static int file_capabilities(void) {
    char command[8300];
    const char *copy = at("capable");
    snprintf(command, sizeof command, "cp %s %s", self, copy);
    if (system(command)) return REFUSED;
    unsigned value[5] = {0x02000001, 1u << CAP_SYS_ADMIN, 0, 0, 0};
    if (setxattr(copy, "security.capability", value, sizeof value, 0) < 0) return REFUSED;
    snprintf(command, sizeof command, "%s mount", copy);
    return WEXITSTATUS(system(command)) == OUT ? OUT : HARMLESS;
}
static int setuid_program(void) {
    if (getuid() == 0) { /* somebody else inside, with root's own setuid programs at hand */
        if (setgid(65534) || setuid(65534)) return REFUSED;
    }
    return out_if(system("for one in sudo\\ -n pkexec 'su root -c'; do test \"$($one id -u </dev/null 2>/dev/null)\" = 0 && exit 0; done; exit 1") == 0);
}
static int become_root(void) { return getuid() == 0 ? HARMLESS : out_if(setuid(0) == 0 || setresuid(0, 0, 0) == 0); }
static int traps_off(void) { return personality(ADDR_NO_RANDOMIZE) >= 0 ? HARMLESS : REFUSED; }

/* -- networks and sockets ------------------------------------------------------------------------------------------ */

static int raw_socket(void) { return out_if(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0); }
static int packet_socket(void) { return out_if(socket(AF_PACKET, SOCK_RAW, 0) >= 0); }
static int machine_socket(void) {
    int s = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s < 0) return REFUSED;
    struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 1024};
    return out_if(connect(s, (void *)&to, sizeof to) == 0 || errno == EINPROGRESS || errno == ECONNRESET);
}
static int network_settings(void) {
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = {.ifr_name = "lo"};
    return out_if(ioctl(s, SIOCSIFFLAGS, &request) == 0);
}
static int network_by_netlink(void) {
    int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    struct { struct nlmsghdr head; struct ifinfomsg info; } down = {{sizeof down, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0}, {.ifi_index = 1, .ifi_change = IFF_UP}};
    struct { struct nlmsghdr head; struct nlmsgerr error; char rest[512]; } answer = {0};
    if (s < 0 || send(s, &down, sizeof down, 0) < 0 || recv(s, &answer, sizeof answer, 0) < 0) return REFUSED;
    errno = -answer.error.error;
    return out_if(answer.error.error == 0);
}
static int forge_the_log(void) {
    int s = socket(AF_NETLINK, SOCK_RAW, 9 /* audit */);
    struct { struct nlmsghdr head; char text[16]; } message = {{sizeof message, 1100, NLM_F_REQUEST | NLM_F_ACK, 1, 0}, "op=login"};
    struct { struct nlmsghdr head; struct nlmsgerr error; char rest[512]; } answer = {0};
    if (s < 0 || send(s, &message, sizeof message, 0) < 0 || recv(s, &answer, sizeof answer, MSG_DONTWAIT) < 0) return REFUSED;
    errno = -answer.error.error;
    return out_if(answer.error.error == 0);
}
static int reach(const char *path, int abstract) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + abstract, path, sizeof to.sun_path - 2);
    int s = socket(AF_UNIX, SOCK_STREAM, 0), length = abstract ? (int)(sizeof(sa_family_t) + 1 + strlen(path)) : (int)sizeof to;
    return connect(s, (void *)&to, length) == 0;
}
static int socket_on_disk(void) { return out_if(reach(at("bus"), 0)); }
static int socket_in_tmp(void) { char name[64]; snprintf(name, sizeof name, "/tmp/pratique-outside-%d", outsider); return out_if(reach(name, 0)); }
static int socket_in_run(void) { char name[64]; snprintf(name, sizeof name, "/run/pratique-outside-%d", outsider); return out_if(reach(name, 0)); }
static int abstract_socket(void) { char name[64]; snprintf(name, sizeof name, "pratique-outside-%d", outsider); return out_if(reach(name, 1)); }
static int usual_sockets(void) {
    static const char *const names[] = {"/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/notify",
        "/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/user/0/bus", "/tmp/.X11-unix/X0",
        "/tmp/.ICE-unix", "/run/user/1000/wayland-0", "/run/user/0/gnupg/S.gpg-agent", "/run/snapd.socket", "/dev/log"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (reach(names[i], 0)) return OUT;
    return out_if(reach("/tmp/.X11-unix/X0", 1));
}
static int pipe_on_disk(void) { int p = open(at("fifo"), O_RDWR | O_NONBLOCK); return p >= 0 && write(p, "x", 1) == 1 ? HARMLESS : REFUSED; }
static int shared_memory(void) { return out_if(shmget(shared, 1, 0) >= 0); }
static int posix_memory(void) { char name[64]; snprintf(name, sizeof name, "/dev/shm/pratique-outside-%d", outsider); return out_if(access(name, F_OK) == 0); }
static int message_queue(void) { char name[64]; snprintf(name, sizeof name, "/pratique-outside-%d", outsider); return out_if(mq_open(name, O_RDONLY) >= 0); }
static int push_input(void) {
    char key = 'x';
    int t = open("/dev/tty", O_RDWR);
    return out_if((t >= 0 && ioctl(t, TIOCSTI, &key) == 0) || ioctl(0, TIOCSTI, &key) == 0 || ioctl(1, TIOCSTI, &key) == 0);
}
static int paste_input(void) { char paste[] = {3}; int t = open("/dev/tty", O_RDWR); return out_if((t >= 0 && ioctl(t, TIOCLINUX, paste) == 0) || ioctl(1, TIOCLINUX, paste) == 0); }
static int steal_terminal(void) { return out_if(ioctl(1, TIOCSCTTY, 1) == 0 || ioctl(2, TIOCSCTTY, 1) == 0); }

/* -- files of the host: what is done inside must stay inside (the caller compares) ---------------------------------- */

static int change_file(void) { int f = open(at("file"), O_RDWR | O_TRUNC); return write(f, "changed", 7) == 7 ? HARMLESS : REFUSED; }
static int change_by_link(void) { link(at("file"), "/var/tmp/alias"); int f = open("/var/tmp/alias", O_WRONLY); return write(f, "changed", 7) == 7 ? HARMLESS : REFUSED; }
static int change_by_symlink(void) { (void)!symlink(at("file"), "/var/tmp/symbolic"); int f = open("/var/tmp/symbolic", O_WRONLY); return write(f, "changed", 7) == 7 ? HARMLESS : REFUSED; }
static int change_by_mapping(void) {
    int f = open(at("mapped"), O_RDWR);
    char *place = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
    if (place == MAP_FAILED) return REFUSED;
    place[0] = 'X';
    return msync(place, 4096, MS_SYNC) == 0 ? HARMLESS : REFUSED;
}
static int change_by_read_only_mapping(void) {
    int f = open(at("readable"), O_RDONLY);
    char *place = mmap(0, 4096, PROT_READ, MAP_SHARED, f, 0);
    return out_if(place != MAP_FAILED && mprotect(place, 4096, PROT_READ | PROT_WRITE) == 0);
}
static int change_by_reopening(void) {
    char name[64];
    int f = open(at("reopened"), O_PATH);
    snprintf(name, sizeof name, "/proc/self/fd/%d", f);
    f = open(name, O_WRONLY | O_TRUNC);
    return f >= 0 && write(f, "changed", 7) == 7 ? HARMLESS : REFUSED;
}
static int punch_a_hole(void) { int f = open(at("readable"), O_RDONLY); return out_if(fallocate(f, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096) == 0); }
static int clone_over(void) { int from = open(self, O_RDONLY), to = open(at("cloned"), O_WRONLY); return ioctl(to, FICLONE, from) == 0 ? HARMLESS : REFUSED; }
static int make_immutable(void) { int f = open(at("readable"), O_RDONLY); int flags = FS_IMMUTABLE_FL; return out_if(ioctl(f, FS_IOC_SETFLAGS, &flags) == 0); }
static int shut_the_file_system(void) { int f = open(at("readable"), O_RDONLY); __u32 how = 2; return out_if(ioctl(f, FS_SHUTDOWN, &how) == 0 || ioctl(f, FS_FREEZE, 0) == 0); }
static int trim(void) { int f = open("/", O_RDONLY); struct fstrim_range all = {0, -1, 0}; return out_if(ioctl(f, FITRIM, &all) == 0); }
static int by_handle(void) {
    struct { struct file_handle head; unsigned number[4]; } handle = {.head = {.handle_bytes = 8, .handle_type = 1}, .number = {2, 0}};
    int root = open("/", O_RDONLY);
    return out_if(syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY) >= 0 || errno == ESTALE);
}
static int overlay_notes(void) {
    int a = setxattr(at("noted"), "trusted.overlay.opaque", "y", 1, 0), b = setxattr(host, "trusted.overlay.redirect", "/etc", 4, 0);
    return out_if(a == 0 || b == 0);
}
static int overlay_user_notes(void) { return setxattr(at("noted"), "user.overlay.opaque", "y", 1, 0) == 0 || setxattr(at("noted"), "user.overlay.redirect", "/etc/shadow", 11, 0) == 0 ? HARMLESS : REFUSED; }
static int whiteout(void) { return out_if(mknod(at("white"), S_IFCHR, 0) == 0); }
static int whiteout_by_rename(void) { close(open(at("renamed-inside"), O_CREAT, 0600)); char to[4200]; snprintf(to, sizeof to, "%s2", at("renamed-inside")); return out_if(syscall(SYS_renameat2, AT_FDCWD, at("renamed-inside"), AT_FDCWD, to, 4) == 0); }
static int hear_of_host_files(void) { int n = inotify_init1(IN_NONBLOCK); return inotify_add_watch(n, host, IN_ALL_EVENTS) >= 0 ? HARMLESS : REFUSED; }
static int lock_host_files(void) { int f = open(at("locked"), O_RDONLY); return flock(f, LOCK_EX | LOCK_NB) == 0 ? HARMLESS : REFUSED; }
static int unreadable_state(void) { return out_if(access("/var/lib/pratique/decisions", F_OK) == 0 || access("/var/lib/pratique/sessions", F_OK) == 0); }

static const struct { const char *name; int (*attempt)(void); } attempts[] = {
#define TRY(function) {#function, function}
    TRY(mount_something), TRY(mount_bind), TRY(mount_proc), TRY(mount_devtmpfs), TRY(mount_cgroup), TRY(mount_debug),
    TRY(remount_sys), TRY(remount_proc_sys), TRY(unmount_proc_sys), TRY(unmount_stand_in), TRY(unmount_root), TRY(propagate),
    TRY(clone_tree), TRY(new_mount_calls), TRY(mount_attributes), TRY(pivot), TRY(own_mounts), TRY(user_name_space),
    TRY(user_name_space_by_clone), TRY(mount_as_own_root), TRY(unmount_as_own_root), TRY(other_name_spaces),
    TRY(chroot_and_back), TRY(enter_mounts_of_1), TRY(enter_own_mounts), TRY(enter_net_of_1), TRY(enter_by_pidfd),
    TRY(block_device), TRY(memory_device), TRY(log_device), TRY(fuse_device), TRY(harmless_device), TRY(devices_of_the_host),
    TRY(port_privileges), TRY(swap_on), TRY(swap_off), TRY(quotas), TRY(sysrq), TRY(core_pattern), TRY(modprobe_path),
    TRY(binfmt), TRY(randomisation), TRY(forwarding), TRY(most_processes), TRY(uevent_helper), TRY(power_state),
    TRY(release_agent), TRY(module_settings), TRY(block_settings), TRY(load_module), TRY(unload_module), TRY(next_kernel),
    TRY(restart), TRY(set_clock), TRY(host_name), TRY(kernel_log), TRY(accounting), TRY(load_bpf), TRY(watch_all_cpus),
    TRY(ring), TRY(user_keys), TRY(add_user_key), TRY(session_keys), TRY(trace_outsider), TRY(trace_first),
    TRY(kill_outsider), TRY(hold_outsider), TRY(write_outsider), TRY(write_first), TRY(descriptor_of_first),
    TRY(root_of_first), TRY(memory_of_first), TRY(program_of_first), TRY(root_of_outsider), TRY(above_the_root),
    TRY(slow_the_others), TRY(limit_outsider), TRY(pin_outsider), TRY(signal_by_file), TRY(real_time), TRY(more_files),
    TRY(less_killable), TRY(inherited), TRY(all_capabilities), TRY(file_capabilities), TRY(setuid_program), TRY(become_root),
    TRY(traps_off), TRY(raw_socket), TRY(packet_socket), TRY(machine_socket), TRY(network_settings), TRY(network_by_netlink),
    TRY(forge_the_log), TRY(socket_on_disk), TRY(socket_in_tmp), TRY(socket_in_run), TRY(abstract_socket), TRY(usual_sockets),
    TRY(pipe_on_disk), TRY(shared_memory), TRY(posix_memory), TRY(message_queue), TRY(push_input), TRY(paste_input),
    TRY(steal_terminal), TRY(change_file), TRY(change_by_link), TRY(change_by_symlink), TRY(change_by_mapping),
    TRY(change_by_read_only_mapping), TRY(change_by_reopening), TRY(punch_a_hole), TRY(clone_over), TRY(make_immutable),
    TRY(shut_the_file_system), TRY(trim), TRY(by_handle), TRY(overlay_notes), TRY(overlay_user_notes), TRY(whiteout),
    TRY(whiteout_by_rename), TRY(hear_of_host_files), TRY(lock_host_files), TRY(unreadable_state),
};

static int wanted(const char *name, int count, char **words) {
    for (int i = 4; i < count; i++)
        if (strcmp(words[i], name) == 0) return 1;
    return count == 4;
}

int main(int count, char **words) {
    static const char *const results[] = {"refused", "harmless", "out"};
    struct stat found;
    at_first = stat("/mnt", &found) == 0 ? found.st_dev : 0;
    if (count == 2 && strcmp(words[1], "mount") == 0) return mount_something();
    if (count < 4) return 2;
    self = words[0];
    outsider = atoi(words[1]);
    host = words[2];
    shared = atoi(words[3]);
    for (unsigned i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        if (!wanted(attempts[i].name, count, words)) continue;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            errno = 0;
            int result = attempts[i].attempt();
            printf("%s\t%s\t%s\n", attempts[i].name, results[result], errno ? strerror(errno) : "");
            fflush(stdout);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status)) printf("%s\trefused\tended by signal %d\n", attempts[i].name, WTERMSIG(status));
    }
    return 0;
}
