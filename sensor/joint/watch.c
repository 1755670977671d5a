/*
 * When organisations looked, by their sensors' heartbeats: the difference between 'not there' and 'not looked', and
 * what was lost by a sight that does not say it itself.  Quarters of an hour, the worst loss of each, by most; so the
 * order of heartbeats does not matter.  README.md, Coverage.  Bounded: WATCH_DAYS of WATCHERS_MAX organisations; a look
 * at any time costs at most the days and two of them by quarters.
 * One thread.
 */
#include "joint/joint_own.h"

#include <math.h>
#include <stdlib.h>

#define DAY (86400 * NS_PER_S)
#define QUARTER (900 * NS_PER_S)
#define WATCH_DAYS 400
#define WATCHERS_MAX 4096
#define SPAN_MAX (2 * DAY)  /* that one heartbeat speaks of */
#define AHEAD (3600 * NS_PER_S) /* of its reader: the largest bound that a clock can have (sensor.clock_error) */

static struct watcher *
watcher_find(const struct joint *joint, uint32_t organisation)
{
	for (size_t i = 0; i < joint->watcher_count; i++) {
		if (joint->watcher[i].organisation == organisation)
			return &joint->watcher[i];
	}
	return NULL;
}

static struct watcher *
watcher_of(struct joint *joint, struct slice organisation)
{
	uint32_t name = name_of(joint, organisation);
	struct watcher *w = name != NONE ? watcher_find(joint, name) : NULL;

	if (w != NULL || name == NONE)
		return w;
	if (joint->watcher_count == WATCHERS_MAX)
		return NULL;
	if (!GROW(joint->watcher, joint->watcher_count, joint->watcher_room)) {
		joint->no_memory = true;
		return NULL;
	}
	w = &joint->watcher[joint->watcher_count++];
	*w = (struct watcher){.organisation = name, .clock_error = NAN};
	return w;
}

/* NULL: it is too old, or there is no memory. */
static struct watch_day *
day_of(struct joint *joint, struct watcher *w, uint32_t day)
{
	uint32_t first = w->days > 0 && w->first < day ? w->first : day;
	uint32_t end = w->days > 0 && w->first + w->days > day ? w->first + w->days : day + 1;
	struct watch_day *more;

	if (end - first > WATCH_DAYS) {
		if (day < end - WATCH_DAYS)
			return NULL;
		first = end - WATCH_DAYS;
	}
	if (w->days == 0 || first != w->first || end != w->first + w->days) {
		if ((more = calloc(end - first, sizeof(*more))) == NULL) {
			joint->no_memory = true;
			return NULL;
		}
		for (uint32_t d = first; d < end; d++) {
			if (d >= w->first && d < w->first + w->days)
				more[d - first] = w->day[d - w->first];
		}
		free(w->day);
		w->day = more;
		w->first = first;
		w->days = end - first;
	}
	return &w->day[day - w->first];
}

static bool
put_slot(struct joint *joint, struct watcher *w, uint64_t at, uint8_t seen)
{
	struct watch_day *day = day_of(joint, w, (uint32_t)(at / DAY));
	uint8_t *slot = day != NULL ? &day->slot[at % DAY / QUARTER] : NULL;

	if (slot == NULL || seen <= *slot)
		return false;
	day->up = (uint8_t)(day->up + (*slot == 0));
	day->lost = (uint16_t)(day->lost + seen - (*slot > 0 ? *slot : 1));
	*slot = seen;
	return true;
}

/* Before the first and after the last that was heard nobody says that it did not look. */
static void
bounds_of(const struct watcher *w, uint64_t *ret_from, uint64_t *ret_until)
{
	uint32_t d = 0, e = w->days;
	unsigned i = 0, k = WATCH_SLOTS;

	*ret_from = UINT64_MAX;
	*ret_until = 0;
	while (d < w->days && w->day[d].up == 0)
		d++;
	if (d == w->days)
		return;
	while (w->day[e - 1].up == 0)
		e--;
	while (w->day[d].slot[i] == 0)
		i++;
	while (w->day[e - 1].slot[k - 1] == 0)
		k--;
	*ret_from = (uint64_t)(w->first + d) * DAY + i * QUARTER;
	*ret_until = (uint64_t)(w->first + e - 1) * DAY + k * QUARTER;
}

