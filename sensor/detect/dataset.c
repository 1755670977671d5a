/*
 * Sets of values that rules ask and change: dataset and datarep.  A set is filled from a file when the rules are loaded
 * and, where a rule sets values, while packets pass; all workers share it.
 *
 * A value is kept as 16 bytes: addresses and MD5 as they are, a SHA-256 by its first half, text by that of its SHA-256.
 * The table has all of its room once the rules are loaded, so that no packet allocates; a full one takes no more.  What
 * rules set outlives a reload.  Sets that no rule changes are read without a lock.
 */
#include <pthread.h>
#include <stdlib.h>

#include "detect/kw/kw.h"

#define DATASETS_MAX 1024
#define LOADED_MAX (16u << 20) /* values of one file */
#define TEXT_MAX 65536
#define WRONG_LINES_SAID 20

struct dataset_slot {
	uint8_t key[16];
	uint16_t rep;
	bool used;
	bool set; /* by a rule, not by the file */
};

struct dataset {
	struct dataset *next;
	struct slice name;
	enum dataset_type type;
	struct slice path; /* of the file it was filled from; empty: none */
	bool changes;
	pthread_mutex_t lock;
	struct dataset_slot *slot;
	uint64_t mask; /* slots less one */
	uint32_t count, limit;
	uint32_t set_count;
	uint64_t seed;
};

/* ---- the table: open addresses, linear, never more than half full ---- */

static struct dataset_slot *
slot_find(const struct dataset *dataset, const uint8_t key[16])
{
	uint64_t at = hash64(slice_of(key, 16), dataset->seed);

	for (;; at++) {
		struct dataset_slot *slot = &dataset->slot[at & dataset->mask];

		if (!slot->used || memcmp(slot->key, key, 16) == 0)
			return slot;
	}
}

static bool
table_resize(struct dataset *dataset, uint64_t values)
{
	struct dataset_slot *old = dataset->slot;
	uint64_t slots = 16, before = old != NULL ? dataset->mask + 1 : 0;

	while (slots < values * 2)
		slots *= 2;
	if (slots <= before)
		return true;
	dataset->slot = calloc(slots, sizeof(dataset->slot[0]));
	if (dataset->slot == NULL) {
		dataset->slot = old;
		return false;
	}
	dataset->mask = slots - 1;
	for (uint64_t i = 0; i < before; i++) {
		if (old[i].used)
			*slot_find(dataset, old[i].key) = old[i];
	}
	free(old);
	return true;
}

/* What stands behind a slot that becomes free moves up, where it was only looked for there because of it. */
static void
slot_free(struct dataset *dataset, struct dataset_slot *slot)
{
	uint64_t hole = (uint64_t)(slot - dataset->slot), at = hole;

	dataset->set_count -= slot->set;
	dataset->count--;
	for (;;) {
		uint64_t home;

		at = (at + 1) & dataset->mask;
		if (!dataset->slot[at].used)
			break;
		home = hash64(slice_of(dataset->slot[at].key, 16), dataset->seed) & dataset->mask;
		if (((at - home) & dataset->mask) >= ((at - hole) & dataset->mask)) {
			dataset->slot[hole] = dataset->slot[at];
			hole = at;
		}
	}
	dataset->slot[hole].used = false;
}

/* ---- values ---- */

bool
dataset_key(const struct dataset *dataset, struct slice value, uint8_t ret_key[16])
{
	struct cc_addr addr;
	uint8_t digest[32];

	switch (dataset->type) {
	case DATASET_STRING:
		if (value.size == 0)
			return false;
		sha256_of(value, digest);
		memcpy(ret_key, digest, 16);
		return true;
	case DATASET_MD5:
	case DATASET_SHA256:
		if (value.size != (dataset->type == DATASET_MD5 ? 16u : 32u))
			return false;
		memcpy(ret_key, value.p, 16);
		return true;
	default:
		if (value.size != 4 && (value.size != 16 || dataset->type == DATASET_IPV4))
			return false;
		addr = value.size == 4 ? cc_addr4(value.p) : cc_addr6(value.p);
		memcpy(ret_key, addr.b, 16);
		return true;
	}
}

