/*
 * Whose objects a bundle holds.  Ids of STIX objects are names that anybody can write: a partner that uses another's
 * would overwrite his objects in every store that keeps them by id.  So every object must say that the signer created
 * it, but cyber-observables, whose ids follow from their content and are everybody's, and the few that the standard or
 * the project defines.  The bundle is read to its end by the strict scanner, so that no two readers can see two
 * different ones.
 */
#include <stdio.h>

#include "exchange/jws_own.h"
#include "exchange/stix_own.h"

struct object {
	struct slice type, id, author; /* as they stand between quotes: no escapes */
};

struct walk {
	const struct bundle_owner *owner;
	enum verdict verdict;
	char *why;
};

static bool
is_one_of(struct slice text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_is(text, list[i]))
			return true;
	}
	return false;
}
#define IS_ONE_OF(text, list) is_one_of(text, list, sizeof(list) / sizeof((list)[0]))

/* STIX 2.1, 6 */
static bool
is_observable(struct slice type)
{
	static const char *const types[] = {"ipv4-addr", "network-traffic", "domain-name", "url", "file",
	    "x509-certificate", "ipv6-addr", "artifact", "autonomous-system", "directory", "email-addr",
	    "email-message", "mac-addr", "mutex", "process", "software", "user-account", "windows-registry-key"};

	return IS_ONE_OF(type, types);
}

/* Of the standard: TLP 2.0, TLP 1, and the extension that says so. */
static bool
is_everybodys(struct slice id)
{
	static const char *const ids[] = {
	    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
	    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
	    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
	    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
	    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
	    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
	    "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d",
	};

	return IS_ONE_OF(id, ids);
}

/* "<type>--" and a UUID. */
static bool
id_is_of(struct slice id, struct slice type)
{
	if (id.size != type.size + 2 + 36 || memcmp(id.p, type.p, type.size) != 0 ||
	    memcmp(id.p + type.size, "--", 2) != 0)
		return false;
	for (size_t i = 0; i < 36; i++) {
		uint8_t b = id.p[type.size + 2 + i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? b != '-' : !((b >= '0' && b <= '9') || (b >= 'a' && b <= 'f')))
			return false;
	}
	return true;
}

static bool
is_anothers_identity(const struct bundle_owner *owner, struct slice id)
{
	for (size_t i = 0; owner->trust != NULL && i < trust_count(owner->trust); i++) {
		const char *identity = trust_at(owner->trust, i)->identity;

		if (strcmp(identity, owner->identity) != 0 && slice_is(id, identity))
			return true;
	}
	return false;
}

static bool
fail(struct walk *walk, enum verdict verdict, const char *what, struct slice id)
{
	walk->verdict = verdict;
	if (id.size == 0)
		snprintf(walk->why, 160, "%s", what);
	else
		snprintf(walk->why, 160, "%s: %.*s", what, (int)(id.size < 80 ? id.size : 80), (const char *)id.p);
	return false;
}

static bool
judge(struct walk *walk, const struct object *o)
{
	const char *identity = walk->owner->identity;
	bool owned = slice_is(o->author, identity);

	if (o->type.size == 0 || o->id.size == 0)
		return fail(walk, VERDICT_MALFORMED, "an object has no type or id", o->id);
	if (!id_is_of(o->id, o->type))
		return fail(walk, VERDICT_MALFORMED, "an object's id is none of its type", o->id);
	if (o->author.size > 0 ? owned
			       : is_observable(o->type) || is_everybodys(o->id) || slice_is(o->id, STIX_PROJECT) ||
				     slice_is(o->id, identity)) {
		if (slice_is(o->type, "identity") && (is_anothers_identity(walk->owner, o->id) ||
			(o->author.size > 0 && slice_is(o->id, STIX_PROJECT))))
			return fail(walk, VERDICT_FOREIGN_OBJECT, "describes another organisation", o->id);
		return true;
	}
	if (slice_is(o->id, STIX_EXTENSION) && slice_is(o->author, STIX_PROJECT))
		return true;
	return fail(walk, VERDICT_FOREIGN_OBJECT,
	    o->author.size > 0 ? "an object of another organisation" : "an object without created_by_ref", o->id);
}

