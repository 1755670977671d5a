/*
 * A ring of variable-size entries in shared memory: one writer, one reader, either may be another process that is not
 * to be trusted.  The reader copies sizes and positions once, checks them, and answers CC_BAD to a ring that lies.
 * Entries are contiguous; 8-byte aligned.  Lock-free; waiting is the caller's (ring_used, eventfd).
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stddef.h>
#include <stdint.h>

#include "concert/slice.h"
#include "concert/status.h"

struct ring; /* one side's view of it */

/* memory: ring_memory(size) bytes, zeroed, shared by both sides, aligned to 64.  size: a power of two. */
size_t ring_memory(size_t size);
struct ring *ring_writer(void *memory, size_t size); /* NULL: no memory */
struct ring *ring_reader(void *memory, size_t size);
void ring_close(struct ring *ring);                  /* frees the view, not the memory */

/*
 * Writer: room for one entry of up to size bytes, or NULL when the ring is too full (nothing changes); then the bytes,
 * then ring_push() with the size used.  seq orders entries of several rings (packet number).
 */
void *ring_reserve(struct ring *ring, size_t size);
void ring_push(struct ring *ring, uint16_t kind, uint64_t seq, size_t size);
/* Promise: no entry with a smaller seq will follow. */
void ring_watermark(struct ring *ring, uint64_t seq);

/* Reader: the next entry, borrowed until ring_pop().  CC_ABSENT: empty.  CC_BAD: the other side broke the ring. */
enum cc_status ring_peek(struct ring *ring, uint16_t *ret_kind, uint64_t *ret_seq, struct slice *ret_entry);
void ring_pop(struct ring *ring);
/* In two steps, for a reader that gives the room back only after it has written what it read: past it, then release
 * all. */
void ring_pass(struct ring *ring);
void ring_release(struct ring *ring);
/* Or up to where the reader once stood. */
uint64_t ring_position(const struct ring *ring);
void ring_release_to(struct ring *ring, uint64_t position);
bool ring_resume(struct ring *ring, uint64_t position); /* a new reader, past what the one before it had settled */
uint64_t ring_promised(struct ring *ring); /* the last watermark */

size_t ring_used(const struct ring *ring); /* bytes waiting; either side */

#endif
