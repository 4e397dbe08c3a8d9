/* The functions that pycore_newer_libc.h declares. On a kernel without the
   system call they fail with ENOSYS, as the C library's own would. */

#include "Python.h"
#include "pycore_newer_libc.h"

#ifdef memfd_create

#include <dlfcn.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#  define SYS_close_range 436 /* on every architecture */
#endif

int
_Py_newer_close_range(unsigned int first, unsigned int last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

ssize_t
_Py_newer_copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset,
                          size_t length, unsigned int flags)
{
    return syscall(SYS_copy_file_range, in, in_offset, out, out_offset,
                   length, flags);
}

int
_Py_newer_memfd_create(const char *name, unsigned int flags)
{
    return (int)syscall(SYS_memfd_create, name, flags);
}

/* os.preadv() and os.pwritev() go through the next two even when no flag is
   given. Without flags every kernel can do what is asked for. The offset's
   upper half is an argument of its own, which 64-bit kernels ignore. */

ssize_t
_Py_newer_preadv2(int fd, const struct iovec *parts, int count,
                  off_t offset, int flags)
{
    ssize_t done = syscall(SYS_preadv2, fd, parts, (long)count, (long)offset,
                           (long)((long long)offset >> 32), (long)flags);
    if (done >= 0 || errno != ENOSYS) {
        return done;
    }
    if (flags != 0) {
        errno = ENOTSUP;
        return -1;
    }
    return offset == -1 ? readv(fd, parts, count)
                        : preadv(fd, parts, count, offset);
}

ssize_t
_Py_newer_pwritev2(int fd, const struct iovec *parts, int count,
                   off_t offset, int flags)
{
    ssize_t done = syscall(SYS_pwritev2, fd, parts, (long)count, (long)offset,
                           (long)((long long)offset >> 32), (long)flags);
    if (done >= 0 || errno != ENOSYS) {
        return done;
    }
    if (flags != 0) {
        errno = ENOTSUP;
        return -1;
    }
    return offset == -1 ? writev(fd, parts, count)
                        : pwritev(fd, parts, count, offset);
}

/* A semaphore's layout is the C library's own affair: where the one that runs
   has the function (glibc 2.30), it is asked; older ones know one clock only.
   It is looked up before there are threads, because after a fork() the loader
   may be locked by one that is gone. */

typedef int (*clockwait_function)(sem_t *, clockid_t, const struct timespec *);
static clockwait_function system_clockwait;

__attribute__((constructor)) static void
find_clockwait(void)
{
    system_clockwait = (clockwait_function)dlsym(RTLD_DEFAULT, "sem_clockwait");
}

int
_Py_newer_sem_clockwait(sem_t *semaphore, clockid_t clock,
                        const struct timespec *deadline)
{
    if (system_clockwait != NULL) {
        return system_clockwait(semaphore, clock, deadline);
    }
    struct timespec now, end;
    if (clock_gettime(clock, &now) != 0
        || clock_gettime(CLOCK_REALTIME, &end) != 0)
    {
        return -1;
    }
    const long second = 1000 * 1000 * 1000;
    end.tv_sec += deadline->tv_sec - now.tv_sec;
    end.tv_nsec += deadline->tv_nsec - now.tv_nsec;
    if (end.tv_nsec < 0) {
        end.tv_sec -= 1;
        end.tv_nsec += second;
    }
    else if (end.tv_nsec >= second) {
        end.tv_sec += 1;
        end.tv_nsec -= second;
    }
    if (end.tv_sec < 0) {
        end.tv_sec = 0;
    }
    return sem_timedwait(semaphore, &end);
}

#endif