/* A value as a file has it: Base64, hexadecimal, or an address. */
static bool
text_key(const struct dataset *dataset, struct slice text, uint8_t *room, uint8_t ret_key[16])
{
	struct cc_addr addr;
	char copy[64];
	size_t size;

	switch (dataset->type) {
	case DATASET_STRING:
		size = base64_decode(text, room, TEXT_MAX);
		return dataset_key(dataset, slice_of(room, size), ret_key);
	case DATASET_MD5:
	case DATASET_SHA256:
		size = dataset->type == DATASET_MD5 ? 16 : 32;
		return hex_parse(text, room, size) == CC_OK && dataset_key(dataset, slice_of(room, size), ret_key);
	default:
		if (text.size >= sizeof(copy))
			return false;
		memcpy(copy, text.p, text.size);
		copy[text.size] = '\0';
		if (cc_addr_parse(copy, &addr) != CC_OK || (dataset->type == DATASET_IPV4 && !cc_addr_is4(&addr)))
			return false;
		memcpy(ret_key, addr.b, 16);
		return true;
	}
}

/* ---- loading ---- */

static bool
line_take(struct dataset *dataset, struct slice line, bool wants_rep, uint8_t *room, bool *ret_nomem)
{
	struct dataset_slot *slot;
	struct slice text;
	uint64_t rep = 0;
	uint8_t key[16];

	slice_split(&line, ',', &text);
	text = slice_trim(text);
	line = slice_trim(line);
	if (line.size > 0 ? !slice_uint(line, UINT16_MAX, &rep) : wants_rep)
		return false;
	if (text.size > TEXT_MAX || !text_key(dataset, text, room, key))
		return false;
	if (dataset->count == LOADED_MAX || !table_resize(dataset, dataset->count + 1u)) {
		*ret_nomem = true;
		return true;
	}
	slot = slot_find(dataset, key);
	dataset->count += !slot->used;
	slot->used = true;
	slot->rep = (uint16_t)rep;
	memcpy(slot->key, key, 16);
	return true;
}

static enum cc_status
file_take(struct build *build, struct dataset *dataset, const char *path, bool wants_rep)
{
	uint8_t *room = malloc(TEXT_MAX);
	struct store store = {0};
	struct slice text, line;
	uint32_t number = 0, wrong = 0;
	bool nomem = room == NULL;

	if (!nomem && text_load(&store, build->report, path, &text) != CC_OK) {
		store_close(&store);
		free(room);
		return build_refuse(build, "the list %s can't be read", path);
	}
	while (!nomem && slice_split(&text, '\n', &line)) {
		number++;
		line = slice_trim(line);
		if (line.size == 0 || line_take(dataset, line, wants_rep, room, &nomem))
			continue;
		build->report->warnings++;
		if (wrong++ < WRONG_LINES_SAID)
			report_line(build->report, path, number, 1, build->keyword, "warning: no value of this type%s",
			    wants_rep ? " with a number behind a comma" : "");
	}
	store_close(&store);
	free(room);
	if (nomem)
		return build_refuse(build, "%s has more than %u values, or there is no memory", path, LOADED_MAX);
	return CC_OK;
}

static struct dataset *
dataset_find(const struct ruleset *set, struct slice name)
{
	struct dataset *dataset = set->dataset;

	while (dataset != NULL && !slice_eq(dataset->name, name))
		dataset = dataset->next;
	return dataset;
}

enum cc_status
dataset_take(struct build *build, const struct dataset_want *want, struct dataset **ret_dataset)
{
	struct ruleset *set = build->set;
	struct dataset *dataset;

	build->body->bound = true; /* sets are each ruleset's own */
	build_turn(build);
	dataset = dataset_find(set, want->name);
	*ret_dataset = dataset;
	if (dataset != NULL) {
		if (want->type != DATASET_NO_TYPE && want->type != dataset->type)
			return build_refuse(build, "the set was of another type before");
		if (want->path.size > 0 && !slice_eq(want->path, dataset->path))
			return build_refuse(build, "the set was filled from another file before");
		return CC_OK;
	}
	if (want->type == DATASET_NO_TYPE)
		return build_refuse(build, "needs a type, as no rule before has told it");
	if (set->dataset_count == DATASETS_MAX)
		return build_refuse(build, "more than %u sets", DATASETS_MAX);
	dataset = store_take(&set->store, sizeof(*dataset));
	if (dataset == NULL)
		return build_refuse(build, "no memory");
	dataset->name = store_copy(&set->store, want->name);
	dataset->type = want->type;
	dataset->path = want->path.size > 0 ? store_copy(&set->store, want->path) : want->path;
	dataset->seed = hash_seed();
	if (!table_resize(dataset, 8))
		return build_refuse(build, "no memory");
	if (want->path.size > 0 && file_take(build, dataset, (const char *)want->path.p, want->wants_rep) != CC_OK) {
		free(dataset->slot);
		return CC_BAD;
	}
	pthread_mutex_init(&dataset->lock, NULL);
	dataset->next = set->dataset;
	set->dataset = dataset;
	set->dataset_count++;
	*ret_dataset = dataset;
	return CC_OK;
}

