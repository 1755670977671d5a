/*
 * What the two files of watch lists share: watch_load.c fills the table, watch.c looks up.
 *
 * Entries stand one behind the other in one block of bytes; an open-addressed table of 8-byte slots finds them.  Built
 * once and never changed.  Values are normalised alike when a list is read and on lookup: domains in lower case without
 * the last dot, URLs without scheme, hashes as bytes.
 */
#ifndef DETECT_WATCH_H
#define DETECT_WATCH_H

#include "detect/own.h"
#include "record/record.h"

#define VALUE_MAX 2048

struct slot {
	uint32_t tag; /* high half of the hash; 0 with at 0: free */
	uint32_t at;  /* entry, in units of 4 bytes, one up */
};

/* An entry in the block: head, then key, text of the value, source, comment, what a hit answers. */
struct entry {
	uint8_t kind, bits;
	uint16_t key_size, value_size, source_size, comment_size, answer_size;
};

enum part { PART_NONE, PART_DOMAIN, PART_HOST, PART_URI, PART_JA3, PART_JA3S, PART_JA4, PART_CERT, PART_AGENT,
    PART_MAIL,
	PART_HASSH, PART_HASSH_SERVER, PART_HOST_KEY };

struct watch {
	unsigned users;    /* rulesets, or who made it */
	uint8_t digest[32]; /* over the files */
	bool whole;         /* all of their lines were read */
	struct slot *slot;
	size_t slots, count, max;
	uint8_t *block;
	size_t size, room;
	uint64_t seed;
	bool has[CC_KIND_COUNT];
	bool has_bits[129];              /* prefix lengths in use */
	uint8_t part[64][CC_FIELDS_MAX]; /* enum part by parser and field */
};

/* watch_load.c: normal forms, made in out. */
struct slice watch_domain(struct slice text, uint8_t out[VALUE_MAX]);
/* Empty: no such value. */
struct slice watch_key(enum cc_kind kind, struct slice text, uint8_t *ret_bits, uint8_t out[VALUE_MAX]);
/* NULL: none; then *ret_slot, if asked for, is where it would go. */
const struct entry *watch_find(
    const struct watch *watch, uint8_t kind, uint8_t bits, struct slice key, size_t *ret_slot);

#endif
