/*
 * One open-addressed table for all lengths, keyed by (masked address, length); a look-up tries the lengths in use from
 * the longest on.  Keyed by a seed of the process, so that nobody outside can choose prefixes that collide.
 */
#include "base/prefixes.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define LENGTHS 129
#define ROOM_FIRST 64

struct entry {
	struct cc_addr addr;
	uint8_t bits, used;
	uint32_t word;
};

struct prefixes {
	struct entry *entry;
	size_t room, count, max; /* room: a power of two */
	uint64_t seed;
	size_t of_length[LENGTHS];
};

static struct cc_addr
masked(const struct cc_addr *addr, unsigned bits)
{
	struct cc_addr out = {{0}};

	memcpy(out.b, addr->b, bits / 8);
	if (bits % 8 != 0)
		out.b[bits / 8] = (uint8_t)(addr->b[bits / 8] & (0xff00u >> bits % 8));
	return out;
}

/* Where the prefix is, or would be. */
static struct entry *
slot_of(const struct prefixes *prefixes, const struct cc_addr *addr, unsigned bits)
{
	size_t at = (size_t)hash64(slice_of(addr->b, sizeof(addr->b)), prefixes->seed + bits);

	for (;; at++) {
		struct entry *entry = &prefixes->entry[at & (prefixes->room - 1)];

		if (!entry->used || (entry->bits == bits && cc_addr_cmp(&entry->addr, addr) == 0))
			return entry;
	}
}

static enum cc_status
grow(struct prefixes *prefixes)
{
	struct prefixes larger = *prefixes;

	larger.room = prefixes->room * 2;
	larger.entry = calloc(larger.room, sizeof(*larger.entry));
	if (larger.entry == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < prefixes->room; i++) {
		const struct entry *entry = &prefixes->entry[i];

		if (entry->used)
			*slot_of(&larger, &entry->addr, entry->bits) = *entry;
	}
	free(prefixes->entry);
	*prefixes = larger;
	return CC_OK;
}

struct prefixes *
prefixes_new(size_t max)
{
	struct prefixes *prefixes = calloc(1, sizeof(*prefixes));

	if (prefixes == NULL)
		return NULL;
	prefixes->max = max;
	prefixes->room = ROOM_FIRST;
	prefixes->seed = hash_seed();
	prefixes->entry = calloc(prefixes->room, sizeof(*prefixes->entry));
	if (prefixes->entry == NULL) {
		free(prefixes);
		return NULL;
	}
	return prefixes;
}

void
prefixes_free(struct prefixes *prefixes)
{
	if (prefixes == NULL)
		return;
	free(prefixes->entry);
	free(prefixes);
}

enum cc_status
prefixes_add(struct prefixes *prefixes, const struct cc_prefix *prefix, uint32_t word)
{
	struct cc_addr addr = masked(&prefix->addr, prefix->bits);
	struct entry *entry = slot_of(prefixes, &addr, prefix->bits);

	if (!entry->used) {
		if (prefixes->count == prefixes->max)
			return CC_FULL;
		if (prefixes->count * 2 >= prefixes->room) {
			if (grow(prefixes) != CC_OK)
				return CC_NOMEM;
			entry = slot_of(prefixes, &addr, prefix->bits);
		}
		*entry = (struct entry){.addr = addr, .bits = prefix->bits, .used = 1};
		prefixes->count++;
		prefixes->of_length[prefix->bits]++;
	}
	entry->word = word;
	return CC_OK;
}

bool
prefixes_find(const struct prefixes *prefixes, const struct cc_addr *addr, uint32_t *ret_word)
{
	for (unsigned bits = LENGTHS; bits-- > 0;) {
		const struct entry *entry;
		struct cc_addr key;

		if (prefixes->of_length[bits] == 0)
			continue;
		key = masked(addr, bits);
		entry = slot_of(prefixes, &key, bits);
		if (entry->used) {
			*ret_word = entry->word;
			return true;
		}
	}
	return false;
}

size_t
prefixes_count(const struct prefixes *prefixes)
{
	return prefixes->count;
}
