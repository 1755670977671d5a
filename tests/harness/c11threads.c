/*
 * C11's threads by POSIX', for programs under ThreadSanitizer: librdkafka makes its threads by thrd_create(), of which
 * gcc 12's sanitizer knows nothing, so that the first call of malloc in such a thread ends the program; and what its
 * mutexes order looks like a race.  Linked into programs built with SAN=thread, whose symbols come before glibc's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
	thrd_start_t run;
	void *arg;
};

static void *
begin(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	return (void *)(intptr_t)start.run(start.arg);
}

static int
status(int error)
{
	return error == 0 ? thrd_success
	    : error == ENOMEM ? thrd_nomem
	    : error == ETIMEDOUT ? thrd_timedout
	    : error == EBUSY ? thrd_busy : thrd_error;
}

int
thrd_create(thrd_t *ret_thread, thrd_start_t run, void *arg)
{
	struct start *start = malloc(sizeof(*start));

	if (start == NULL)
		return thrd_nomem;
	*start = (struct start){run, arg};
	return status(pthread_create((pthread_t *)ret_thread, NULL, begin, start));
}

int
thrd_join(thrd_t thread, int *ret_result)
{
	void *result = NULL;
	int error = pthread_join((pthread_t)thread, &result);

	if (error == 0 && ret_result != NULL)
		*ret_result = (int)(intptr_t)result;
	return status(error);
}

/* glibc's mtx_t and cnd_t are a pthread_mutex_t and a pthread_cond_t, made by the functions below alone. */
int
mtx_init(mtx_t *mutex, int kind)
{
	pthread_mutexattr_t attr;
	int error;

	pthread_mutexattr_init(&attr);
	if ((kind & mtx_recursive) != 0)
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	error = pthread_mutex_init((pthread_mutex_t *)mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return status(error);
}

int
mtx_lock(mtx_t *mutex)
{
	return status(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int
mtx_trylock(mtx_t *mutex)
{
	return status(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int
mtx_unlock(mtx_t *mutex)
{
	return status(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

void
mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int
cnd_init(cnd_t *cond)
{
	return status(pthread_cond_init((pthread_cond_t *)cond, NULL));
}

int
cnd_signal(cnd_t *cond)
{
	return status(pthread_cond_signal((pthread_cond_t *)cond));
}

int
cnd_broadcast(cnd_t *cond)
{
	return status(pthread_cond_broadcast((pthread_cond_t *)cond));
}

int
cnd_wait(cnd_t *cond, mtx_t *mutex)
{
	return status(pthread_cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex));
}

int
cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until)
{
	return status(pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, until));
}

void
cnd_destroy(cnd_t *cond)
{
	pthread_cond_destroy((pthread_cond_t *)cond);
}
