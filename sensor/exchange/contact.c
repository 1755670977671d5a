/*
 * A contacts entry: read from the operator's YAML or from a partner's message (the same form, the same code), written
 * as a
 * STIX bundle.
 *
 *   country: DE
 *   kind: national                      # national, sector, military, international, other
 *   receive: amber
 *   valid: 365d                         # or valid_until: 2027-01-01T00:00:00Z
 *   contacts:                           # in order of escalation
 *     - role: technical                 # technical, policy
 *       name: Duty officer
 *       email: duty@cert.example
 *       telephone: "+49 30 1234"
 *       languages: [de, en]
 *       hours: Mo-Fr 08:00-17:00        # or 24/7
 *       time_zone: Europe/Berlin
 *   sectors:
 *     - name: energy
 *       criteria: {critical: more than 500,000 people without power}
 */
#include "exchange/desk_own.h"

#include <stdio.h>
#include <stdlib.h>

/* Contact details of identities, as OASIS's common objects have them. */
#define CONTACT_EXTENSION "extension-definition--66e2492a-bbd3-4be6-88f5-cc91a017a498"
#define YEAR (365 * 24 * 3600 * NS_PER_S)

static enum cc_status
bad(char why[160], const char *format, const char *what, size_t at)
{
	snprintf(why, 160, format, what, at + 1);
	return CC_BAD;
}

static bool
is_word_of(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(word, list[i]) == 0)
			return true;
	}
	return false;
}

static bool
only_of(const json_t *object, const char *const *names, size_t count, char why[160], const char *where)
{
	json_t *value;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if (!is_word_of(name, names, count)) {
			snprintf(why, 160, "%s: '%.60s' is not known here", where, name);
			return false;
		}
	}
	return true;
}

/* ---- hours ---- */

static const char days[][3] = {"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"};

static bool
take_day(const char **p, unsigned *ret_day)
{
	for (unsigned d = 0; d < 7; d++) {
		if (strncmp(*p, days[d], 2) == 0) {
			*ret_day = d;
			*p += 2;
			return true;
		}
	}
	return false;
}

static bool
take_clock(const char **p, unsigned *ret_minute)
{
	const char *t = *p;

	for (int i = 0; i < 5; i++) {
		if (i == 2 ? t[i] != ':' : t[i] < '0' || t[i] > '9')
			return false;
	}
	*ret_minute = (unsigned)((t[0] - '0') * 10 + t[1] - '0') * 60 + (unsigned)((t[3] - '0') * 10 + t[4] - '0');
	*p += 5;
	return *ret_minute <= 24 * 60 && t[3] < '6';
}

/* One of "Mo-Fr 08:00-17:00", "Sa 09:00-12:00", "22:00-06:00" (every day, over midnight). */
static bool
take_span(const char **p, unsigned minute, bool *within)
{
	unsigned first = 0, last = 6, from, until, day = minute / 1440, at = minute % 1440;
	bool today, yesterday;

	if (take_day(p, &first)) {
		last = first;
		if (**p == '-') {
			(*p)++;
			if (!take_day(p, &last))
				return false;
		}
		if (*(*p)++ != ' ')
			return false;
	}
	if (!take_clock(p, &from) || *(*p)++ != '-' || !take_clock(p, &until))
		return false;
	today = first <= last ? day >= first && day <= last : day >= first || day <= last;
	day = (day + 6) % 7;
	yesterday = first <= last ? day >= first && day <= last : day >= first || day <= last;
	if (from <= until)
		*within = *within || (today && at >= from && at < until);
	else
		*within = *within || (today && at >= from) || (yesterday && at < until);
	return true;
}

enum cc_status
contact_hours(const char *hours, unsigned minute, bool *ret_within)
{
	const char *p = hours;

	*ret_within = strcmp(hours, "24/7") == 0;
	if (*ret_within)
		return CC_OK;
	for (;;) {
		if (!take_span(&p, minute, ret_within))
			return CC_BAD;
		if (*p == '\0')
			return CC_OK;
		if (*p++ != ',')
			return CC_BAD;
		if (*p == ' ')
			p++;
	}
}

/* ---- in ---- */

