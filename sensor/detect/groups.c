/*
 * Which patterns and rules a packet, or a piece of a stream, asks for.  Made while loading, read by all workers.
 *
 * Most rules speak of a way between a site and the rest of the world ($HOME_NET to $EXTERNAL_NET), and many of one
 * port. Addresses are therefore sorted into up to KINDS kinds by the address lists that most rules use; a pair of kinds
 * is a way.  Each way has its own patterns, and each port those of the rules that name it, so that rules which the
 * header rules out cost nothing.
 */
#include <stdlib.h>

#include "detect/own.h"

#define SETS_TRIED 8       /* address lists that may make kinds */
#define PORTS_WIDE 16384u  /* a rule for more ports than these is one for all */
#define LIST_RANGES 4096u  /* a longer address list makes no kinds */

/* ---- kinds of address ---- */

struct use {
	const struct addr_set *set;
	uint32_t count;
};

static bool
same_addresses(const struct addr_set *a, const struct addr_set *b)
{
	return a == b || (a->any == b->any && a->count == b->count &&
			     memcmp(a->range, b->range, a->count * sizeof(a->range[0])) == 0);
}

static int
use_compare(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return x->count > y->count ? -1 : x->count < y->count;
}

static bool
use_add(struct use *use, uint32_t *count, const struct addr_set *set)
{
	if (set->any || set->count == 0 || set->count > LIST_RANGES)
		return true;
	for (uint32_t i = 0; i < *count; i++) {
		if (same_addresses(use[i].set, set)) {
			use[i].count++;
			return true;
		}
	}
	if (*count == 4096) /* more lists than that: what comes late is not what most rules use */
		return true;
	use[(*count)++] = (struct use){set, 1};
	return true;
}

static int
addr_compare(const void *a, const void *b)
{
	return cc_addr_cmp(a, b);
}

/* Borders of the lists; each interval between two of them is of one kind: that of the lists that hold it. */
static enum cc_status
kinds_try(struct store *store, const struct use *use, unsigned count, struct addr_kinds *ret_kinds)
{
	unsigned mask[KINDS], kinds = 0;
	struct addr_kinds made = {0};
	size_t borders = 1, n = 0;
	struct cc_addr *border;

	for (unsigned u = 0; u < count; u++)
		borders += 2 * (size_t)use[u].set->count;
	border = calloc(borders, sizeof(*border));
	made.start = store_take(store, borders * sizeof(*made.start));
	made.kind = store_take(store, borders);
	if (border == NULL || made.start == NULL || made.kind == NULL) {
		free(border);
		return CC_NOMEM;
	}
	n = 1; /* the lowest address */
	for (unsigned u = 0; u < count; u++) {
		for (uint32_t r = 0; r < use[u].set->count; r++) {
			struct cc_addr after = use[u].set->range[r].high;
			int k;

			border[n++] = use[u].set->range[r].low;
			for (k = 15; k >= 0 && ++after.b[k] == 0; k--)
				;
			if (k >= 0)
				border[n++] = after;
		}
	}
	qsort(border, n, sizeof(*border), addr_compare);
	for (size_t i = 0; i < n; i++) {
		unsigned bits = 0, kind;

		for (unsigned u = 0; u < count; u++)
			bits |= (unsigned)addr_set_has(use[u].set, &border[i]) << u;
		for (kind = 0; kind < kinds && mask[kind] != bits; kind++)
			;
		if (kind == KINDS) {
			free(border);
			return CC_MORE;
		}
		if (kind == kinds)
			mask[kinds++] = bits;
		if (made.count > 0 && made.kind[made.count - 1] == kind)
			continue;
		made.start[made.count] = border[i];
		made.kind[made.count++] = (uint8_t)kind;
	}
	free(border);
	made.kinds = kinds;
	*ret_kinds = made;
	return CC_OK;
}

