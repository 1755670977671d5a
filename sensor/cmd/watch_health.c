/*
 * concert watch --health: the newest heartbeat of every sensor, as a table: who is alive, who is late, who loses
 * packets, whose clock nobody vouches for.  One row a sensor, as many as SENSORS_MAX.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cmd/cmd.h"
#include "cmd/watch.h"

#define SENSORS_MAX 4096
#define LATE 3 /* intervals without a heartbeat */

struct sensor {
	char *name, *clock, *state, *channel;
	uint64_t time, interval, packets, lost, waiting, shed, missing;
};

struct health_table {
	struct sensor sensor[SENSORS_MAX];
	size_t count;
	uint64_t refused; /* sensors beyond the table */
};

struct health_table *
health_new(void)
{
	return calloc(1, sizeof(struct health_table));
}

void
health_free(struct health_table *table)
{
	for (size_t i = 0; table != NULL && i < table->count; i++) {
		free(table->sensor[i].name);
		free(table->sensor[i].clock);
		free(table->sensor[i].state);
		free(table->sensor[i].channel);
	}
	free(table);
}

static json_t *
figures_of(json_t *bundle)
{
	json_t *objects = json_object_get(bundle, "objects"), *one, *extension;
	const char *key;
	size_t i;

	json_array_foreach(objects, i, one)
	{
		json_object_foreach(json_object_get(one, "extensions"), key, extension)
		{
			json_t *health = json_object_get(extension, "health");

			if (json_is_object(health))
				return health;
		}
	}
	return NULL;
}

static uint64_t
number(json_t *object, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(object, name));

	return n > 0 ? (uint64_t)n : 0;
}

static char *
text(json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return strdup(value != NULL ? value : "-");
}

static struct sensor *
row_of(struct health_table *table, struct slice name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (slice_is(name, table->sensor[i].name))
			return &table->sensor[i];
	}
	if (table->count == SENSORS_MAX) {
		table->refused++;
		return NULL;
	}
	table->sensor[table->count].name = strndup((const char *)name.p, name.size);
	return table->sensor[table->count].name != NULL ? &table->sensor[table->count++] : NULL;
}

void
health_take(struct health_table *table, const struct cc_message *msg, const struct verified *verified)
{
	json_t *bundle = json_loadb((const char *)msg->value.p, msg->value.size, 0, NULL), *health = figures_of(bundle);
	struct slice when = message_header(msg, "ce_time");
	struct sensor *sensor = health != NULL ? row_of(table, msg->key) : NULL;
	json_t *coverage = json_object_get(health, "coverage"), *exchange = json_object_get(health, "exchange");
	const char *interval = json_string_value(json_object_get(health, "interval"));
	char copy[40];
	uint64_t time = 0;

	snprintf(copy, sizeof(copy), "%.*s", (int)(when.size < sizeof(copy) ? when.size : 0), when.p);
	(void)time_rfc3339_parse(copy, &time);
	if (sensor != NULL)
		sensor->missing += verified->missing;
	if (sensor != NULL && time >= sensor->time) {
		free(sensor->clock);
		free(sensor->state);
		free(sensor->channel);
		sensor->time = time;
		sensor->interval = 0;
		if (interval != NULL)
			(void)duration_parse(interval, &sensor->interval);
		sensor->clock = text(json_object_get(health, "clock"), "source");
		sensor->state = text(health, "state");
		sensor->channel = text(json_object_get(health, "channel"), "name");
		sensor->packets = number(coverage, "packets");
		sensor->lost = number(coverage, "lost_kernel") + number(coverage, "lost_interface") +
			       number(coverage, "lost_ring");
		sensor->waiting = number(exchange, "waiting");
		sensor->shed = number(exchange, "shed");
	}
	json_decref(bundle);
}

static const char *
word_of(const struct sensor *sensor, uint64_t now)
{
	if (strcmp(sensor->state, "ending") == 0)
		return "ended";
	if (now > sensor->time && now - sensor->time > LATE * (sensor->interval > 0 ? sensor->interval : NS_PER_S))
		return "silent";
	if (sensor->lost > 0 || sensor->shed > 0 || sensor->missing > 0)
		return "lossy";
	return sensor->waiting > 1000 ? "lagging" : "alive";
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct sensor *)a)->name, ((const struct sensor *)b)->name);
}

static void
print_clean(const char *value, int width)
{
	int n = (int)strlen(value);

	cmd_print_clean(slice_str(value), stdout);
	printf("%*s", n < width ? width - n : 1, "");
}

void
health_print(struct health_table *table, uint64_t now, bool as_json)
{
	struct buf line;

	qsort(table->sensor, table->count, sizeof(table->sensor[0]), by_name);
	if (!as_json)
		printf("%-32s%-9s%-21s%14s%12s%9s%7s%9s  %-9s%s\n", "SENSOR", "STATE", "LAST HEARD", "PACKETS", "LOST",
		    "WAITING", "SHED", "MISSING", "CHANNEL", "CLOCK");
	buf_open(&line, 65536);
	for (size_t i = 0; i < table->count; i++) {
		const struct sensor *sensor = &table->sensor[i];
		struct json json = json_into(&line);
		char time[40];

		time_rfc3339_text(sensor->time, time);
		if (sensor->state == NULL || sensor->clock == NULL || sensor->channel == NULL)
			continue;
		if (!as_json) {
			print_clean(sensor->name, 32);
			printf("%-9s%.19sZ %14llu%12llu%9llu%7llu%9llu  ", word_of(sensor, now), time,
			    (unsigned long long)sensor->packets, (unsigned long long)sensor->lost,
			    (unsigned long long)sensor->waiting, (unsigned long long)sensor->shed,
			    (unsigned long long)sensor->missing);
			print_clean(sensor->channel, 9);
			print_clean(sensor->clock, 0);
			putchar('\n');
			continue;
		}
		buf_clear(&line);
		base_json_object(&json, NULL);
		json_text(&json, "sensor", sensor->name);
		json_text(&json, "state", word_of(sensor, now));
		json_text(&json, "heard", time);
		json_uint(&json, "packets", sensor->packets);
		json_uint(&json, "lost", sensor->lost);
		json_uint(&json, "waiting", sensor->waiting);
		json_uint(&json, "shed", sensor->shed);
		json_uint(&json, "missing", sensor->missing);
		json_text(&json, "channel", sensor->channel);
		json_text(&json, "clock", sensor->clock);
		json_end_object(&json);
		buf_add_u8(&line, '\n');
		fwrite(line.p, 1, line.size, stdout);
	}
	buf_close(&line);
	if (table->refused > 0)
		fprintf(stderr, "concert watch: %llu heartbeats of sensors beyond the first %d\n",
		    (unsigned long long)table->refused, SENSORS_MAX);
	fflush(stdout);
}