/* A name of the time zone database: letters, digits, and no way out of its folder. */
static bool
good_zone(const char *zone)
{
	return zone[0] != '/' && strstr(zone, "..") == NULL &&
	       strspn(zone, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") == strlen(zone);
}

static enum cc_status
take_point(const json_t *from, struct contact_point *p, size_t at, char why[160])
{
	static const char *const names[] = {"role", "name", "email", "telephone", "languages", "hours", "time_zone"};
	const json_t *languages = json_object_get(from, "languages"), *one;
	size_t i, used = 0;
	char where[32];
	bool within;

	snprintf(where, sizeof(where), "contacts[%zu]", at + 1);
	if (!json_is_object(from))
		return bad(why, "%s[%zu] is no point of contact", "contacts", at);
	if (!only_of(from, names, sizeof(names) / sizeof(names[0]), why, where))
		return CC_BAD;
	if (!desk_member(from, "role", p->role, sizeof(p->role)) ||
	    !desk_member(from, "name", p->name, sizeof(p->name)) ||
	    !desk_member(from, "email", p->email, sizeof(p->email)) ||
	    !desk_member(from, "telephone", p->telephone, sizeof(p->telephone)) ||
	    !desk_member(from, "hours", p->hours, sizeof(p->hours)) ||
	    !desk_member(from, "time_zone", p->zone, sizeof(p->zone)))
		return bad(why, "%s[%zu]: a text is too long, or is none", "contacts", at);
	if (strcmp(p->role, "technical") != 0 && strcmp(p->role, "policy") != 0)
		return bad(why, "%s[%zu]: role is technical or policy", "contacts", at);
	if (p->name[0] == '\0' || (p->email[0] == '\0' && p->telephone[0] == '\0'))
		return bad(why, "%s[%zu] needs a name or function, and an e-mail address or a telephone number",
		    "contacts", at);
	if (p->email[0] != '\0' && (strchr(p->email, '@') == NULL || strpbrk(p->email, " \"<>") != NULL))
		return bad(why, "%s[%zu]: email is no address", "contacts", at);
	if (p->hours[0] != '\0' && contact_hours(p->hours, 0, &within) != CC_OK)
		return bad(
		    why, "%s[%zu]: hours are '24/7' or like 'Mo-Fr 08:00-17:00, Sa 09:00-12:00'", "contacts", at);
	if (!good_zone(p->zone))
		return bad(why, "%s[%zu]: time_zone is a name like Europe/Berlin", "contacts", at);
	if (languages != NULL && !json_is_array(languages))
		return bad(why, "%s[%zu]: languages is a list", "contacts", at);
	json_array_foreach(languages, i, one)
	{
		const char *text = json_string_value(one);
		size_t size = text != NULL ? strlen(text) : 0;

		if (size == 0 || size > 16 ||
		    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != size ||
		    used + size + 2 > sizeof(p->languages))
			return bad(why, "%s[%zu]: languages is a list of words like en", "contacts", at);
		if (used > 0)
			p->languages[used++] = ' ';
		memcpy(p->languages + used, text, size + 1);
		used += size;
	}
	return CC_OK;
}

static enum cc_status
take_sector(const json_t *from, struct contact_sector *s, size_t at, char why[160])
{
	json_t *criteria = json_object_get(from, "criteria"), *text;
	const char *level;

	if (!json_is_object(from) || !desk_member(from, "name", s->name, sizeof(s->name)) || s->name[0] == '\0' ||
	    (criteria != NULL && !json_is_object(criteria)))
		return bad(why, "%s[%zu] is no sector with name and criteria", "sectors", at);
	json_object_foreach(criteria, level, text)
	{
		if (s->count == CONTACT_CRITERIA || strlen(level) >= sizeof(s->criterion[0].level) ||
		    !json_is_string(text) ||
		    !desk_member(criteria, level, s->criterion[s->count].text, sizeof(s->criterion[0].text)))
			return bad(why, "%s[%zu]: criteria are at most eight levels, each with a text of 255 bytes",
			    "sectors", at);
		for (size_t i = 0; level[i] != '\0'; i++)
			s->criterion[s->count].level[i] =
			    (unsigned char)level[i] < 0x20 || level[i] == 0x7f ? '?' : level[i];
		s->count++;
	}
	return CC_OK;
}

static bool
take_time(const json_t *from, const char *name, uint64_t *ret_time)
{
	const char *text = json_string_value(json_object_get(from, name));

	*ret_time = 0;
	return json_object_get(from, name) == NULL || (text != NULL && time_rfc3339_parse(text, ret_time) == CC_OK);
}

static enum cc_status
take_keys(const json_t *list, struct key_list *keys, char why[160])
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		struct key_entry *e = &keys->entry[keys->count];
		const char *x = json_string_value(json_object_get(one, "x")),
			   *kid = json_string_value(json_object_get(one, "kid"));
		uint8_t bytes[32];
		char is[KEY_ID];

		if (keys->count == KEYS_MAX)
			return bad(why, "%s: more than %zu", "keys", KEYS_MAX - 1);
		*e = (struct key_entry){.from = 0};
		if (x == NULL || kid == NULL || key_parse(slice_str(x), bytes) != CC_OK)
			return bad(why, "%s[%zu] is no Ed25519 key", "keys", i);
		key_thumbprint(bytes, is);
		if (strcmp(is, kid) != 0)
			return bad(why, "%s[%zu]: the fingerprint is another key's", "keys", i);
		if (!take_time(one, "from", &e->from) || !take_time(one, "until", &e->until) ||
		    !take_time(one, "revoked_at", &e->revoked))
			return bad(why, "%s[%zu]: a time is no time", "keys", i);
		memcpy(e->kid, is, KEY_ID);
		memcpy(e->x, x, strlen(x) + 1);
		keys->count++;
	}
	return CC_OK;
}

