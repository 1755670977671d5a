/*
 * malloc and its kin are this program's own, and count how often the thread asks while malloc_counting; the one that is
 * malloc_fails then has none, and with malloc_fails_on those after it.  For one source of a program.  A sanitizer has a
 * malloc of its own: then MALLOC_OWN is 0 and nothing is counted.
 */
#ifndef UNIT_COUNT_MALLOC_H
#define UNIT_COUNT_MALLOC_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MALLOC_OWN 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MALLOC_OWN 0
#endif
#endif
#ifndef MALLOC_OWN
#define MALLOC_OWN 1
#endif

/* volatile: a compiler knows of malloc that it touches no variable of ours. */
static __thread volatile bool malloc_counting;
static __thread volatile unsigned long malloc_count, malloc_fails;
static __thread volatile bool malloc_fails_on;

#if MALLOC_OWN
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

static bool
malloc_has_none(void)
{
	if (!malloc_counting)
		return false;
	malloc_count++;
	return malloc_fails > 0 && (malloc_count == malloc_fails || (malloc_fails_on && malloc_count > malloc_fails));
}

void *
malloc(size_t size)
{
	if (malloc_has_none())
		return NULL;
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	if (malloc_has_none())
		return NULL;
	return __libc_calloc(count, size);
}

void *
realloc(void *p, size_t size)
{
	if (malloc_has_none())
		return NULL;
	return __libc_realloc(p, size);
}

void *
aligned_alloc(size_t align, size_t size)
{
	if (malloc_has_none())
		return NULL;
	return __libc_memalign(align, size);
}

int
posix_memalign(void **ret_p, size_t align, size_t size)
{
	if (malloc_has_none())
		return ENOMEM;
	*ret_p = __libc_memalign(align, size);
	return *ret_p != NULL ? 0 : ENOMEM;
}
#endif

#endif
