/* A bounded queue of pointers between two threads of one process: one writer, one reader, lock-free. */
#ifndef BASE_FIFO_H
#define BASE_FIFO_H

#include <stdbool.h>
#include <stddef.h>

struct fifo;

struct fifo *fifo_new(size_t count); /* a power of two; NULL: no memory */
void fifo_free(struct fifo *fifo);
bool fifo_push(struct fifo *fifo, void *item); /* false: full, item still the caller's */
void *fifo_pull(struct fifo *fifo);            /* NULL: empty */
size_t fifo_used(const struct fifo *fifo);

#endif
