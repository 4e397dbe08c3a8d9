/* Functions of newer C libraries than the one that is built for.

   Linux has them as system calls, but the oldest glibc that a distribution
   runs on does not know them. They get names of our own, hidden ones: nothing
   that is linked with the interpreter can mistake them for the C library's.
   Where the C library's headers have them, this header does nothing. */

#ifndef Py_INTERNAL_NEWER_LIBC_H
#define Py_INTERNAL_NEWER_LIBC_H

#if defined(__linux__) && defined(__GLIBC__) && !__GLIBC_PREREQ(2, 26)

#include <semaphore.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#pragma GCC visibility push(hidden)
extern int _Py_newer_close_range(unsigned int first, unsigned int last,
                                 int flags);
extern ssize_t _Py_newer_copy_file_range(int in, off_t *in_offset,
                                         int out, off_t *out_offset,
                                         size_t length, unsigned int flags);
extern int _Py_newer_memfd_create(const char *name, unsigned int flags);
extern ssize_t _Py_newer_preadv2(int fd, const struct iovec *parts, int count,
                                 off_t offset, int flags);
extern ssize_t _Py_newer_pwritev2(int fd, const struct iovec *parts, int count,
                                  off_t offset, int flags);
extern int _Py_newer_sem_clockwait(sem_t *semaphore, clockid_t clock,
                                   const struct timespec *deadline);
#pragma GCC visibility pop

#define close_range _Py_newer_close_range
#define copy_file_range _Py_newer_copy_file_range
#define memfd_create _Py_newer_memfd_create
#define preadv2 _Py_newer_preadv2
#define pwritev2 _Py_newer_pwritev2
#define sem_clockwait _Py_newer_sem_clockwait

/* Numbers of the kernel's that have no function to them. */
#ifndef CLONE_NEWTIME
#  define CLONE_NEWTIME 0x00000080
#endif
#ifndef IPPROTO_MPTCP
#  define IPPROTO_MPTCP 262
#endif
#ifndef PIDFD_NONBLOCK
#  define PIDFD_NONBLOCK O_NONBLOCK
#endif

#endif
#endif
