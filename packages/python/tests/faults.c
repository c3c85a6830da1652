// A disk that fails when it is told to, for a process that preloads this: calls on files whose names end in a given way.
//
//   faults_fail(call, ending, times)   the next calls fail: "sync" and "write" with EIO, "open" for writing with EACCES
//   faults_lose(ending)                a sync has failed: each descriptor that is open now reports it once, as Linux does
//   faults_count(call, ending)         how often the call has succeeded on such files
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define RULES 8
#define DESCRIPTORS 4096

struct rule {
  char call[8], ending[32];
  long left, passed;
};

static struct rule rules[RULES];
static char lost[DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int ends_with(const char *name, const char *ending) {
  size_t n = strlen(name), m = strlen(ending);
  return n >= m && strcmp(name + n - m, ending) == 0;
}

static const char *name_of(int descriptor, char *buffer, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t n = readlink(link, buffer, size - 1);
  buffer[n < 0 ? 0 : n] = 0;
  return buffer;
}

static struct rule *rule_of(const char *call, const char *ending) {
  for (int i = 0; i < RULES; i++) {
    if (!rules[i].call[0]) {
      snprintf(rules[i].call, sizeof rules[i].call, "%s", call);
      snprintf(rules[i].ending, sizeof rules[i].ending, "%s", ending);
    }
    if (!strcmp(rules[i].call, call) && !strcmp(rules[i].ending, ending)) return &rules[i];
  }
  return NULL;
}

void faults_fail(const char *call, const char *ending, long times) {
  pthread_mutex_lock(&lock);
  struct rule *rule = rule_of(call, ending);
  if (rule) rule->left = times;
  pthread_mutex_unlock(&lock);
}

long faults_count(const char *call, const char *ending) {
  pthread_mutex_lock(&lock);
  struct rule *rule = rule_of(call, ending);
  long passed = rule ? rule->passed : -1;
  pthread_mutex_unlock(&lock);
  return passed;
}

void faults_lose(const char *ending) {
  char name[4096];
  pthread_mutex_lock(&lock);
  for (int i = 0; i < DESCRIPTORS; i++)
    if (ends_with(name_of(i, name, sizeof name), ending)) lost[i] = 1;
  pthread_mutex_unlock(&lock);
}

static int fails(const char *call, const char *name) {
  int failed = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < RULES && rules[i].call[0]; i++) {
    if (strcmp(rules[i].call, call) || !ends_with(name, rules[i].ending)) continue;
    if (rules[i].left > 0) {
      rules[i].left--;
      failed = 1;
    } else {
      rules[i].passed++;
    }
  }
  pthread_mutex_unlock(&lock);
  return failed;
}

static int sync_fails(int descriptor) {
  char name[4096];
  int failed = fails("sync", name_of(descriptor, name, sizeof name));
  if (descriptor >= 0 && descriptor < DESCRIPTORS) {
    pthread_mutex_lock(&lock);
    failed |= lost[descriptor];
    lost[descriptor] = 0;
    pthread_mutex_unlock(&lock);
  }
  if (failed) errno = EIO;
  return failed;
}

int fsync(int descriptor) {
  int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
  return sync_fails(descriptor) ? -1 : next(descriptor);
}

int fdatasync(int descriptor) {
  int (*next)(int) = dlsym(RTLD_NEXT, "fdatasync");
  return sync_fails(descriptor) ? -1 : next(descriptor);
}

static ssize_t written(const char *function, int descriptor, const void *data, size_t size, off64_t at) {
  ssize_t (*next)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, function);
  char name[4096];
  if (fails("write", name_of(descriptor, name, sizeof name))) {
    errno = EIO;
    return -1;
  }
  return next(descriptor, data, size, at);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) { return written("pwrite64", descriptor, data, size, at); }

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) { return written("pwrite64", descriptor, data, size, at); }

static int opened(const char *name, int flags, mode_t mode) {
  int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
  if ((flags & O_ACCMODE) == O_RDWR && fails("open", name)) {
    errno = EACCES;
    return -1;
  }
  int descriptor = next(name, flags, mode);
  if (descriptor >= 0 && descriptor < DESCRIPTORS) lost[descriptor] = 0;
  return descriptor;
}

static mode_t mode_of(int flags, va_list more) { return flags & O_CREAT ? va_arg(more, mode_t) : 0; }

int open(const char *name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = mode_of(flags, more);
  va_end(more);
  return opened(name, flags, mode);
}

int open64(const char *name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = mode_of(flags, more);
  va_end(more);
  return opened(name, flags | O_LARGEFILE, mode);
}
