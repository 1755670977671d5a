/*
 * After all rules are read: their order, and the ways to find the few that a packet, a value or a file may concern.
 *
 * Rules act in the order pass, drop, reject, alert; within it those that set marks come before those that ask for them,
 * then by priority, then as written.  A rule's number is its place in that order.
 */
#include <stdlib.h>

#include "detect/own.h"

struct vec {
	uint32_t *item;
	uint32_t count, room;
	bool nomem;
};

static void
vec_add(struct vec *vec, uint32_t item)
{
	if (vec->count == vec->room) {
		uint32_t room = vec->room == 0 ? 16 : vec->room * 2;
		uint32_t *p = realloc(vec->item, room * sizeof(*p));

		if (p == NULL) {
			vec->nomem = true;
			return;
		}
		vec->item = p;
		vec->room = room;
	}
	vec->item[vec->count++] = item;
}

/* To the ruleset's memory; empties vec. */
static enum cc_status
vec_settle(struct vec *vec, struct store *store, uint32_t **ret_list, uint32_t *ret_count)
{
	uint32_t *list = store_take(store, (vec->count + 1u) * sizeof(*list));
	bool nomem = vec->nomem || list == NULL;

	if (!nomem && vec->count > 0)
		memcpy(list, vec->item, vec->count * sizeof(*list));
	*ret_list = list;
	*ret_count = vec->count;
	free(vec->item);
	*vec = (struct vec){0};
	return nomem ? CC_NOMEM : CC_OK;
}

/* ---- order ---- */

static unsigned
marks_rank(const struct rule *rule)
{
	bool reads = false, writes = rule->captures;

	for (unsigned i = 0; i < rule->check_count; i++) {
		reads = reads || rule->check[i].phase == PHASE_STATE;
		writes = writes || rule->check[i].phase == PHASE_POST;
	}
	return writes && !reads ? 0 : writes ? 1 : reads ? 2 : 3;
}

