/*
 * A ring whose other side lies.  Input: the ring's size, then steps of an operation, a place and a word: the reader and
 * the writer act, and between them somebody writes anything anywhere into the shared memory.
 */
#include "fuzz/fuzz.h"

enum step { WRITE_MEMORY, PEEK, POP, PASS, RELEASE, PUSH, PROMISE, REOPEN, STEPS };

struct both {
	uint8_t *memory;
	size_t size;
	struct ring *reader, *writer;
	bool bad; /* the reader has noticed */
};

static void
peek(struct both *b)
{
	struct slice entry;
	uint16_t kind;
	uint64_t seq;
	enum cc_status st = ring_peek(b->reader, &kind, &seq, &entry);

	FUZZ_CHECK(st == CC_OK || st == CC_ABSENT || st == CC_BAD);
	FUZZ_CHECK(!b->bad || st == CC_BAD);
	b->bad = st == CC_BAD;
	FUZZ_CHECK(st == CC_OK || entry.size == 0);
	fuzz_touch(entry);
}

static void
push(struct both *b, size_t size, uint64_t seq)
{
	void *p = ring_reserve(b->writer, size);

	if (p == NULL)
		return;
	memset(p, 0x55, size);
	ring_push(b->writer, (uint16_t)seq, seq, size);
}

static void
act(struct both *b, uint8_t step, uint16_t at, uint64_t word)
{
	size_t memory = ring_memory(b->size);

	switch ((enum step)(step % STEPS)) {
	case WRITE_MEMORY:
		memcpy(b->memory + at % (memory / 8) * 8, &word, 8);
		break;
	case PEEK:
		peek(b);
		break;
	case POP:
		ring_pop(b->reader);
		break;
	case PASS:
		ring_pass(b->reader);
		break;
	case RELEASE:
		ring_release(b->reader);
		break;
	case PUSH:
		push(b, at, word);
		break;
	case PROMISE:
		ring_watermark(b->writer, word);
		(void)ring_promised(b->reader);
		break;
	case REOPEN:
		ring_close(b->reader);
		ring_close(b->writer);
		b->reader = ring_reader(b->memory, b->size);
		b->writer = ring_writer(b->memory, b->size);
		b->bad = false;
		break;
	case STEPS:
		break;
	}
	FUZZ_CHECK(ring_used(b->reader) <= b->size && ring_used(b->writer) <= b->size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur in = cur_of(data, size);
	struct both b = {.size = (size_t)64 << (cur_u8(&in) & 7)};

	b.memory = aligned_alloc(64, ring_memory(b.size));
	FUZZ_CHECK(b.memory != NULL);
	memset(b.memory, 0, ring_memory(b.size));
	b.reader = ring_reader(b.memory, b.size);
	b.writer = ring_writer(b.memory, b.size);
	while (cur_left(&in) > 0) {
		uint8_t step = cur_u8(&in);
		uint16_t at = cur_u16(&in);

		act(&b, step, at, cur_u64(&in));
	}
	ring_close(b.reader);
	ring_close(b.writer);
	free(b.memory);
	return 0;
}