/* What cases say of this time may be another word now. */
static void
note_change_of(struct joint *joint, struct watcher *w, uint64_t from, uint64_t until)
{
	w->changed_from = !w->changed || from < w->changed_from ? from : w->changed_from;
	w->changed_until = !w->changed || until > w->changed_until ? until : w->changed_until;
	w->changed = joint->watch_changed = true;
	w->version++;
}

static void
note_unsaved(struct watcher *w, uint64_t from, uint64_t until)
{
	w->unsaved_from = !w->unsaved || from < w->unsaved_from ? from : w->unsaved_from;
	w->unsaved_until = !w->unsaved || until > w->unsaved_until ? until : w->unsaved_until;
	w->unsaved = true;
}

/* Where what is known began and ended moved: between, silence says something now that said nothing, or the reverse. */
static void
note_bounds(struct joint *joint, struct watcher *w, uint64_t was_first, uint64_t was_last)
{
	uint64_t first, last;

	bounds_of(w, &first, &last);
	if (was_first >= was_last)
		return;
	if (first != was_first)
		note_change_of(joint, w, first < was_first ? first : was_first, first < was_first ? was_first : first);
	if (last != was_last)
		note_change_of(joint, w, last < was_last ? last : was_last, last < was_last ? was_last : last);
}

/* Is it asked of a case that it has no part in? */
static bool
is_asked(const struct joint *joint, uint32_t organisation)
{
	for (size_t i = 0; i < joint->home_count; i++) {
		if (joint->home[i].organisation == organisation)
			return true;
	}
	return false;
}

static bool
has_part(const struct joint *joint, const struct activity *a, uint32_t organisation)
{
	for (size_t i = 0; i < a->count; i++) {
		if (case_node(joint, a, i)->organisation == organisation)
			return true;
	}
	return false;
}

static void
retell(struct joint *joint, size_t activity)
{
	joint->no_memory = !activity_retell(joint, (uint32_t)activity) || joint->no_memory;
}

/* Of its clock those say something that it has a part in. */
static void
touch_parts(struct joint *joint, uint32_t organisation)
{
	for (size_t i = 0; i < joint->activity_count; i++) {
		const struct activity *a = &joint->activity[i];

		if (a->node != NULL && has_part(joint, a, organisation))
			retell(joint, i);
	}
}

/* Cases may say otherwise now: those of this time that it takes part in, and those that would ask it. */
static void
touch_cases(struct joint *joint, uint32_t organisation, uint64_t from, uint64_t until)
{
	const uint64_t beyond = WATCH_BEYOND + QUARTER;
	bool asked = is_asked(joint, organisation);

	for (size_t i = 0; i < joint->activity_count; i++) {
		struct activity *a = &joint->activity[i];
		uint64_t last;

		if (a->node == NULL || a->first > until + beyond || (last = case_last(joint, a)) + beyond < from)
			continue;
		if (has_part(joint, a, organisation)) {
			retell(joint, i);
		} else if (asked && a->first <= until + QUARTER && last + QUARTER >= from) {
			a->told = 0;
			retell(joint, i);
		}
	}
}

/*
 * Up to two digits, from a microsecond on: whoever says a little more with each heartbeat has all his cases told anew
 * some hundred times, and not each time.  What is rounded already, and a float, stays.
 */
static float
round_up(double error)
{
	double least = error > 1e-6 ? error : 1e-6, step = pow(10, floor(log10(least)) - 1);

	return !(error >= 0) || !isfinite(step) ? -1 : (float)(ceil(least / step * (1 - 1e-6)) * step);
}

/* The worst that is said holds for all its cases. */
static void
take_clock(struct joint *joint, struct watcher *w, double error)
{
	float clock = round_up(error);

	if (!isnan(w->clock_error) && (w->clock_error < 0 || (clock >= 0 && clock <= w->clock_error)))
		return;
	w->clock_error = clock;
	w->clock_changed = joint->watch_changed = true;
	w->version++;
}

