/*
 * Put before Hyperscan (LD_PRELOAD) it times each scan, then the same scan once more with nothing done about what is
 * found: the first is what the multi-pattern stage costs where it stands, the second what it would cost alone.  The
 * sums go to the file that HS_TIME names.  Every 16th scan, so that the program is not much slowed down.
 *
 * What is looked for without Hyperscan (sensor/detect/few.c) is sampled: HS_TIME_FEW=START,SIZE says where its code
 * lies in the program, and each tick of the profiling clock that finds us there counts as the processor time since the
 * tick before.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define EVERY 16
#define LONGEST 20000 /* ns, and 20 a byte: what takes longer was interrupted, and is left out */

typedef int (*found)(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx);
typedef int (*scan)(
    const void *db, const char *p, unsigned size, unsigned flags, void *scratch, found found, void *ctx);

static struct {
	uint64_t scans, bytes, sampled_bytes, in_place_ns, alone_ns, few_ns;
} *sums, none;
static scan real;
static uint64_t clock_ns; /* what asking for the time takes */

static uint64_t few_start, few_size, few_tick;

static uint64_t
clock_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t
now(void)
{
	return clock_now(CLOCK_MONOTONIC);
}

static void
tick(int number, siginfo_t *info, void *context)
{
	uint64_t cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID), place = 0;

	(void)number, (void)info, (void)context;
#if defined(__x86_64__)
	place = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#endif
	if (place - few_start < few_size)
		sums->few_ns += cpu - few_tick;
	few_tick = cpu;
}

/* In the process that inspects, which is a child: timers are not inherited. */
static void
sample(void)
{
	struct itimerval every = {{0, 1000}, {0, 1000}};
	struct sigaction act = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_RESTART};

	few_tick = clock_now(CLOCK_PROCESS_CPUTIME_ID);
	sigaction(SIGPROF, &act, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
}

static int
program_base(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size, (void)ctx;
	few_start += info->dlpi_addr;
	return 1; /* the first is the program */
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("HS_TIME");
	int fd = path != NULL ? open(path, O_RDWR | O_CREAT, 0600) : -1;

	*(void **)&real = dlsym(RTLD_NEXT, "hs_scan");
	sums = &none;
	if (fd >= 0 && ftruncate(fd, sizeof(*sums)) == 0)
		sums = mmap(NULL, sizeof(*sums), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if ((void *)sums == MAP_FAILED)
		sums = (void *)&none;
	if (fd >= 0)
		close(fd);
	if (getenv("HS_TIME_FEW") != NULL && sscanf(getenv("HS_TIME_FEW"), "%lu,%lu", &few_start, &few_size) == 2) {
		dl_iterate_phdr(program_base, NULL);
		pthread_atfork(NULL, NULL, sample);
	}
	clock_ns = UINT64_MAX;
	for (int i = 0; i < 1000; i++) {
		uint64_t start = now(), end = now();

		clock_ns = end - start < clock_ns ? end - start : clock_ns;
	}
}

static int
nothing(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	(void)id, (void)from, (void)to, (void)flags, (void)ctx;
	return 0;
}

int
hs_scan(const void *db, const char *p, unsigned size, unsigned flags, void *scratch, found f, void *ctx)
{
	uint64_t start, middle, end, most = LONGEST + 20u * size;
	int st;

	sums->scans++;
	sums->bytes += size;
	if (sums->scans % EVERY != 0)
		return real(db, p, size, flags, scratch, f, ctx);
	start = now();
	st = real(db, p, size, flags, scratch, f, ctx);
	middle = now();
	real(db, p, size, flags, scratch, nothing, NULL);
	end = now();
	if (middle - start > most || end - middle > most)
		return st;
	sums->in_place_ns += middle - start - clock_ns;
	sums->alone_ns += end - middle - clock_ns;
	sums->sampled_bytes += size;
	return st;
}
