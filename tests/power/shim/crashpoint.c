/* Counts the calls of libc that change files below a folder, and makes the n-th of them the last, or fail.
 * gcc -shared -fPIC -O2 -o crashpoint.so crashpoint.c -ldl; LD_PRELOAD=crashpoint.so
 * A process arms it by environment (CRASHPOINT_FOLDER, _AT, _MODE) or, after a fork, by crashpoint_arm(). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum outcome { GO_ON, FAIL, TEAR };

static char folder[PATH_MAX];
static char mode; /* k: killed before the call; t: torn, then killed; i: EIO; n: ENOSPC */
static long at, calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void crashpoint_arm(const char *where, long number, char what) {
  snprintf(folder, sizeof folder, "%s/", where);
  at = number;
  mode = what;
  calls = 0;
}

long crashpoint_calls(void) { return calls; }

__attribute__((constructor)) static void arm_by_environment(void) {
  const char *where = getenv("CRASHPOINT_FOLDER"), *number = getenv("CRASHPOINT_AT");
  const char *what = getenv("CRASHPOINT_MODE");
  if (where && number && what) crashpoint_arm(where, atol(number), what[0]);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int is_below(const char *path) { return folder[0] && !strncmp(path, folder, strlen(folder)); }

static int is_open_below(int descriptor) {
  char link[64], path[PATH_MAX];
  if (!folder[0]) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  strncat(path, "/", sizeof path - strlen(path) - 1); /* the folder itself counts too */
  return is_below(path);
}

static enum outcome next_call(int writes) {
  if (++calls != at) return GO_ON;
  if (mode == 'i' || mode == 'n') {
    errno = mode == 'i' ? EIO : ENOSPC;
    return FAIL;
  }
  if (mode == 't' && writes) return TEAR;
  die();
  return FAIL;
}

#define WRITES(name, offset_t) \
  ssize_t name(int f, const void *data, size_t size, offset_t offset) { \
    enum outcome next = is_open_below(f) ? next_call(1) : GO_ON; \
    if (next == FAIL) return -1; \
    if (next == TEAR) { REAL(name)(f, data, size / 2, offset); die(); } \
    return REAL(name)(f, data, size, offset); }
WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)

ssize_t write(int f, const void *data, size_t size) {
  enum outcome next = is_open_below(f) ? next_call(1) : GO_ON;
  if (next == FAIL) return -1;
  if (next == TEAR) { REAL(write)(f, data, size / 2); die(); }
  return REAL(write)(f, data, size);
}

#define CHANGES(concerned, type, name, parameters, arguments) \
  type name parameters { \
    if (concerned && next_call(0) != GO_ON) return -1; \
    return REAL(name) arguments; }
CHANGES(is_open_below(f), int, fsync, (int f), (f))
CHANGES(is_open_below(f), int, fdatasync, (int f), (f))
CHANGES(is_open_below(f), int, ftruncate, (int f, off_t size), (f, size))
CHANGES(is_open_below(f), int, ftruncate64, (int f, off64_t size), (f, size))
CHANGES(is_below(to), int, rename, (const char *from, const char *to), (from, to))
CHANGES(is_below(to), int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
CHANGES(is_below(to), int, link, (const char *from, const char *to), (from, to))
CHANGES(is_below(to), int, symlink, (const char *from, const char *to), (from, to))
CHANGES(is_below(path), int, unlink, (const char *path), (path))
CHANGES(is_below(path), int, rmdir, (const char *path), (path))
CHANGES(is_below(path), int, mkdir, (const char *path, mode_t bits), (path, bits))

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    if (flags & (O_CREAT | O_TRUNC) && is_below(path) && next_call(0) != GO_ON) return -1; \
    return REAL(name)(path, flags, bits); }
OPENS(open)
OPENS(open64)
