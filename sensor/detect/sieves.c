/*
 * A sieve: the patterns and rules that one class of packets, or of streams, asks for.  Made while loading, read by all
 * workers.
 *
 * A pattern that can only lie at the beginning (depth, offset, startswith) goes to a database of its own, with which
 * only the beginning is scanned; so do the patterns of rules for short packets (dsize).  Rules for one protocol alone
 * are a sieve within the sieve, which flows of other protocols pass by.
 */
#include <stdlib.h>

#include "detect/own.h"

#define HEAD_MAX 320       /* a pattern that must end within is of the head */
#define SMALL_MAX 256      /* a rule for payloads of up to this size, too */
#define PATTERN_MAX 32     /* bytes of a content that are looked for; the program sees to the rest */
#define TAIL 8             /* of these, the last tell Hyperscan where to look closer */
#define SHARED_MAX 4       /* rules of one beginning: what more have in common is what their protocol looks like */
#define WORTH_MIN 10       /* of a beginning that takes the place of a longer pattern */

void
group_add(struct group_builder *builder, uint32_t rule, int32_t fast)
{
	if (builder->count == builder->room) {
		uint32_t room = builder->room == 0 ? 64 : builder->room * 2;
		struct group_item *p = realloc(builder->item, room * sizeof(*p));

		if (p == NULL) {
			builder->nomem = true;
			return;
		}
		builder->item = p;
		builder->room = room;
	}
	builder->item[builder->count++] = (struct group_item){rule, fast};
}

/*
 * What is looked for of a content: up to PATTERN_MAX bytes whose end tells most.  Hyperscan looks at ends first, and of
 * a content that runs out in zeros each zero on the wire would be worth a closer look.
 */
static struct slice
fast_slice(const struct op *op)
{
	struct slice all = op->fast_size > 0 ? slice_of(op->bytes + op->fast_at, op->fast_size)
					     : slice_of(op->bytes, op->size);
	size_t end = all.size, from;
	unsigned best = 0;

	for (size_t at = TAIL; at <= all.size; at++) {
		unsigned worth = pattern_worth(slice_of(all.p + at - TAIL, TAIL));

		if (worth >= best) {
			best = worth;
			end = at;
		}
	}
	from = end > PATTERN_MAX ? end - PATTERN_MAX : 0;
	return slice_of(all.p + from, end - from);
}

enum cc_status
pattern_add(struct mpm_builder *builder, const struct rule *rule, int32_t fast)
{
	const struct op *op = &rule->op[fast];

	return mpm_add(builder, fast_slice(op), (op->flags & OF_NOCASE) != 0, rule->index);
}

/* Behind which byte the content can't lie; INT64_MAX: anywhere. */
static int64_t
content_end(const struct op *op)
{
	int64_t offset = (op->flags & OF_OFFSET) != 0 ? op->offset : 0;

	if ((op->flags & (OF_RELATIVE | OF_DEPTH)) != OF_DEPTH || op->depth_var >= 0 ||
	    ((op->flags & OF_OFFSET) != 0 && op->offset_var >= 0))
		return INT64_MAX;
	return offset + op->depth;
}

struct beginning {
	struct slice bytes;
	struct rule *rule;
	int32_t op;
};

static int
beginning_compare(const void *a, const void *b)
{
	const struct beginning *x = a, *y = b;
	size_t size = x->bytes.size < y->bytes.size ? x->bytes.size : y->bytes.size;
	int order = memcmp(x->bytes.p, y->bytes.p, size);

	return order != 0 ? order : x->bytes.size < y->bytes.size ? -1 : x->bytes.size > y->bytes.size;
}

/* The best content of the rule that must lie at the beginning of the payload, -1: none is good enough. */
static int32_t
beginning_of(const struct ruleset *set, const struct rule *rule)
{
	unsigned best = WORTH_MIN;
	int32_t at = -1;

	for (unsigned s = 0; s < rule->segment_count; s++) {
		if (set->buffer[rule->segment[s].buffer].source != SRC_PAYLOAD)
			continue;
		for (unsigned i = rule->segment[s].first; i < rule->segment[s].first + rule->segment[s].count; i++) {
			const struct op *op = &rule->op[i];
			unsigned worth;

			if (op->kind == DO_BASE64)
				i += op->skip; /* those look at what it decodes */
			if (op->kind != DO_CONTENT || (op->flags & OF_NEGATED) != 0 || content_end(op) > HEAD_MAX)
				continue;
			worth = pattern_worth(slice_of(op->bytes, op->size));
			if (worth >= best) {
				best = worth + 1;
				at = (int32_t)i;
			}
		}
	}
	return at;
}

/*
 * Packets are looked at besides the stream for rules that place a content at the beginning.  That content finds them
 * by a scan of the beginning alone, unless many rules share it.
 */
enum cc_status
packet_patterns_choose(struct ruleset *set)
{
	struct beginning *list = calloc(set->rule_count + 1u, sizeof(*list));
	uint32_t count = 0;

	if (list == NULL)
		return CC_NOMEM;
	for (uint32_t i = 0; i < set->rule_count; i++) {
		struct rule *rule = &set->rule[i];
		int32_t op;

		rule->packet_fast = rule->fast;
		rule->fast_part = rule->fast >= 0 && fast_slice(&rule->op[rule->fast]).size < rule->op[rule->fast].size;
		if (rule->kind != KIND_PACKET || rule->fast < 0 || content_end(&rule->op[rule->fast]) <= HEAD_MAX ||
		    rule->payload_max <= SMALL_MAX || (op = beginning_of(set, rule)) < 0)
			continue;
		list[count++] = (struct beginning){slice_of(rule->op[op].bytes, rule->op[op].size), rule, op};
	}
	if (count > 0)
		qsort(list, count, sizeof(*list), beginning_compare);
	for (uint32_t i = 0, k; i < count; i = k) {
		for (k = i + 1; k < count && beginning_compare(&list[i], &list[k]) == 0; k++)
			;
		for (uint32_t r = i; r < k && k - i <= SHARED_MAX; r++)
			list[r].rule->packet_fast = list[r].op;
	}
	free(list);
	return CC_OK;
}