/* A member that we act on: a string without escapes. */
static bool
take_text(struct cur *c, struct slice *ret_text)
{
	bool plain;

	scan_space(c);
	if (cur_u8(c) != '"' || !scan_string(c, ret_text, &plain) || !plain)
		return false;
	scan_space(c);
	return true;
}

typedef bool member_fn(struct walk *walk, struct slice name, struct cur *c, void *ctx);

/* An object at a depth where we look at its members. */
static bool
each_member(struct walk *walk, struct cur *c, member_fn *fn, void *ctx)
{
	struct slice name[SCAN_MEMBERS];
	size_t count = 0;
	bool plain;

	scan_space(c);
	if (cur_u8(c) != '{')
		return false;
	scan_space(c);
	if (cur_left(c) > 0 && *c->p == '}') {
		cur_skip(c, 1);
		scan_space(c);
		return true;
	}
	for (;;) {
		uint8_t b;

		scan_space(c);
		if (count == SCAN_MEMBERS || cur_u8(c) != '"' || !scan_string(c, &name[count], &plain) || !plain)
			return false;
		for (size_t i = 0; i < count; i++) {
			if (slice_eq(name[i], name[count]))
				return false;
		}
		count++;
		scan_space(c);
		if (cur_u8(c) != ':' || !fn(walk, name[count - 1], c, ctx))
			return false;
		b = cur_u8(c);
		if (b == '}') {
			scan_space(c);
			return true;
		}
		if (b != ',')
			return false;
	}
}

static bool
object_member(struct walk *walk, struct slice name, struct cur *c, void *ctx)
{
	struct object *o = ctx;

	(void)walk;
	if (slice_is(name, "type"))
		return take_text(c, &o->type);
	if (slice_is(name, "id"))
		return take_text(c, &o->id);
	if (slice_is(name, "created_by_ref"))
		return take_text(c, &o->author) && o->author.size > 0;
	return scan_value(c, 4);
}

static bool
take_objects(struct walk *walk, struct cur *c)
{
	scan_space(c);
	if (cur_u8(c) != '[')
		return false;
	scan_space(c);
	if (cur_left(c) > 0 && *c->p == ']') {
		cur_skip(c, 1);
		scan_space(c);
		return true;
	}
	for (;;) {
		struct object o = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
		uint8_t b;

		if (!each_member(walk, c, object_member, &o) || !judge(walk, &o))
			return false;
		b = cur_u8(c);
		if (b == ']') {
			scan_space(c);
			return true;
		}
		if (b != ',')
			return false;
	}
}

struct top {
	struct slice type;
	bool objects;
};

static bool
bundle_member(struct walk *walk, struct slice name, struct cur *c, void *ctx)
{
	struct top *top = ctx;

	if (slice_is(name, "type"))
		return take_text(c, &top->type);
	if (slice_is(name, "objects"))
		return top->objects = take_objects(walk, c);
	return scan_value(c, 2);
}

enum verdict
bundle_check(struct slice value, const struct bundle_owner *owner, char ret_why[160])
{
	struct walk walk = {.owner = owner, .verdict = VERDICT_ACCEPTED, .why = ret_why};
	struct cur c = cur_slice(value);
	struct top top = {{NULL, 0}, false};
	bool good = each_member(&walk, &c, bundle_member, &top) && cur_left(&c) == 0 && !c.bad;

	if (walk.verdict == VERDICT_ACCEPTED && (!good || !slice_is(top.type, "bundle") || !top.objects))
		(void)fail(&walk, VERDICT_MALFORMED,
		    "the value is no STIX bundle, or no JSON that all would read alike", slice_of(NULL, 0));
	return walk.verdict;
}