void
dataset_changes(struct dataset *dataset)
{
	dataset->changes = true;
}

enum cc_status
datasets_settle(struct ruleset *set, const struct conf *conf)
{
	for (struct dataset *dataset = set->dataset; dataset != NULL; dataset = dataset->next) {
		dataset->limit = dataset->count + (dataset->changes ? (uint32_t)conf->detect_dataset_max : 0);
		if (!table_resize(dataset, dataset->limit))
			return CC_NOMEM;
	}
	return CC_OK;
}

void
datasets_digest(const struct ruleset *set, struct digest *digest)
{
	for (const struct dataset *dataset = set->dataset; dataset != NULL; dataset = dataset->next) {
		digest_add(digest, dataset->name);
		if (dataset->path.size > 0)
			digest_file(digest, (const char *)dataset->path.p);
	}
}

void
datasets_free(struct ruleset *set)
{
	for (struct dataset *dataset = set->dataset; dataset != NULL; dataset = dataset->next) {
		pthread_mutex_destroy(&dataset->lock);
		free(dataset->slot);
	}
	set->dataset = NULL;
}

/* ---- running ---- */

static void
lock(struct dataset *dataset)
{
	if (dataset->changes)
		pthread_mutex_lock(&dataset->lock);
}

static void
unlock(struct dataset *dataset)
{
	if (dataset->changes)
		pthread_mutex_unlock(&dataset->lock);
}

static bool
add(struct dataset *dataset, const struct dataset_slot *from)
{
	struct dataset_slot *slot = slot_find(dataset, from->key);

	if (slot->used)
		return true;
	if (dataset->count >= dataset->limit)
		return false;
	*slot = *from;
	dataset->count++;
	dataset->set_count++;
	return true;
}

bool
dataset_has(struct run *run, struct dataset *dataset, const uint8_t key[16], uint16_t *ret_rep)
{
	const struct dataset_slot *slot;
	bool has;

	if (dataset->changes)
		order_ask(run);
	lock(dataset);
	slot = slot_find(dataset, key);
	has = slot->used;
	*ret_rep = slot->rep;
	unlock(dataset);
	return has;
}

void
dataset_set(struct run *run, struct dataset *dataset, const uint8_t key[16])
{
	struct dataset_slot slot = {.used = true, .set = true};
	bool done;

	memcpy(slot.key, key, 16);
	order_ask(run);
	lock(dataset);
	done = add(dataset, &slot);
	unlock(dataset);
	if (!done)
		detect_count_add(run->detect, DETECT_DATASET_FULL, 1);
}

void
dataset_unset(struct run *run, struct dataset *dataset, const uint8_t key[16])
{
	struct dataset_slot *slot;

	order_ask(run);
	lock(dataset);
	slot = slot_find(dataset, key);
	if (slot->used)
		slot_free(dataset, slot);
	unlock(dataset);
}

/* Each worker does it as it switches: what those that come later have set in between is there at the end. */
void
datasets_inherit(struct ruleset *set, const struct ruleset *old)
{
	for (struct dataset *from = old->dataset; from != NULL; from = from->next) {
		struct dataset *to = from->changes ? dataset_find(set, from->name) : NULL;

		if (to == NULL || !to->changes || to->type != from->type)
			continue;
		/* Always the old one first, so that two workers can't wait for one another. */
		lock(from);
		lock(to);
		for (uint64_t i = 0; i <= from->mask && from->set_count > 0; i++) {
			if (from->slot[i].used && from->slot[i].set)
				add(to, &from->slot[i]);
		}
		unlock(to);
		unlock(from);
	}
}