static int
rule_compare(const void *a, const void *b)
{
	static const uint8_t action[] = {[RULE_PASS] = 0, [RULE_DROP] = 1, [RULE_REJECT] = 2, [RULE_ALERT] = 3};
	const struct rule *x = a, *y = b;

	if (x->info.action != y->info.action)
		return action[x->info.action] < action[y->info.action] ? -1 : 1;
	if (marks_rank(x) != marks_rank(y))
		return marks_rank(x) < marks_rank(y) ? -1 : 1;
	if (x->info.priority != y->info.priority)
		return x->info.priority < y->info.priority ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* ---- lists by address ---- */

struct addr_event {
	struct cc_addr at;
	uint32_t rule;
	bool end;
};
struct addr_events {
	struct addr_event *event;
	size_t count, room;
	bool nomem;
};

static void
addr_events_add(struct addr_events *events, struct cc_addr at, uint32_t rule, bool end)
{
	if (events->count == events->room) {
		size_t room = events->room == 0 ? 256 : events->room * 2;
		struct addr_event *p = realloc(events->event, room * sizeof(*p));

		if (p == NULL) {
			events->nomem = true;
			return;
		}
		events->event = p;
		events->room = room;
	}
	events->event[events->count++] = (struct addr_event){at, rule, end};
}

static void
addr_set_events(struct addr_events *events, const struct addr_set *set, uint32_t rule)
{
	for (uint32_t i = 0; i < set->count; i++) {
		struct cc_addr after = set->range[i].high;
		int k;

		addr_events_add(events, set->range[i].low, rule, false);
		for (k = 15; k >= 0 && ++after.b[k] == 0; k--)
			;
		if (k >= 0)
			addr_events_add(events, after, rule, true);
	}
}

static int
event_compare(const void *a, const void *b)
{
	const struct addr_event *x = a, *y = b;

	return cc_addr_cmp(&x->at, &y->at);
}

/* A sweep over the borders, with the rules that are open between two of them. */
static enum cc_status
addr_lists_make(struct addr_events *events, struct store *store, struct addr_lists *ret_lists)
{
	struct vec open = {0}, rules = {0}, first = {0};
	struct cc_addr *start = store_take(store, (events->count + 2) * sizeof(*start));
	enum cc_status st = start == NULL || events->nomem ? CC_NOMEM : CC_OK;
	uint32_t intervals = 0, unused;

	if (st == CC_OK) {
		memset(&start[0], 0, sizeof(start[0]));
		vec_add(&first, 0);
		intervals = 1;
		if (events->count > 0)
			qsort(events->event, events->count, sizeof(events->event[0]), event_compare);
	}
	for (size_t i = 0; i < events->count && st == CC_OK;) {
		size_t k = i;

		for (; k < events->count && cc_addr_cmp(&events->event[k].at, &events->event[i].at) == 0; k++) {
			if (!events->event[k].end) {
				vec_add(&open, events->event[k].rule);
				continue;
			}
			for (uint32_t o = 0; o < open.count; o++) {
				if (open.item[o] == events->event[k].rule) {
					open.item[o] = open.item[--open.count];
					break;
				}
			}
		}
		start[intervals] = events->event[i].at;
		if (cc_addr_cmp(&start[intervals], &start[0]) == 0)
			intervals--; /* a list that begins at the lowest address */
		else
			vec_add(&first, rules.count);
		intervals++;
		for (uint32_t o = 0; o < open.count; o++)
			vec_add(&rules, open.item[o]);
		i = k;
	}
	vec_add(&first, rules.count);
	ret_lists->start = start;
	ret_lists->interval_count = intervals;
	if (vec_settle(&first, store, &ret_lists->first, &unused) != CC_OK)
		st = CC_NOMEM;
	if (vec_settle(&rules, store, &ret_lists->rule, &unused) != CC_OK)
		st = CC_NOMEM;
	free(open.item);
	free(events->event);
	*events = (struct addr_events){0};
	return st;
}

#define PAGES 65536u  /* of as many IPv4 addresses */
#define PAGES_FROM 64 /* intervals */

/* The last of the intervals low … high - 1 that begins at addr or before. */
static uint32_t
interval_of(const struct addr_lists *lists, const struct cc_addr *addr, uint32_t low, uint32_t high)
{
	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (cc_addr_cmp(&lists->start[mid], addr) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* A prefix of 16 bits tells between which intervals an IPv4 address lies; most have one, or a few to search. */
static enum cc_status
pages_make(struct store *store, struct addr_lists *lists)
{
	static const uint8_t last[4] = {255, 255, 255, 255};
	struct cc_addr addr = cc_addr4(last);

	if (lists->interval_count < PAGES_FROM)
		return CC_OK;
	lists->page = store_take(store, (PAGES + 1) * sizeof(lists->page[0]));
	if (lists->page == NULL)
		return CC_NOMEM;
	lists->page[PAGES] = interval_of(lists, &addr, 0, lists->interval_count);
	for (uint32_t page = 0; page < PAGES; page++) {
		const uint8_t first[4] = {(uint8_t)(page >> 8), (uint8_t)page, 0, 0};

		addr = cc_addr4(first);
		lists->page[page] = interval_of(lists, &addr, 0, lists->interval_count);
	}
	return CC_OK;
}

const uint32_t *
addr_lists_find(const struct addr_lists *lists, const struct cc_addr *addr, uint32_t *ret_count)
{
	uint32_t low = 0, high = lists->interval_count;

	if (lists->page != NULL && cc_addr_is4(addr)) {
		unsigned page = (unsigned)addr->b[12] << 8 | addr->b[13];

		low = lists->page[page];
		high = lists->page[page + 1] + 1;
	}
	low = interval_of(lists, addr, low, high);
	*ret_count = high > 0 ? lists->first[low + 1] - lists->first[low] : 0;
	return high > 0 ? lists->rule + lists->first[low] : NULL;
}

/* ---- all of it ---- */

struct indexer {
	struct ruleset *set;
	struct group_builder packet[GROUP_PROTOS][2], stream[GROUP_PROTOS][2];
	struct addr_events src, dst;
	struct vec ip_any, anomaly, odd, file_any, protocol, last;
	struct group_builder *buffer;
	struct vec *always;
};

static bool
in_group(const struct rule *rule, unsigned group)
{
	static const uint8_t protos[] = {[GROUP_TCP] = PROTO_TCP,
	    [GROUP_UDP] = PROTO_UDP,
	    [GROUP_OTHER] = PROTO_ICMP4 | PROTO_ICMP6 | PROTO_SCTP | PROTO_OTHER};

	return (rule->protos & protos[group]) != 0;
}

static void
packet_rule_add(struct indexer *indexer, const struct rule *rule, unsigned group, unsigned dir)
{
	/* Stream is a matter of TCP; elsewhere the same rule looks at each packet. */
	bool stream = rule->on_stream && group == GROUP_TCP;
	bool packet = group == GROUP_TCP ? rule->on_packet && (!rule->on_stream || rule->has_payload) : true;

	if (group == GROUP_TCP && rule->on_stream && rule->protos != PROTO_TCP) {
		packet = false;
		for (unsigned i = 0; i < rule->op_count; i++)
			packet = packet ||
				 (rule->op[i].kind == DO_CONTENT && (rule->op[i].flags & (OF_DEPTH | OF_OFFSET)) != 0);
	}
	if (packet)
		group_add(&indexer->packet[group][dir], rule->index, rule->packet_fast);
	if (stream)
		group_add(&indexer->stream[group][dir], rule->index, rule->fast);
}

/* A transaction's rule that asks for payload, too: that part is looked for by itself. */
static void
payload_part_add(struct indexer *indexer, const struct rule *rule, unsigned group, unsigned dir)
{
	group_add(group == GROUP_TCP ? &indexer->stream[group][dir] : &indexer->packet[group][dir], rule->index,
	    rule->payload_fast);
}

static double
addr_span(const struct addr_set *set)
{
	double sum = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		double span = 0;

		for (int b = 0; b < 16; b++)
			span = span * 256 + (double)set->range[i].high.b[b] - (double)set->range[i].low.b[b];
		sum += span + 1;
	}
	return sum;
}

static void
ip_rule_add(struct indexer *indexer, const struct rule *rule)
{
	if ((rule->src->any && rule->dst->any) || rule->both_ways)
		vec_add(&indexer->ip_any, rule->index);
	else if (addr_span(rule->src) <= addr_span(rule->dst))
		addr_set_events(&indexer->src, rule->src, rule->index);
	else
		addr_set_events(&indexer->dst, rule->dst, rule->index);
}

static enum cc_status
tx_rule_add(struct indexer *indexer, const struct rule *rule)
{
	const struct segment *trigger = rule->fast_segment >= 0 ? &rule->segment[rule->fast_segment] : NULL;

	if (rule->frame_kinds > 1) { /* its parts hold one by one */
		for (unsigned i = 0; i < rule->segment_count; i++) {
			if (indexer->set->buffer[rule->segment[i].buffer].source == SRC_FRAME)
				vec_add(&indexer->always[rule->segment[i].buffer], rule->index);
		}
		return CC_OK;
	}
	if (rule->anomaly >= 0) {
		vec_add(&indexer->anomaly, rule->index);
		return CC_OK;
	}
	if (rule->fast >= 0) {
		group_add(&indexer->buffer[trigger->buffer], rule->index, rule->fast);
		return CC_OK;
	}
	for (unsigned i = 0; i < rule->segment_count && trigger == NULL; i++) {
		enum source source = indexer->set->buffer[rule->segment[i].buffer].source;

		if (source == SRC_FIELD || source == SRC_FILE || source == SRC_FILE_NAME || source == SRC_FILE_TYPE ||
		    source == SRC_FRAME)
			trigger = &rule->segment[i];
	}
	if (trigger != NULL)
		vec_add(&indexer->always[trigger->buffer], rule->index);
	else
		vec_add(&indexer->file_any, rule->index);
	return CC_OK;
}

static enum cc_status
rule_add(struct indexer *indexer, const struct rule *rule)
{
	enum cc_status st = CC_OK;

	if (rule->dead)
		return CC_OK;
	switch (rule->kind) {
	case KIND_IP:
		ip_rule_add(indexer, rule);
		return CC_OK;
	case KIND_ODD:
		vec_add(&indexer->odd, rule->index);
		return CC_OK;
	case KIND_PROTOCOL:
		vec_add(&indexer->protocol, rule->index);
		return CC_OK;
	case KIND_FRAME:
	case KIND_TX:
		st = tx_rule_add(indexer, rule);
		break;
	case KIND_PACKET:
		if (rule->at_end)
			vec_add(&indexer->last, rule->index);
		break;
	default:
		break;
	}
	for (unsigned group = 0; group < GROUP_PROTOS && st == CC_OK; group++) {
		for (unsigned dir = 0; dir < 2 && st == CC_OK; dir++) {
			if (!in_group(rule, group) || (rule->dirs & dir_bit((enum cc_dir)dir)) == 0)
				continue;
			if (rule->kind == KIND_PACKET)
				packet_rule_add(indexer, rule, group, dir);
			else if (rule->has_payload)
				payload_part_add(indexer, rule, group, dir);
		}
	}
	if (rule->kind != KIND_PACKET && rule->kind != KIND_TX)
		return st;
	indexer->set->has_stream =
	    indexer->set->has_stream || rule->on_stream || (rule->kind == KIND_TX && rule->has_payload);
	return st;
}

static enum cc_status
groups_make(struct indexer *indexer)
{
	struct ruleset *set = indexer->set;
	enum cc_status st = CC_OK;

	for (unsigned g = 0; g < GROUP_PROTOS && st == CC_OK; g++) {
		for (unsigned d = 0; d < 2 && st == CC_OK; d++) {
			indexer->packet[g][d].ported = indexer->stream[g][d].ported = g != GROUP_OTHER;
			indexer->stream[g][d].of = OF_STREAMS;
			st = group_make(set, &indexer->packet[g][d], &set->group[g][d].packet);
			if (st == CC_OK)
				st = group_make(set, &indexer->stream[g][d], &set->group[g][d].stream);
		}
	}
	return st;
}

static enum cc_status
lists_make(struct indexer *indexer)
{
	struct ruleset *set = indexer->set;
	enum cc_status st = CC_OK;

	for (uint32_t b = 0; b < set->buffer_count && st == CC_OK; b++) {
		st = buffer_group_make(set, &indexer->buffer[b], &set->buffer[b]);
		if (st == CC_OK)
			st = vec_settle(
			    &indexer->always[b], &set->store, &set->buffer[b].always, &set->buffer[b].always_count);
	}
	if (st == CC_OK)
		st = vec_settle(&indexer->ip_any, &set->store, &set->ip_any, &set->ip_any_count);
	if (st == CC_OK)
		st = vec_settle(&indexer->anomaly, &set->store, &set->anomaly, &set->anomaly_count);
	if (st == CC_OK)
		st = vec_settle(&indexer->odd, &set->store, &set->odd, &set->odd_count);
	if (st == CC_OK)
		st = vec_settle(&indexer->file_any, &set->store, &set->file_any, &set->file_any_count);
	if (st == CC_OK)
		st = vec_settle(&indexer->protocol, &set->store, &set->protocol, &set->protocol_count);
	if (st == CC_OK)
		st = vec_settle(&indexer->last, &set->store, &set->last, &set->last_count);
	if (st == CC_OK)
		st = addr_lists_make(&indexer->src, &set->store, &set->ip_src);
	if (st == CC_OK)
		st = addr_lists_make(&indexer->dst, &set->store, &set->ip_dst);
	if (st == CC_OK)
		st = pages_make(&set->store, &set->ip_src);
	if (st == CC_OK)
		st = pages_make(&set->store, &set->ip_dst);
	return st;
}

static void
wants_note(struct ruleset *set, const struct rule *rule)
{
	set->wants_digests |= rule->body->digests;
	set->wants_content = set->wants_content || rule->has_file;
	for (unsigned i = 0; i < rule->segment_count; i++)
		set->wants_magic = set->wants_magic || set->buffer[rule->segment[i].buffer].source == SRC_FILE_TYPE;
}

void
ruleset_order(struct ruleset *set)
{
	if (set->rule_count > 0)
		qsort(set->rule, set->rule_count, sizeof(set->rule[0]), rule_compare);
	for (uint32_t i = 0; i < set->rule_count; i++)
		set->rule[i].index = i;
}

enum cc_status
ruleset_index(struct ruleset *set, struct dbs *dbs)
{
	struct indexer *indexer = calloc(1, sizeof(*indexer));
	enum cc_status st = CC_NOMEM;

	if (indexer == NULL)
		return CC_NOMEM;
	indexer->set = set;
	set->dbs = dbs; /* until they are made */
	indexer->buffer = calloc(set->buffer_count, sizeof(indexer->buffer[0]));
	indexer->always = calloc(set->buffer_count, sizeof(indexer->always[0]));
	if (indexer->buffer != NULL && indexer->always != NULL)
		st = CC_OK;
	if (st == CC_OK)
		st = ways_make(set);
	if (st == CC_OK)
		st = packet_patterns_choose(set);
	for (uint32_t i = 0; i < set->rule_count && st == CC_OK; i++) {
		wants_note(set, &set->rule[i]);
		st = rule_add(indexer, &set->rule[i]);
	}
	if (st == CC_OK)
		st = groups_make(indexer);
	if (st == CC_OK)
		st = lists_make(indexer);
	if (st == CC_OK)
		st = buffers_index(set);
	free(indexer->buffer);
	free(indexer->always);
	free(indexer);
	return st;
}

void
ruleset_index_free(struct ruleset *set)
{
	sieves_free(set);
}
