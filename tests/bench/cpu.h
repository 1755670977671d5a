/* CPU time of this process, all threads: the machine may have other work, so benches do not go by the clock. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <time.h>

/* seconds */
static inline double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
