/*
 * Is this a world?  What README.md says of world.json, member by member: who writes one learns which member of which
 * observation is wrong, and what it may be.  In: the JSON; out: the observations by time, or a sentence and the end.
 */
#ifndef WORLD_H
#define WORLD_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/exchange.h"

struct placed {
	json_t *observation;
	uint64_t time;
	size_t place;
};

static const char *const kinds[] = {
    "addr", "domain", "url", "file-sha256", "ja3", "ja3s", "ja4", "cert-sha256", "user-agent", NULL};
static const char *const proofs[] = {"spoofable", "handshake", "dialogue", "keyed", "content", NULL};
static const char *const tlps[] = {"clear", "green", "amber", NULL};
static const char *const origins[] = {"own", "relay", "answer", NULL};
static const char *const roles[] = {"client", "server", NULL};
static const char *const sides[] = {"both", "one", NULL};

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "play: %s: %s\n", what, why != NULL ? why : "no");
	exit(1);
}

static const char *
text_of(json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : "";
}

static struct slice
slice_at(json_t *object, const char *member)
{
	return slice_str(text_of(object, member));
}

static void
fail_at(const char *what, json_t *named, const char *member, const char *why)
{
	const char *id = json_string_value(json_object_get(named, "id"));

	fprintf(stderr, "play: %s %s: %s: %s\n", what, id != NULL ? id : "without an id", member, why);
	exit(1);
}

static double
real_of(json_t *object, const char *member, double otherwise)
{
	json_t *value = json_object_get(object, member);

	return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* By time, as they were sent; then by place in the world. */
static int
by_time(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static void
check_word(const char *what, json_t *named, json_t *object, const char *member, const char *const *words)
{
	json_t *value = json_object_get(object, member);
	char why[300];
	size_t at;

	if (value == NULL || json_is_null(value))
		return;
	for (size_t i = 0; json_is_string(value) && words[i] != NULL; i++) {
		if (strcmp(words[i], json_string_value(value)) == 0)
			return;
	}
	at = (size_t)snprintf(why, sizeof(why), "'%.40s' is none of", text_of(object, member));
	for (size_t i = 0; words[i] != NULL; i++)
		at += (size_t)snprintf(why + at, sizeof(why) - at, "%s %s", i > 0 ? "," : "", words[i]);
	fail_at(what, named, member, why);
}

static uint64_t
check_time(const char *what, json_t *named, json_t *object, const char *member)
{
	uint64_t ns = 0;

	if (time_rfc3339_parse(text_of(object, member), &ns) != CC_OK)
		fail_at(what, named, member, "is no time as 2026-03-02T00:00:00Z");
	return ns;
}

static void
check_number(const char *what, json_t *named, json_t *object, const char *member, double least, double most)
{
	json_t *value = json_object_get(object, member);
	char why[100];

	snprintf(why, sizeof(why), "is no number from %g to %g", least, most);
	if (value != NULL && !json_is_null(value) && !(json_is_number(value) && json_number_value(value) >= least &&
				 json_number_value(value) <= most))
		fail_at(what, named, member, why);
}

static void
check_text(const char *what, json_t *named, json_t *object, const char *member)
{
	if (text_of(object, member)[0] == '\0')
		fail_at(what, named, member, "is not there, or no text");
}

static void
check_end(json_t *o, const char *member)
{
	json_t *end = json_object_get(o, member);
	struct cc_addr addr;

	if (end == NULL || json_is_null(end))
		return;
	if (cc_addr_parse(text_of(end, "addr"), &addr) != CC_OK)
		fail_at("observation", o, member, "its addr is no address");
	check_number("observation", o, end, "port", 0, 65535);
	check_word("observation", o, end, "role", roles);
}

static void
check_organisation(json_t *organisation)
{
	static const char what[] = "organisation";
	json_t *clock = json_object_get(organisation, "clock"), *sensor, *one;
	size_t i, k;

	check_text(what, organisation, organisation, "id");
	if (strlen(text_of(organisation, "seed")) != 64)
		fail_at(what, organisation, "seed", "is not 64 hexadecimal digits");
	/* As sensor.clock_error takes it. */
	check_number(what, organisation, clock, "error_s", 0, 3600);
	check_number(what, organisation, clock, "offset_s", -1e9, 1e9);
	json_array_foreach(json_object_get(organisation, "sensors"), i, sensor)
	{
		check_text(what, organisation, sensor, "name");
		check_number(what, organisation, sensor, "heartbeat_s", 0, 1e9);
		json_array_foreach(json_object_get(sensor, "coverage"), k, one)
		{
			if (check_time(what, organisation, one, "until") < check_time(what, organisation, one, "from"))
				fail_at(what, organisation, "coverage", "ends before it begins");
			check_number(what, organisation, one, "lost", 0, 1);
			check_word(what, organisation, one, "sides", sides);
		}
	}
}

static void
check_observation(json_t *o, json_t *seen)
{
	static const char what[] = "observation";
	json_t *indicator = json_object_get(o, "indicator"), *origin = json_object_get(o, "origin"), *of;
	uint64_t time = check_time(what, o, o, "time");

	check_text(what, o, o, "id");
	if (json_object_get(seen, text_of(o, "id")) != NULL)
		fail_at(what, o, "id", "is there twice");
	json_object_set(seen, text_of(o, "id"), o);
	if (text_of(o, "last")[0] != '\0' && check_time(what, o, o, "last") < time)
		fail_at(what, o, "last", "is before its time");
	if (json_object_get(o, "positive") != NULL && !json_is_boolean(json_object_get(o, "positive")))
		fail_at(what, o, "positive", "is neither true nor false");
	check_number(what, o, o, "count", 0, 1e15);
	check_text(what, o, indicator, "kind");
	check_word(what, o, indicator, "kind", kinds);
	check_text(what, o, indicator, "value");
	check_word(what, o, o, "proof", proofs);
	check_word(what, o, o, "tlp", tlps);
	check_word(what, o, origin, "kind", origins);
	check_end(o, "attacker");
	check_end(o, "victim");
	of = json_object_get(origin, "of");
	if (of != NULL && !json_is_null(of) && json_object_get(seen, text_of(origin, "of")) == NULL)
		fprintf(stderr, "play: observation %s: origin: is of nothing that was observed before: it says no of\n",
		    text_of(o, "id"));
}

/* By time; every member that has a meaning has one that is known. */
static struct placed *
check_world(json_t *world, size_t *ret_count)
{
	json_t *organisations = json_object_get(world, "organisations"), *one,
	       *observations = json_object_get(world, "observations"), *seen = json_pack("{}");
	size_t count = json_array_size(observations), i;
	struct placed *order = calloc(count + 1, sizeof(*order));

	if (order == NULL || seen == NULL)
		fail("world", "no memory");
	if (json_integer_value(json_object_get(world, "version")) != 1)
		fail("version", "is not 1");
	if (json_array_size(organisations) == 0)
		fail("organisations", "there is none");
	if (!json_is_array(observations))
		fail("observations", "is no list");
	json_array_foreach(organisations, i, one)
		check_organisation(one);
	json_array_foreach(observations, i, one)
		order[i] = (struct placed){one, check_time("observation", one, one, "time"), i};
	qsort(order, count, sizeof(*order), by_time);
	for (i = 0; i < count; i++)
		check_observation(order[i].observation, seen);
	json_decref(seen);
	*ret_count = count;
	return order;
}

#endif