struct sorter { /* patterns of a sieve on their way to its databases */
	struct mpm_builder all, head;
};

static enum cc_status
sieve_sort(const struct ruleset *set, const struct group_item *item, enum group_of of, struct sorter *sorter,
    struct sieve *sieve)
{
	const struct rule *rule = &set->rule[item->rule];
	const struct op *op = &rule->op[item->fast];
	bool small = of == OF_PACKETS && rule->payload_max <= SMALL_MAX;
	int64_t end = content_end(op);

	if (of == OF_VALUES)
		return pattern_add(&sorter->all, rule, item->fast);
	if (small || end <= HEAD_MAX) {
		if (small && rule->payload_max > sieve->small_size)
			sieve->small_size = rule->payload_max;
		if (!small && end > sieve->head_size)
			sieve->head_size = (uint32_t)end;
		return pattern_add(&sorter->head, rule, item->fast);
	}
	return pattern_add(&sorter->all, rule, item->fast);
}

/* The protocols without which the rule can't hold, and asks for nothing of what came before; 0: any. */
static uint64_t
apps_of(const struct ruleset *set, const struct group_builder *builder, const struct group_item *item)
{
	const struct rule *rule = &set->rule[item->rule];

	return builder->of != OF_VALUES && rule->kind == KIND_PACKET && item->fast >= 0 ? rule->apps : 0;
}

static enum cc_status
sieve_fill(
    struct ruleset *set, const struct group_builder *builder, const uint32_t *list, uint32_t count, struct sieve *ret)
{
	struct sorter sorter = {.all = {.together = builder->of == OF_PACKETS, .large = builder->of == OF_VALUES},
	    .head = {.together = true}};
	enum cc_status st = CC_OK;
	uint32_t always = 0;

	for (uint32_t i = 0; i < count; i++)
		always += builder->item[list[i]].fast < 0;
	ret->always = store_take(&set->store, (always + 1u) * sizeof(ret->always[0]));
	if (ret->always == NULL)
		return CC_NOMEM;
	for (uint32_t i = 0; i < count && st == CC_OK; i++) {
		const struct group_item *item = &builder->item[list[i]];

		if (item->fast < 0)
			ret->always[ret->always_count++] = item->rule;
		else if (apps_of(set, builder, item) == ret->apps)
			st = sieve_sort(set, item, builder->of, &sorter, ret);
	}
	if (st == CC_OK)
		st = mpm_build(set->dbs, &sorter.all, &ret->all);
	if (st == CC_OK)
		st = mpm_build(set->dbs, &sorter.head, &ret->head);
	ret->all_longest = (uint32_t)mpm_longest(ret->all);
	ret->head_longest = (uint32_t)mpm_longest(ret->head);
	free(sorter.all.entry);
	free(sorter.head.entry);
	return st;
}

static struct sieve *
sieve_take(struct ruleset *set, uint64_t apps)
{
	struct sieve *sieve = store_take(&set->store, sizeof(*sieve));

	if (sieve != NULL) {
		sieve->apps = apps;
		sieve->next = set->sieve;
		set->sieve = sieve;
	}
	return sieve;
}

/* Sieves within for the rules that are for the same protocols alone. */
static enum cc_status
bound_make(
    struct ruleset *set, const struct group_builder *builder, const uint32_t *list, uint32_t count, struct sieve *sieve)
{
	uint32_t *same = calloc(count, sizeof(*same)), n;
	enum cc_status st = same != NULL ? CC_OK : CC_NOMEM;
	struct sieve *bound;

	for (uint32_t i = 0; i < count && st == CC_OK; i++) {
		uint64_t apps = apps_of(set, builder, &builder->item[list[i]]);

		for (bound = sieve->bound; bound != NULL && bound->apps != apps; bound = bound->more)
			;
		if (apps == 0 || bound != NULL)
			continue;
		n = 0;
		for (uint32_t k = i; k < count; k++) {
			if (apps_of(set, builder, &builder->item[list[k]]) == apps)
				same[n++] = list[k];
		}
		bound = sieve_take(set, apps);
		st = bound != NULL ? sieve_fill(set, builder, same, n, bound) : CC_NOMEM;
		if (st != CC_OK)
			break;
		bound->more = sieve->bound;
		sieve->bound = bound;
		sieve->bound_apps |= apps;
	}
	free(same);
	return st;
}

enum cc_status
sieve_new(struct ruleset *set, const struct group_builder *builder, const uint32_t *list, uint32_t count,
    struct sieve **ret_sieve)
{
	struct sieve *sieve;
	enum cc_status st;

	*ret_sieve = NULL;
	if (count == 0)
		return CC_OK;
	sieve = sieve_take(set, 0);
	if (sieve == NULL)
		return CC_NOMEM;
	*ret_sieve = sieve;
	st = sieve_fill(set, builder, list, count, sieve);
	return st == CC_OK ? bound_make(set, builder, list, count, sieve) : st;
}

void
sieves_free(struct ruleset *set)
{
	for (struct sieve *sieve = set->sieve; sieve != NULL; sieve = sieve->next) {
		mpm_free(sieve->all);
		mpm_free(sieve->head);
	}
	set->sieve = NULL;
}