static enum cc_status
take_entry(const json_t *from, struct contact *c, char why[160])
{
	static const char *const kinds[] = {"national", "sector", "military", "international", "other"};
	const json_t *points = json_object_get(from, "contacts"), *sectors = json_object_get(from, "sectors"), *one;
	char receive[32], until[40];
	uint8_t x[32];
	enum cc_status st;
	size_t i;

	if (!desk_member(from, "organisation", c->organisation, sizeof(c->organisation)) ||
	    !desk_member(from, "country", c->country, sizeof(c->country)) ||
	    !desk_member(from, "kind", c->kind, sizeof(c->kind)) ||
	    !desk_member(from, "receive", receive, sizeof(receive)))
		return bad(why, "%s: a text is too long, or is none", "organisation, country, kind, receive", 0);
	if (strlen(c->country) != 2 || strspn(c->country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2)
		return bad(why, "%s is two capital letters (ISO 3166), as DE", "country", 0);
	if (!is_word_of(c->kind, kinds, sizeof(kinds) / sizeof(kinds[0])))
		return bad(why, "%s is national, sector, military, international or other", "kind", 0);
	for (c->receive = CC_TLP_CLEAR; strcasecmp(record_tlp_text(c->receive), receive) != 0; c->receive++) {
		if (c->receive == CC_TLP_RED)
			return bad(why, "%s is clear, green, amber, amber+strict or red", "receive", 0);
	}
	if (!take_time(from, "valid_until", &c->until))
		return bad(why, "%s is a time like 2027-01-31T00:00:00Z", "valid_until", 0);
	if (json_array_size(points) == 0 || json_array_size(points) > CONTACT_POINTS ||
	    json_array_size(sectors) > CONTACT_SECTORS)
		return bad(why, "%s: 1 to 16 points of contact, and at most 64 sectors", "contacts, sectors", 0);
	json_array_foreach(points, i, one)
	{
		if ((st = take_point(one, &c->point[c->points++], i, why)) != CC_OK)
			return st;
	}
	json_array_foreach(sectors, i, one)
	{
		if ((st = take_sector(one, &c->sector[c->sectors++], i, why)) != CC_OK)
			return st;
	}
	if (!desk_member(json_object_get(from, "agreement"), "x", c->agreement, sizeof(c->agreement)) ||
	    (c->agreement[0] != '\0' && key_parse(slice_str(c->agreement), x) != CC_OK))
		return bad(why, "%s: x is a public key of 43 characters", "agreement", 0);
	if (!desk_member(json_object_get(from, "agreement_old"), "x", c->agreement_old, sizeof(c->agreement_old)) ||
	    (c->agreement_old[0] != '\0' && key_parse(slice_str(c->agreement_old), x) != CC_OK) ||
	    !desk_member(json_object_get(from, "agreement_old"), "until", until, sizeof(until)) ||
	    (until[0] != '\0' && time_rfc3339_parse(until, &c->agreement_until) != CC_OK))
		return bad(why, "%s: x is a public key of 43 characters, until a time", "agreement_old", 0);
	return take_keys(json_object_get(from, "keys"), &c->keys, why);
}

enum cc_status
contact_parse(struct slice text, struct contact *ret_contact, char why[160])
{
	json_error_t error;
	json_t *from = json_loadb((const char *)text.p, text.size, JSON_REJECT_DUPLICATES, &error);
	enum cc_status st = CC_BAD;

	*ret_contact = (struct contact){.until = 0};
	why[0] = '\0';
	if (json_is_object(from))
		st = take_entry(from, ret_contact, why);
	else
		snprintf(why, 160, "no JSON object");
	json_decref(from);
	return st;
}

enum cc_status
contact_read(const char *path, const struct conf *conf, uint64_t now, struct contact *ret_contact, char **ret_why)
{
	static const char *const names[] = {
	    "organisation", "country", "kind", "receive", "valid", "valid_until", "contacts", "sectors"};
	char why[160] = "", valid[32] = "";
	uint64_t span = YEAR;
	json_t *from;
	enum cc_status st = desk_yaml(path, &from, ret_why);

	*ret_contact = (struct contact){.until = 0};
	if (st != CC_OK)
		return st;
	if (!only_of(from, names, sizeof(names) / sizeof(names[0]), why, "the entry"))
		st = CC_BAD;
	else
		st = take_entry(from, ret_contact, why);
	(void)desk_member(from, "valid", valid, sizeof(valid));
	if (st == CC_OK && valid[0] != '\0' && (duration_parse(valid, &span) != CC_OK || span == 0 || span > 10 * YEAR))
		st = bad(why, "%s is a time like 365d, of ten years at most", "valid", 0);
	if (st == CC_OK && ret_contact->organisation[0] != '\0' &&
	    strcmp(ret_contact->organisation, conf->sensor_organisation) != 0)
		st = bad(why, "%s is another one than sensor.organisation", "organisation", 0);
	if (st == CC_OK && ret_contact->until != 0 && ret_contact->until <= now)
		st = bad(why, "%s is over already", "valid_until", 0);
	json_decref(from);
	if (st == CC_OK) {
		snprintf(ret_contact->organisation, sizeof(ret_contact->organisation), "%s", conf->sensor_organisation);
		ret_contact->published = now;
		if (ret_contact->until == 0)
			ret_contact->until = now + span;
	} else if (asprintf(ret_why, "%s: %s", path, why) < 0) {
		*ret_why = NULL;
	}
	return st;
}

/* ---- out ---- */

static void
put_words(struct json *json, const char *name, const char *words)
{
	if (words[0] == '\0')
		return;
	json_array(json, name);
	while (*words != '\0') {
		size_t size = strcspn(words, " ");

		json_string(json, NULL, slice_of(words, size));
		words += size + (words[size] == ' ');
	}
	json_end_array(json);
}

void
contact_json(struct json *json, const char *key, const struct contact *c)
{
	char until[40];

	json_object(json, key);
	json_text(json, "organisation", c->organisation);
	json_text(json, "country", c->country);
	json_text(json, "kind", c->kind);
	json_text(json, "receive", record_tlp_text(c->receive));
	json_text(json, "valid_until", time_rfc3339_text(c->until, until));
	json_array(json, "contacts");
	for (size_t i = 0; i < c->points; i++) {
		const struct contact_point *p = &c->point[i];

		json_object(json, NULL);
		json_text(json, "role", p->role);
		json_text(json, "name", p->name);
		json_text_if(json, "email", p->email);
		json_text_if(json, "telephone", p->telephone);
		put_words(json, "languages", p->languages);
		json_text_if(json, "hours", p->hours);
		json_text_if(json, "time_zone", p->zone);
		json_end_object(json);
	}
	json_end_array(json);
	json_array(json, "sectors");
	for (size_t i = 0; i < c->sectors; i++) {
		json_object(json, NULL);
		json_text(json, "name", c->sector[i].name);
		json_object(json, "criteria");
		for (size_t k = 0; k < c->sector[i].count; k++)
			json_text(json, c->sector[i].criterion[k].level, c->sector[i].criterion[k].text);
		json_end_object(json);
		json_end_object(json);
	}
	json_end_array(json);
	keys_json(json, &c->keys);
	if (c->agreement[0] != '\0')
		agreement_json(json, "agreement", c->agreement, 0);
	if (c->agreement_old[0] != '\0')
		agreement_json(json, "agreement_old", c->agreement_old, c->agreement_until);
	json_end_object(json);
}

static void
mail_id(const char *email, char ret_id[STIX_ID])
{
	struct buf canonical;

	buf_open(&canonical, 4096);
	buf_add_text(&canonical, "{\"value\":");
	stix_jcs_string(&canonical, slice_str(email));
	buf_add_u8(&canonical, '}');
	stix_sco_id("email-addr", buf_slice(&canonical), ret_id);
	buf_close(&canonical);
}

static void
put_mail(struct json *json, const struct contact *c, size_t at, enum cc_tlp tlp)
{
	char id[STIX_ID];

	for (size_t i = 0; i < at; i++) {
		if (strcmp(c->point[i].email, c->point[at].email) == 0)
			return; /* stands here already */
	}
	mail_id(c->point[at].email, id);
	json_object(json, NULL);
	json_text(json, "type", "email-addr");
	json_text(json, "spec_version", "2.1");
	json_text(json, "id", id);
	json_text(json, "value", c->point[at].email);
	stix_marking(json, tlp);
	json_end_object(json);
}

/* A point of contact as others' tools know one. */
static void
put_point(struct draft *draft, const struct contact *c, size_t at)
{
	const struct contact_point *p = &c->point[at];
	char number[24], id[STIX_ID], mail[STIX_ID];
	struct slice part[] = {slice_str(c->organisation), slice_str("contact"), slice_str(number)};
	struct json *json = &draft->json;

	snprintf(number, sizeof(number), "%zu", at);
	part[2] = slice_str(number);
	stix_own_id("identity", part, 3, id);
	draft_object(draft, "identity", id, STIX_CREATED);
	json_text(json, "name", p->name);
	json_text(json, "identity_class", "group");
	json_array(json, "roles");
	json_text(json, NULL, p->role);
	json_end_array(json);
	if (p->hours[0] != '\0' || p->zone[0] != '\0')
		json_printf(json, "contact_information", "%s %s", p->hours, p->zone);
	json_object(json, "extensions");
	json_object(json, CONTACT_EXTENSION);
	json_text(json, "extension_type", "property-extension");
	if (p->telephone[0] != '\0') {
		json_array(json, "contact_numbers");
		json_object(json, NULL);
		json_text(json, "contact_number_type", "work-phone");
		json_text(json, "contact_number", p->telephone);
		json_end_object(json);
		json_end_array(json);
	}
	if (p->email[0] != '\0') {
		mail_id(p->email, mail);
		json_array(json, "email_addresses");
		json_object(json, NULL);
		json_text(json, "digital_contact_type", "organizational");
		json_text(json, "email_address_ref", mail);
		json_end_object(json);
		json_end_array(json);
	}
	json_end_object(json);
	json_end_object(json);
	stix_marking(json, draft->tlp);
	json_end_object(json);
}

enum cc_status
contacts_publish(struct desk *desk, const struct contact *contact, char **ret_why)
{
	struct draft draft = {.topic = "contacts",
	    .type = "org.concert.contact.v1",
	    .key = contact->organisation,
	    .word = "entry",
	    .tlp = CC_TLP_GREEN,
	    .time = contact->published};
	struct contact whole = *contact;
	struct json *json = &draft.json;
	enum cc_status st = keys_load(desk->given, desk->outdir, &whole.keys, ret_why);

	if (st != CC_OK)
		return st;
	snprintf(whole.agreement, sizeof(whole.agreement), "%s", agreement_x(desk->agreement));
	snprintf(whole.agreement_old, sizeof(whole.agreement_old), "%s",
	    agreement_old_x(desk->agreement, &whole.agreement_until));
	draft_begin(desk, &draft, false);
	draft_object(&draft, "identity", draft.organisation, STIX_CREATED);
	json_text(json, "name", contact->organisation);
	json_text(json, "identity_class", "organization");
	json_object(json, "extensions");
	json_object(json, STIX_EXTENSION);
	json_text(json, "extension_type", "property-extension");
	contact_json(json, "contact", &whole);
	json_end_object(json);
	json_end_object(json);
	stix_marking(json, draft.tlp);
	json_end_object(json);
	for (size_t i = 0; i < whole.points; i++) {
		if (whole.point[i].email[0] != '\0')
			put_mail(json, &whole, i, draft.tlp);
		put_point(&draft, &whole, i);
	}
	return draft_end(desk, &draft, ret_why);
}