enum cc_status
joint_watched(struct joint *joint, const struct joint_heartbeat *h)
{
	struct watcher *w = h->until <= INT64_MAX ? watcher_of(joint, h->organisation) : NULL;
	uint64_t until = h->until, from = h->from < until && until - h->from <= SPAN_MAX ? h->from : until;
	double lost = h->lost > 0 ? h->lost < 1 ? h->lost : 1 : 0;
	uint64_t first, last, version;
	bool changed = false;

	/* One of a far day would make those of today too old. */
	if (until > INT64_MAX || (h->read != 0 && until > h->read + AHEAD)) {
		joint->ahead++;
		return CC_BAD;
	}
	if (w == NULL) {
		joint->dropped += !joint->no_memory;
		return joint->no_memory ? CC_NOMEM : CC_FULL;
	}
	version = w->version;
	take_clock(joint, w, h->clock_error);
	bounds_of(w, &first, &last);
	for (uint64_t at = from - from % QUARTER; at <= until; at += QUARTER)
		changed = (at + QUARTER > from && at < until + (from == until) &&
			      put_slot(joint, w, at, (uint8_t)(1 + lround(lost * 254)))) ||
			  changed;
	if (changed)
		note_change_of(joint, w, from, until);
	note_bounds(joint, w, first, last);
	if (w->version != version)
		note_unsaved(w, from, until);
	return joint->no_memory ? CC_NOMEM : CC_OK;
}

void
watch_settle(struct joint *joint)
{
	for (size_t i = 0; joint->watch_changed && i < joint->watcher_count; i++) {
		struct watcher *w = &joint->watcher[i];

		if (w->changed)
			touch_cases(joint, w->organisation, w->changed_from, w->changed_until);
		if (w->clock_changed)
			touch_parts(joint, w->organisation);
		w->changed = w->clock_changed = false;
	}
	joint->watch_changed = false;
}

/* ---- asking ---- */

/* Of a time between the bounds; 0: it did not look. */
static uint8_t
slot_at(const struct watcher *w, uint64_t at)
{
	return w->day[at / DAY - w->first].slot[at % DAY / QUARTER];
}

/* Quarters in which it looked, and the sum of their losses; from and until are quarters between the bounds. */
static void
sum_up(const struct watcher *w, uint64_t from, uint64_t until, uint64_t *ret_up, uint64_t *ret_lost)
{
	*ret_up = *ret_lost = 0;
	while (from < until) {
		const struct watch_day *day = &w->day[from / DAY - w->first];

		if (from % DAY == 0 && until - from >= DAY) {
			*ret_up += day->up;
			*ret_lost += day->lost;
			from += DAY;
			continue;
		}
		*ret_up += slot_at(w, from) > 0;
		*ret_lost += slot_at(w, from) > 0 ? slot_at(w, from) - 1u : 0;
		from += QUARTER;
	}
}

uint64_t
watch_version(const struct joint *joint, uint32_t organisation)
{
	const struct watcher *w = watcher_find(joint, organisation);

	return w != NULL ? w->version : 0;
}

double
watch_clock_error(const struct joint *joint, uint32_t organisation)
{
	const struct watcher *w = watcher_find(joint, organisation);

	return w == NULL || w->days == 0 || isnan(w->clock_error) ? -1 : (double)w->clock_error;
}

struct looked_at
watch_look(const struct joint *joint, uint32_t organisation, uint64_t from, uint64_t until)
{
	const struct watcher *w = watcher_find(joint, organisation);
	struct looked_at is = {.known = false, .part = 1, .clock_error = -1};
	uint64_t first, last, slots, looked, end, up, lost;

	if (w == NULL || w->days == 0)
		return is;
	is.clock_error = isnan(w->clock_error) ? -1 : (double)w->clock_error;
	bounds_of(w, &first, &last);
	from -= from % QUARTER;
	/* A case may say that it lasted for centuries. */
	slots = until > from ? (until - from) / QUARTER + 1 : 1;
	slots = slots < (uint64_t)WATCH_DAYS * WATCH_SLOTS ? slots : (uint64_t)WATCH_DAYS * WATCH_SLOTS;
	end = from + slots * QUARTER < last ? from + slots * QUARTER : last;
	first = first > from ? first : from;
	if (first >= end)
		return is;
	sum_up(w, first, end, &up, &lost);
	/* Of time that nothing is known of nobody says that it did not. */
	looked = slots - (end - first) / QUARTER + up;
	is.known = true;
	is.part = (double)looked / (double)slots;
	is.lost = looked > 0 ? (double)lost / 254 / (double)looked : 0;
	return is;
}