static uint32_t
kind_at(const struct addr_kinds *kinds, const struct cc_addr *addr)
{
	uint32_t low = 0, high = kinds->count;

	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (cc_addr_cmp(&kinds->start[mid], addr) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

unsigned
addr_kind(const struct addr_kinds *kinds, const struct cc_addr *addr)
{
	return kinds->kind[kind_at(kinds, addr)];
}

/* The kinds of which a list has addresses. */
static unsigned
kinds_of(const struct addr_kinds *kinds, const struct addr_set *set)
{
	unsigned all = (1u << kinds->kinds) - 1, found = 0;

	if (set->any)
		return all;
	for (uint32_t r = 0; r < set->count && found != all; r++) {
		uint32_t at = kind_at(kinds, &set->range[r].low);

		do
			found |= 1u << kinds->kind[at++];
		while (at < kinds->count && cc_addr_cmp(&kinds->start[at], &set->range[r].high) <= 0);
	}
	return found;
}

static uint16_t
ways_of(const struct addr_kinds *kinds, const struct rule *rule)
{
	unsigned src = kinds_of(kinds, rule->src), dst = kinds_of(kinds, rule->dst), ways = 0;

	for (unsigned a = 0; a < KINDS; a++) {
		for (unsigned b = 0; b < KINDS; b++) {
			if ((src >> a & 1) != 0 && (dst >> b & 1) != 0)
				ways |= 1u << way_between(a, b) | (rule->both_ways ? 1u << way_between(b, a) : 0);
		}
	}
	return (uint16_t)((rule->protos & PROTO_NONIP) != 0 ? WAYS_ALL : ways);
}

enum cc_status
ways_make(struct ruleset *set)
{
	struct use *use = calloc(4096, sizeof(*use)), chosen[SETS_TRIED] = {{NULL, 0}};
	uint32_t count = 0, taken = 0;
	enum cc_status st;

	set->ways = store_take(&set->store, (set->rule_count + 1u) * sizeof(set->ways[0]));
	if (use == NULL || set->ways == NULL) {
		free(use);
		return CC_NOMEM;
	}
	for (uint32_t i = 0; i < set->rule_count; i++) {
		use_add(use, &count, set->rule[i].src);
		use_add(use, &count, set->rule[i].dst);
	}
	if (count > 0)
		qsort(use, count, sizeof(*use), use_compare);
	st = kinds_try(&set->store, chosen, 0, &set->kinds);
	for (uint32_t i = 0; i < count && i < 2 * SETS_TRIED && taken < SETS_TRIED && st != CC_NOMEM; i++) {
		if (use[i].count < set->rule_count / 256 + 1)
			break;
		chosen[taken] = use[i];
		st = kinds_try(&set->store, chosen, taken + 1, &set->kinds); /* CC_MORE: too many kinds; without it */
		taken += st == CC_OK;
	}
	free(use);
	for (uint32_t i = 0; i < set->rule_count && st != CC_NOMEM; i++)
		set->ways[i] = ways_of(&set->kinds, &set->rule[i]);
	return st == CC_NOMEM ? CC_NOMEM : CC_OK;
}

/* ---- by port and by way ---- */

static uint32_t
port_span(const struct port_set *set)
{
	uint32_t span = 0;

	for (uint32_t i = 0; i < set->count; i++)
		span += set->range[i].high - set->range[i].low + 1u;
	return span;
}

/* The list by which a rule is found: 'd', 's', or 'w' for the way alone. */
static int
place_of(const struct rule *rule, bool ported)
{
	if (!ported || rule->both_ways)
		return 'w';
	if (!rule->dport->any && port_span(rule->dport) <= PORTS_WIDE)
		return 'd';
	return !rule->sport->any && port_span(rule->sport) <= PORTS_WIDE ? 's' : 'w';
}

struct lists { /* of items; equal ones share a sieve */
	uint32_t *item;
	uint32_t *first, *count;
	struct sieve **sieve;
	uint32_t lists, used;
};

static bool
lists_open(struct lists *lists, uint32_t most_lists, size_t most_items)
{
	*lists = (struct lists){.item = malloc((most_items + 1) * sizeof(uint32_t)),
	    .first = malloc((most_lists + 1) * sizeof(uint32_t)),
	    .count = malloc((most_lists + 1) * sizeof(uint32_t)),
	    .sieve = malloc((most_lists + 1) * sizeof(struct sieve *))};
	return lists->item != NULL && lists->first != NULL && lists->count != NULL && lists->sieve != NULL;
}

static void
lists_close(struct lists *lists)
{
	free(lists->item);
	free(lists->first);
	free(lists->count);
	free(lists->sieve);
}

/* The sieve of the count items behind those used; they become a list when there is none like them. */
static enum cc_status
lists_take(struct lists *lists, struct ruleset *set, const struct group_builder *builder, uint32_t count,
    struct sieve **ret_sieve)
{
	const uint32_t *fresh = lists->item + lists->used;
	uint32_t n = lists->lists;
	enum cc_status st;

	for (uint32_t i = 0; i < n; i++) {
		if (lists->count[i] == count &&
		    memcmp(lists->item + lists->first[i], fresh, count * sizeof(*fresh)) == 0) {
			*ret_sieve = lists->sieve[i];
			return CC_OK;
		}
	}
	st = sieve_new(set, builder, fresh, count, ret_sieve);
	lists->first[n] = lists->used;
	lists->count[n] = count;
	lists->sieve[n] = *ret_sieve;
	lists->lists++;
	lists->used += count;
	return st;
}

/* Values are of flows, and looked at for both directions at once. */
static bool
goes(const struct ruleset *set, const struct rule *rule, enum group_of of, unsigned way)
{
	unsigned ways = set->ways[rule->index], back = way_between(way % KINDS, way / KINDS);

	if (of != OF_VALUES)
		return (ways >> way & 1) != 0;
	return ((rule->dirs & DIR_TS) != 0 && (ways >> way & 1) != 0) ||
	       ((rule->dirs & DIR_TC) != 0 && (ways >> back & 1) != 0);
}

static enum cc_status
by_way_make(struct ruleset *set, const struct group_builder *builder, struct sieve **ret_by_way)
{
	struct lists lists;
	enum cc_status st = lists_open(&lists, WAYS_MAX, (size_t)builder->count * WAYS_MAX) ? CC_OK : CC_NOMEM;

	for (unsigned way = 0; way < WAYS_MAX && st == CC_OK; way++) {
		uint32_t count = 0;

		if (way / KINDS >= set->kinds.kinds || way % KINDS >= set->kinds.kinds)
			continue;
		for (uint32_t i = 0; i < builder->count; i++) {
			const struct rule *rule = &set->rule[builder->item[i].rule];

			if (place_of(rule, builder->ported) == 'w' && goes(set, rule, builder->of, way))
				lists.item[lists.used + count++] = i;
		}
		st = lists_take(&lists, set, builder, count, &ret_by_way[way]);
	}
	lists_close(&lists);
	return st;
}

static int
u32_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static const struct port_set *
ports_of(const struct rule *rule, int place)
{
	return place == 'd' ? rule->dport : rule->sport;
}

/* Borders of all the rules' ports, sorted, each once; the first is 0. */
static enum cc_status
borders_take(
    const struct ruleset *set, const struct group_builder *builder, int place, uint32_t **ret, uint32_t *ret_count)
{
	uint32_t most = 1, n = 0, out = 0, *border;

	for (uint32_t i = 0; i < builder->count; i++) {
		const struct rule *rule = &set->rule[builder->item[i].rule];

		most += place_of(rule, builder->ported) == place ? 2 * ports_of(rule, place)->count : 0;
	}
	border = calloc(most, sizeof(*border));
	if (border == NULL)
		return CC_NOMEM;
	n = 1;
	for (uint32_t i = 0; i < builder->count; i++) {
		const struct rule *rule = &set->rule[builder->item[i].rule];
		const struct port_set *ports = ports_of(rule, place);

		for (uint32_t r = 0; place_of(rule, builder->ported) == place && r < ports->count; r++) {
			border[n++] = ports->range[r].low;
			if (ports->range[r].high < 65535)
				border[n++] = ports->range[r].high + 1u;
		}
	}
	qsort(border, n, sizeof(*border), u32_order);
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || border[i] != border[out - 1])
			border[out++] = border[i];
	}
	*ret = border;
	*ret_count = out;
	return CC_OK;
}

