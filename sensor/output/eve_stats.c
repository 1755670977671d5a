/*
 * The counters as an EVE event: all of them, nested by the dots of their names, under stats.concert; and those that
 * Suricata has, too, under its names, so that what draws Suricata's graphs draws ours.  Not on the packet path.
 */
#include "output/eve_own.h"

#include <stdlib.h>

struct counter {
	const char *name;
	uint64_t value;
};

/* Both names; ordered by Suricata's, which makes the objects. */
static const struct same {
	const char *theirs, *ours;
} same[] = {
    {"capture.kernel_drops", "capture.kernel_drops"},
    {"capture.kernel_ifdrops", "capture.interface_drops"},
    {"capture.kernel_packets", "capture.packets"},
    {"decoder.bytes", "decode.bytes"},
    {"decoder.invalid", "decode.given_up"},
    {"decoder.pkts", "decode.frames"},
    {"detect.alert", "detect.alerts"},
    {"detect.alert_queue_overflow", "detect.alerts_lost"},
    {"flow.active", "flow.active"},
    {"flow.tcp", "flow.tcp"},
    {"flow.total", "flow.new"},
    {"flow.udp", "flow.udp"},
    {"tcp.midstream_pickups", "flow.tcp.midstream"},
    {"tcp.overlap", "flow.tcp.overlaps"},
    {"tcp.overlap_diff_data", "flow.tcp.overlaps_different"},
    {"tcp.reassembly_gap", "flow.tcp.gaps"},
    {"tcp.reassembly_memuse", "flow.tcp.memory"},
    {"tcp.segment_memcap_drop", "flow.tcp.memory_refused"},
};

#define SAME_COUNT (sizeof(same) / sizeof(same[0]))

/* The dot is the smallest character, so that all below one object stand together. */
static int
by_name(const void *pa, const void *pb)
{
	const char *a = ((const struct counter *)pa)->name, *b = ((const struct counter *)pb)->name;

	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (*a == '.' ? 1 : (unsigned char)*a) - (*b == '.' ? 1 : (unsigned char)*b);
}

static const uint64_t *
value_of(const struct counter *counters, size_t count, const char *name)
{
	struct counter key = {name, 0};
	const struct counter *found = bsearch(&key, counters, count, sizeof(*counters), by_name);

	return found != NULL ? &found->value : NULL;
}

/*
 * The members of an object: counters from..to, of which the first `skip` bytes are its path.  A name that is also
 * another's path ("flow.tcp", "flow.tcp.gaps") becomes member "all" of that object.  Depth is bounded by the names'
 * dots.
 */
static void
put_level(const struct counter *counters, size_t from, size_t to, size_t skip, struct buf *out)
{
	bool comma = false;

	while (from < to) {
		const char *name = counters[from].name + skip;
		size_t size = strcspn(name, "."), end = from + 1;

		while (end < to && strncmp(counters[end].name + skip, name, size) == 0 &&
		       (counters[end].name[skip + size] == '.' || counters[end].name[skip + size] == '\0'))
			end++;
		buf_printf(out, "%s\"%.*s\":", comma ? "," : "", (int)size, name);
		comma = true;
		if (end == from + 1 && name[size] == '\0') {
			eve_put_uint(counters[from].value, out);
			from = end;
			continue;
		}
		eve_put(out, "{");
		if (name[size] == '\0') {
			uint64_t sum = 0;

			for (; from < end && counters[from].name[skip + size] == '\0'; from++)
				sum += counters[from].value;
			eve_put(out, "\"all\":");
			eve_put_uint(sum, out);
			if (from < end)
				eve_put(out, ",");
		}
		put_level(counters, from, end, skip + size + 1, out);
		eve_put(out, "}");
		from = end;
	}
}

static void
put_same(const struct counter *counters, size_t count, struct buf *out)
{
	struct counter theirs[SAME_COUNT];
	size_t n = 0;

	for (size_t i = 0; i < SAME_COUNT; i++) {
		const uint64_t *value = value_of(counters, count, same[i].ours);

		if (value != NULL)
			theirs[n++] = (struct counter){same[i].theirs, *value};
	}
	qsort(theirs, n, sizeof(theirs[0]), by_name);
	if (n > 0)
		eve_put(out, ",");
	put_level(theirs, 0, n, 0, out);
}

bool
eve_stats(struct eve *eve, const char *const *names, const uint64_t *values, size_t count, uint64_t uptime_s,
    uint64_t time, struct buf *out)
{
	size_t start = out->size;
	struct counter *counters;

	if (!eve->on[EVE_STATS])
		return false;
	counters = calloc(count > 0 ? count : 1, sizeof(*counters));
	if (counters == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		counters[i] = (struct counter){names[i], values[i]};
	qsort(counters, count, sizeof(*counters), by_name);
	eve_put(out, "{\"timestamp\":");
	eve_put_time(eve, time, out);
	eve_put(out, ",\"event_type\":\"stats\",\"stats\":{\"uptime\":");
	eve_put_uint(uptime_s, out);
	put_same(counters, count, out);
	eve_put(out, ",\"concert\":{");
	put_level(counters, 0, count, 0, out);
	eve_put(out, "}}");
	free(counters);
	return eve_end(eve, start, out);
}