/* The first quarter from there on in which it looked, or did not, or one from the end on; between the bounds. */
static uint64_t
next_where(const struct watcher *w, uint64_t at, uint64_t end, bool looked)
{
	while (at < end) {
		uint8_t up = w->day[at / DAY - w->first].up;

		if (at % DAY == 0 && up == (looked ? 0 : WATCH_SLOTS))
			at += DAY;
		else if ((slot_at(w, at) > 0) == looked)
			break;
		else
			at += QUARTER;
	}
	return at;
}

/* The next run of time in which it looked, from *at on, until the end; false: none. */
bool
watch_run(const struct joint *joint, uint32_t organisation, uint64_t *at, uint64_t end, struct looked_at *ret_is,
    uint64_t *ret_from, uint64_t *ret_until)
{
	const struct watcher *w = watcher_find(joint, organisation);
	uint64_t first, last;

	if (w == NULL)
		return false;
	bounds_of(w, &first, &last);
	end = end < last ? end : last;
	*ret_from = next_where(w, *at > first ? *at - *at % QUARTER : first, end, true);
	if (*ret_from >= end)
		return false;
	*at = next_where(w, *ret_from, end, false);
	*ret_until = *at < end ? *at : end;
	*ret_is = watch_look(joint, organisation, *ret_from, *ret_until - 1);
	return true;
}

/* ---- as bytes ---- */

/* A day that is not saved; it is then. */
bool
watch_next(struct joint *joint, struct buf *out, uint64_t *ret_hash)
{
	for (size_t i = 0; i < joint->watcher_count; i++) {
		struct watcher *w = &joint->watcher[i];
		struct slice name = name_slice(joint, w->organisation);
		uint32_t day = (uint32_t)(w->unsaved_from / DAY);

		if (!w->unsaved)
			continue;
		day = day < w->first ? w->first : day;
		w->unsaved_from = (uint64_t)(day + 1) * DAY;
		w->unsaved = w->unsaved_from <= w->unsaved_until;
		if (day >= w->first + w->days)
			continue;
		buf_add_u8(out, CODE_WATCH);
		buf_add_u32(out, day);
		code_put_float(out, w->clock_error);
		buf_add(out, w->day[day - w->first].slot, WATCH_SLOTS);
		code_put_text(out, name);
		*ret_hash = hash64(name, day + 1000ull);
		return true;
	}
	return false;
}

enum cc_status
watch_decode(struct joint *joint, struct cur *in)
{
	struct cur c = *in;
	uint32_t day;
	const uint8_t *row;
	struct slice name;
	struct watcher *w;
	float clock;
	uint64_t first, last, version;

	(void)cur_u8(&c);
	day = cur_u32(&c);
	clock = code_get_float(&c);
	row = cur_bytes(&c, WATCH_SLOTS);
	name = code_get_text(&c);
	if (c.bad || name.size == 0 || day > INT64_MAX / DAY || clock < -1)
		return CC_BAD;
	*in = c;
	if ((w = watcher_of(joint, name)) == NULL)
		return joint->no_memory ? CC_NOMEM : CC_OK;
	version = w->version;
	take_clock(joint, w, (double)clock);
	bounds_of(w, &first, &last);
	for (unsigned i = 0; i < WATCH_SLOTS; i++) {
		if (row[i] > 0 && put_slot(joint, w, (uint64_t)day * DAY + i * QUARTER, row[i]))
			note_change_of(joint, w, (uint64_t)day * DAY + i * QUARTER,
			    (uint64_t)day * DAY + (i + 1) * QUARTER - 1);
	}
	note_bounds(joint, w, first, last);
	if (w->version != version)
		note_unsaved(w, day * DAY, day * DAY + DAY - 1);
	return joint->no_memory ? CC_NOMEM : CC_OK;
}

void
watch_close(struct joint *joint)
{
	for (size_t i = 0; i < joint->watcher_count; i++)
		free(joint->watcher[i].day);
	free(joint->watcher);
}