/* Where the intervals of each 256 ports begin: most such pages lie in one, and need no search. */
static void
pages_make(struct port_sieves *ports)
{
	uint32_t at = 0;

	for (uint32_t page = 0; page < 256; page++) {
		while (at + 1 < ports->count && ports->start[at + 1] <= page * 256)
			at++;
		ports->page[page] = (uint16_t)at;
	}
	ports->page[256] = (uint16_t)(ports->count - 1);
	at = 0;
	for (uint32_t port = 0; port < PORTS_LOW; port++) {
		at += at + 1 < ports->count && ports->start[at + 1] <= port;
		ports->low[port] = (uint16_t)at;
	}
}

static enum cc_status
by_port_make(struct ruleset *set, const struct group_builder *builder, int place, struct port_sieves *ret)
{
	uint32_t *border = NULL, borders = 0;
	struct lists lists = {0};
	size_t most = 0;
	enum cc_status st = borders_take(set, builder, place, &border, &borders);

	for (uint32_t b = 0; b < borders && st == CC_OK; b++) {
		for (uint32_t i = 0; i < builder->count; i++) {
			const struct rule *rule = &set->rule[builder->item[i].rule];

			most += place_of(rule, builder->ported) == place &&
				port_set_has(ports_of(rule, place), (uint16_t)border[b]);
		}
	}
	if (st == CC_OK && borders > 1) {
		ret->start = store_take(&set->store, borders * sizeof(ret->start[0]));
		ret->sieve = store_take(&set->store, borders * sizeof(ret->sieve[0]));
		if (ret->start == NULL || ret->sieve == NULL || !lists_open(&lists, borders, most))
			st = CC_NOMEM;
	}
	for (uint32_t b = 0; borders > 1 && b < borders && st == CC_OK; b++) {
		uint32_t count = 0;

		for (uint32_t i = 0; i < builder->count; i++) {
			const struct rule *rule = &set->rule[builder->item[i].rule];

			if (place_of(rule, builder->ported) == place &&
			    port_set_has(ports_of(rule, place), (uint16_t)border[b]))
				lists.item[lists.used + count++] = i;
		}
		ret->start[b] = border[b];
		st = lists_take(&lists, set, builder, count, &ret->sieve[b]);
		ret->count = b + 1;
	}
	if (st == CC_OK && ret->count > 0)
		pages_make(ret);
	lists_close(&lists);
	free(border);
	return st;
}

