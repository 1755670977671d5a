/*
 * Lists of addresses and ports in rule headers: variables, nesting, negation, ranges.
 *
 * "[10.0.0.0/8,!10.1.0.0/16]" becomes disjoint sorted ranges when the rule is loaded, so that a packet needs one binary
 * search.  A list means: what its positive members cover (everything, when it has none) without what its negated
 * members cover.  Equal texts share one set.
 */
#include <stdlib.h>

#include "detect/own.h"

#define NESTING_MAX 16
#define RANGES_MAX 1000000

/* Ranges while a list is read: both addresses and ports are kept as 16-byte numbers here. */
struct ranges {
	struct addr_range *range;
	size_t count, room;
	bool negated; /* a "!" stood in the list */
};

static const struct cc_addr lowest;
static const struct cc_addr highest = {
    {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};

static struct cc_addr
addr_after(struct cc_addr a)
{
	for (int i = 15; i >= 0 && ++a.b[i] == 0; i--)
		;
	return a;
}

static struct cc_addr
addr_before(struct cc_addr a)
{
	for (int i = 15; i >= 0 && a.b[i]-- == 0; i--)
		;
	return a;
}

static bool
ranges_add(struct ranges *ranges, struct cc_addr low, struct cc_addr high)
{
	if (ranges->count == ranges->room) {
		size_t room = ranges->room == 0 ? 8 : ranges->room * 2;
		struct addr_range *p = room <= RANGES_MAX ? realloc(ranges->range, room * sizeof(*p)) : NULL;

		if (p == NULL)
			return false;
		ranges->range = p;
		ranges->room = room;
	}
	ranges->range[ranges->count++] = (struct addr_range){low, high};
	return true;
}

static int
range_compare(const void *a, const void *b)
{
	const struct addr_range *x = a, *y = b;
	int order = cc_addr_cmp(&x->low, &y->low);

	return order != 0 ? order : cc_addr_cmp(&x->high, &y->high);
}

/* Sorted, disjoint, and no two that touch. */
static void
ranges_merge(struct ranges *ranges)
{
	size_t out = 0;

	if (ranges->count == 0)
		return;
	qsort(ranges->range, ranges->count, sizeof(ranges->range[0]), range_compare);
	for (size_t i = 1; i < ranges->count; i++) {
		struct addr_range *last = &ranges->range[out];
		const struct addr_range *r = &ranges->range[i];
		struct cc_addr next = addr_after(last->high);

		if (cc_addr_cmp(&last->high, &highest) == 0 || cc_addr_cmp(&r->low, &next) <= 0) {
			if (cc_addr_cmp(&r->high, &last->high) > 0)
				last->high = r->high;
		} else {
			ranges->range[++out] = *r;
		}
	}
	ranges->count = out + 1;
}

/* from without what is in minus; both merged. */
static bool
ranges_subtract(struct ranges *from, const struct ranges *minus)
{
	struct ranges out = {0};
	size_t m = 0;

	for (size_t i = 0; i < from->count; i++) {
		struct cc_addr low = from->range[i].low, high = from->range[i].high;
		bool rest = true;

		while (m < minus->count && cc_addr_cmp(&minus->range[m].high, &low) < 0)
			m++;
		for (size_t k = m; k < minus->count && cc_addr_cmp(&minus->range[k].low, &high) <= 0; k++) {
			if (cc_addr_cmp(&minus->range[k].low, &low) > 0 &&
			    !ranges_add(&out, low, addr_before(minus->range[k].low)))
				goto nomem;
			if (cc_addr_cmp(&minus->range[k].high, &high) >= 0) {
				rest = false;
				break;
			}
			low = addr_after(minus->range[k].high);
		}
		if (rest && !ranges_add(&out, low, high))
			goto nomem;
	}
	free(from->range);
	*from = out;
	return true;
nomem:
	free(out.range);
	return false;
}

struct list_kind {
	const char *what; /* "address", "port" */
	bool port;
	const struct conf_map *vars;
	struct cc_addr top; /* the largest value */
};

static struct cc_addr
port_value(unsigned port)
{
	struct cc_addr a = {{0}};

	a.b[14] = (uint8_t)(port >> 8);
	a.b[15] = (uint8_t)port;
	return a;
}

static enum cc_status
port_range_parse(struct build *build, struct slice text, struct ranges *into)
{
	const uint8_t *colon = memchr(text.p, ':', text.size);
	uint64_t low = 0, high = 65535;

	if (colon == NULL) {
		if (!slice_uint(text, 65535, &low))
			return build_refuse(build,
			    "\"%.*s\" is no port; ports are 0 to 65535, or ranges such as 1024: and 80:90",
			    (int)text.size, text.p);
		high = low;
	} else {
		struct slice a = slice_trim(slice_of(text.p, (size_t)(colon - text.p)));
		struct slice b = slice_trim(slice_of(colon + 1, text.size - (size_t)(colon - text.p) - 1));

		if ((a.size > 0 && !slice_uint(a, 65535, &low)) || (b.size > 0 && !slice_uint(b, 65535, &high)) ||
		    low > high)
			return build_refuse(build, "\"%.*s\" is no range of ports", (int)text.size, text.p);
	}
	return ranges_add(into, port_value((unsigned)low), port_value((unsigned)high)) ? CC_OK : CC_NOMEM;
}

/* "10.0.0.0/255.0.0.0" */
static bool
mask_parse(const char *slash, unsigned *ret_bits)
{
	struct cc_addr mask;
	uint32_t value;

	if (cc_addr_parse(slash + 1, &mask) != CC_OK || !cc_addr_is4(&mask))
		return false;
	value = (uint32_t)mask.b[12] << 24 | (uint32_t)mask.b[13] << 16 | (uint32_t)mask.b[14] << 8 | mask.b[15];
	if ((~value & (~value + 1)) != 0)
		return false;
	*ret_bits = 96 + (unsigned)__builtin_popcount(value);
	return true;
}

static enum cc_status
addr_range_parse(struct build *build, struct slice text, struct ranges *into)
{
	char copy[2 * CC_ADDR_TEXT + 2], *dash, *slash;
	struct cc_prefix prefix;
	struct cc_addr low, high;

	if (text.size == 0 || text.size >= sizeof(copy))
		goto bad;
	memcpy(copy, text.p, text.size);
	copy[text.size] = '\0';
	dash = strchr(copy, '-');
	slash = strchr(copy, '/');
	if (dash != NULL) {
		*dash = '\0';
		if (cc_addr_parse(copy, &low) != CC_OK || cc_addr_parse(dash + 1, &high) != CC_OK ||
		    cc_addr_cmp(&low, &high) > 0)
			goto bad;
		return ranges_add(into, low, high) ? CC_OK : CC_NOMEM;
	}
	if (slash != NULL && strchr(slash, '.') != NULL) {
		unsigned bits;

		if (!mask_parse(slash, &bits))
			goto bad;
		*slash = '\0';
		if (cc_addr_parse(copy, &prefix.addr) != CC_OK || !cc_addr_is4(&prefix.addr))
			goto bad;
		prefix.bits = (uint8_t)bits;
	} else if (cc_prefix_parse(copy, &prefix) != CC_OK) {
		goto bad;
	}
	low = high = prefix.addr;
	for (unsigned bit = prefix.bits; bit < 128; bit++) {
		low.b[bit / 8] = (uint8_t)(low.b[bit / 8] & ~(0x80 >> bit % 8));
		high.b[bit / 8] = (uint8_t)(high.b[bit / 8] | 0x80 >> bit % 8);
	}
	return ranges_add(into, low, high) ? CC_OK : CC_NOMEM;
bad:
	return build_refuse(
	    build, "\"%.*s\" is no address, prefix or range", (int)(text.size < 80 ? text.size : 80), text.p);
}

static enum cc_status list_parse(
    struct build *build, const struct list_kind *kind, struct slice text, unsigned depth, struct ranges *ret_ranges);

/* One member, without its "!": a list, a variable, any, or a value. */
static enum cc_status
item_parse(struct build *build, const struct list_kind *kind, struct slice item, unsigned depth, struct ranges *into)
{
	if (item.size == 0)
		return build_refuse(build, "an empty member in a list of %s", kind->port ? "ports" : "addresses");
	if (item.p[0] == '[') {
		if (item.p[item.size - 1] != ']')
			return build_refuse(
			    build, "the list of %s is not closed by ]", kind->port ? "ports" : "addresses");
		return list_parse(build, kind, slice_of(item.p + 1, item.size - 2), depth + 1, into);
	}
	if (item.p[0] == '$') {
		char name[128];
		const char *value;

		snprintf(name, sizeof(name), "%.*s", (int)item.size - 1, item.p + 1);
		value = conf_map_get(kind->vars, name);
		if (value == NULL)
			return build_refuse(
			    build, "variable $%s is not defined; set vars.%s.%s", name, kind->what, name);
		return list_parse(build, kind, slice_str(value), depth + 1, into);
	}
	if (slice_is_nocase(item, "any"))
		return ranges_add(into, lowest, kind->top) ? CC_OK : CC_NOMEM;
	return kind->port ? port_range_parse(build, item, into) : addr_range_parse(build, item, into);
}

/* The next member of a comma-separated list; commas in brackets are the inner list's. */
static struct slice
list_next(struct slice *rest)
{
	struct slice item = *rest;
	unsigned open = 0;

	for (size_t i = 0; i < rest->size; i++) {
		if (rest->p[i] == '[')
			open++;
		else if (rest->p[i] == ']' && open > 0)
			open--;
		else if (rest->p[i] == ',' && open == 0) {
			item.size = i;
			*rest = slice_of(rest->p + i + 1, rest->size - i - 1);
			return slice_trim(item);
		}
	}
	*rest = slice_of(NULL, 0);
	return slice_trim(item);
}

/* What a list covers, merged, appended to *into. */
static enum cc_status
list_parse(struct build *build, const struct list_kind *kind, struct slice text, unsigned depth, struct ranges *into)
{
	struct ranges plus = {0}, minus = {0};
	enum cc_status st = CC_OK;

	text = slice_trim(text);
	if (depth > NESTING_MAX)
		return build_refuse(build, "lists or variables are nested deeper than %d", NESTING_MAX);
	if (text.size == 0)
		return build_refuse(build, "an empty list of %s", kind->port ? "ports" : "addresses");
	do {
		struct slice item = list_next(&text);
		bool not = item.size > 0 && item.p[0] == '!';

		into->negated = into->negated || not;
		if (not )
			item = slice_trim(slice_of(item.p + 1, item.size - 1));
		if (not &&slice_is_nocase(item, "any"))
			st = build_refuse(build, "!any matches nothing");
		else
			st = item_parse(build, kind, item, depth, not ? &minus : &plus);
	} while (st == CC_OK && text.p != NULL);
	if (st == CC_OK && plus.count == 0 && !ranges_add(&plus, lowest, kind->top))
		st = CC_NOMEM;
	ranges_merge(&plus);
	ranges_merge(&minus);
	into->negated = into->negated || plus.negated || minus.negated;
	if (st == CC_OK && minus.count > 0) {
		st = ranges_subtract(&plus, &minus) ? CC_OK : CC_NOMEM;
		if (st == CC_OK && plus.count == 0)
			st = build_refuse(build, "the list of %s matches nothing: all of it is negated",
			    kind->port ? "ports" : "addresses");
	}
	for (size_t i = 0; i < plus.count && st == CC_OK; i++)
		st = ranges_add(into, plus.range[i].low, plus.range[i].high) ? CC_OK : CC_NOMEM;
	free(plus.range);
	free(minus.range);
	return st;
}

/* What a text stands for in *map, which holds made things by their text; a thing that another thread made first stays.
 */
static void *
shared_find(struct common *common, const struct map *map, struct slice text)
{
	void *made;

	pthread_mutex_lock(&common->lock);
	made = map_get(map, text);
	pthread_mutex_unlock(&common->lock);
	return made;
}

static struct addr_set *
addr_set_share(struct common *common, struct slice text, const struct ranges *ranges)
{
	struct addr_set *set;

	pthread_mutex_lock(&common->lock);
	set = map_get(common->addr_sets, text);
	if (set == NULL && (set = store_take(&common->store, sizeof(*set))) != NULL) {
		set->count = (uint32_t)ranges->count;
		set->negated = ranges->negated;
		set->any = ranges->count == 1 && cc_addr_cmp(&ranges->range[0].low, &lowest) == 0 &&
			   cc_addr_cmp(&ranges->range[0].high, &highest) == 0;
		set->range = store_take(&common->store, ranges->count * sizeof(set->range[0]));
		if (set->range == NULL || map_put(common->addr_sets, text, set, NULL) != CC_OK)
			set = NULL;
		else
			memcpy(set->range, ranges->range, ranges->count * sizeof(set->range[0]));
	}
	pthread_mutex_unlock(&common->lock);
	return set;
}

enum cc_status
addr_set_parse(struct build *build, struct slice text, const struct addr_set **ret_set)
{
	const struct list_kind kind = {"address", false, &build->set->conf->detect_vars_address, highest};
	struct common *common = build->set->common;
	struct ranges ranges = {0};
	enum cc_status st;

	*ret_set = shared_find(common, common->addr_sets, text);
	if (*ret_set != NULL)
		return CC_OK;
	st = list_parse(build, &kind, text, 0, &ranges);
	ranges_merge(&ranges);
	if (st == CC_OK && (*ret_set = addr_set_share(common, text, &ranges)) == NULL)
		st = CC_NOMEM;
	free(ranges.range);
	return st == CC_NOMEM ? build_refuse(build, "no memory") : st;
}

static struct port_set *
port_set_share(struct common *common, struct slice text, const struct ranges *ranges)
{
	struct port_set *set;

	pthread_mutex_lock(&common->lock);
	set = map_get(common->port_sets, text);
	if (set == NULL && (set = store_take(&common->store, sizeof(*set))) != NULL) {
		set->count = (uint32_t)ranges->count;
		set->range = store_take(&common->store, ranges->count * sizeof(set->range[0]));
		for (size_t i = 0; i < ranges->count && set->range != NULL; i++) {
			const struct addr_range *r = &ranges->range[i];

			set->range[i].low = (uint16_t)(r->low.b[14] << 8 | r->low.b[15]);
			set->range[i].high = (uint16_t)(r->high.b[14] << 8 | r->high.b[15]);
		}
		if (set->range == NULL || map_put(common->port_sets, text, set, NULL) != CC_OK)
			set = NULL;
		else
			set->any = set->count == 1 && set->range[0].low == 0 && set->range[0].high == 65535;
	}
	pthread_mutex_unlock(&common->lock);
	return set;
}

enum cc_status
port_set_parse(struct build *build, struct slice text, const struct port_set **ret_set)
{
	const struct list_kind kind = {"port", true, &build->set->conf->detect_vars_port, port_value(65535)};
	struct common *common = build->set->common;
	struct ranges ranges = {0};
	enum cc_status st;

	*ret_set = shared_find(common, common->port_sets, text);
	if (*ret_set != NULL)
		return CC_OK;
	st = list_parse(build, &kind, text, 0, &ranges);
	ranges_merge(&ranges);
	if (st == CC_OK && (*ret_set = port_set_share(common, text, &ranges)) == NULL)
		st = CC_NOMEM;
	free(ranges.range);
	return st == CC_NOMEM ? build_refuse(build, "no memory") : st;
}

bool
addr_set_has(const struct addr_set *set, const struct cc_addr *addr)
{
	size_t low = 0, high = set->count;

	if (set->any)
		return true;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (cc_addr_cmp(addr, &set->range[mid].low) < 0)
			high = mid;
		else if (cc_addr_cmp(addr, &set->range[mid].high) > 0)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

bool
port_set_has(const struct port_set *set, uint16_t port)
{
	size_t low = 0, high = set->count;

	if (set->any)
		return true;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (port < set->range[mid].low)
			high = mid;
		else if (port > set->range[mid].high)
			low = mid + 1;
		else
			return true;
	}
	return false;
}
