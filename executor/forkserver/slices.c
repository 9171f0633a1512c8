#include "slices.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel has it (sched_setattr(2)); not every C library does. */
struct scheduling {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};

#define SLICE_NS 100000
#define RESET_ON_FORK 1

/*
 * Linux 6.12 and later lets one that asks for short slices run at once when it wakes, even where somebody with longer ones is in the
 * middle of his: a cpu whose task has ended does not wait until those who keep the books are through. Elsewhere it does nothing.
 * Tasks do not inherit it; nor would they a negative nice value, so whoever was given one, or another policy, keeps what he has.
 */
void ask_for_short_slices(void) {
#ifdef SYS_sched_setattr
  struct scheduling asked = {.size = sizeof asked, .flags = RESET_ON_FORK, .runtime = SLICE_NS};
  asked.nice = getpriority(PRIO_PROCESS, 0);
  if (asked.nice < 0 || sched_getscheduler(0) != SCHED_OTHER) return;
  (void)syscall(SYS_sched_setattr, 0, &asked, 0u);
#endif
}