const struct sieve *
port_sieve(const struct port_sieves *ports, uint16_t port)
{
	uint32_t low, high;

	if (ports->count == 0)
		return NULL;
	if (port < PORTS_LOW)
		return ports->sieve[ports->low[port]];
	low = ports->page[port >> 8];
	high = ports->page[(port >> 8) + 1] + 1u;
	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (ports->start[mid] <= port)
			low = mid;
		else
			high = mid;
	}
	return ports->sieve[low];
}

enum cc_status
group_make(struct ruleset *set, struct group_builder *builder, struct sieves *ret)
{
	enum cc_status st = builder->nomem ? CC_NOMEM : by_way_make(set, builder, ret->by_way);

	if (st == CC_OK)
		st = by_port_make(set, builder, 'd', &ret->by_dport);
	if (st == CC_OK)
		st = by_port_make(set, builder, 's', &ret->by_sport);
	free(builder->item);
	builder->item = NULL;
	return st;
}

enum cc_status
buffer_group_make(struct ruleset *set, struct group_builder *builder, struct buffer *buffer)
{
	enum cc_status st = CC_OK;

	builder->of = OF_VALUES;
	buffer->patterns = builder->count > 0;
	if (builder->count > 0)
		st = builder->nomem ? CC_NOMEM : by_way_make(set, builder, buffer->by_way);
	free(builder->item);
	builder->item = NULL;
	return st;
}
