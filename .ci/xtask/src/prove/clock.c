/* A machine whose clock is wrong, for one process: preloaded, it moves the wall clock by CLOCK_OFFSET_S seconds. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, id, now);
    const char *offset = getenv("CLOCK_OFFSET_S");
    if (!failed && id == CLOCK_REALTIME && offset) now->tv_sec += atol(offset);
    return failed;
}
