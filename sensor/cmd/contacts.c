/*
 * concert contacts: who is where, who can be reached now and in what order; our own entry, published; a drill.
 *
 * What time it is elsewhere is looked up in the time zone database by way of TZ: this command is one thread.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/desk.h"

int cmd_contacts(int argc, char **argv);

#define PING_PATIENCE (3600 * NS_PER_S)

/* ---- who can be reached ---- */

enum reach { REACH_NO, REACH_YES, REACH_UNSAID };

/* The minute of the week in a zone of the database; false: it is not known here. */
static bool
minute_there(const char *zone, uint64_t now, unsigned *ret_minute)
{
	char path[160];
	time_t seconds = (time_t)(now / NS_PER_S);
	struct tm tm;

	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
	if (zone[0] == '\0' || strcmp(zone, "UTC") == 0) {
		gmtime_r(&seconds, &tm);
	} else {
		if (access(path, R_OK) != 0)
			return false;
		snprintf(path, sizeof(path), ":%s", zone);
		setenv("TZ", path, 1);
		tzset();
		localtime_r(&seconds, &tm);
		unsetenv("TZ");
		tzset();
	}
	*ret_minute = (unsigned)((tm.tm_wday + 6) % 7 * 1440 + tm.tm_hour * 60 + tm.tm_min);
	return true;
}

static enum reach
reach_of(const struct contact_point *p, uint64_t now)
{
	unsigned minute;
	bool within;

	if (p->hours[0] == '\0' || !minute_there(strcmp(p->hours, "24/7") == 0 ? "UTC" : p->zone, now, &minute) ||
	    contact_hours(p->hours, minute, &within) != CC_OK)
		return REACH_UNSAID;
	return within ? REACH_YES : REACH_NO;
}

static const char *const reach_word[] = {"no", "yes", "not said"};

/* The first in the order of escalation who is at work. */
static const struct contact_point *
first_reachable(const struct contact *c, uint64_t now)
{
	for (size_t i = 0; i < c->points; i++) {
		if (reach_of(&c->point[i], now) == REACH_YES)
			return &c->point[i];
	}
	return NULL;
}

/* ---- list, show ---- */

struct listing {
	struct cmd_desk *d;
	uint64_t now;
	size_t count, troubled;
};

static void
put_ping(struct json *json, const struct contact *c)
{
	char time[40];

	if (c->pinged != 0)
		json_text(json, "pinged", time_rfc3339_text(c->pinged, time));
	if (c->answered != 0) {
		json_text(json, "answered", time_rfc3339_text(c->answered, time));
		json_printf(json, "took", "%.3fs", (double)c->took / 1e9);
	}
}

static void
print_json(struct listing *l, const struct contact *c)
{
	struct buf *line = &l->d->line;
	struct json json = json_into(line);
	const struct contact_point *p = first_reachable(c, l->now);
	char time[40];

	json_object(&json, NULL);
	json_text(&json, "organisation", c->organisation);
	json_text(&json, "state", contact_state(c, l->d->o.conf, l->now));
	json_text(&json, "published", time_rfc3339_text(c->published, time));
	json_text(&json, "signed_by", c->kid);
	if (p != NULL) {
		json_object(&json, "reachable_now");
		json_text(&json, "role", p->role);
		json_text(&json, "name", p->name);
		json_text(&json, "telephone", p->telephone);
		json_text(&json, "email", p->email);
		json_end_object(&json);
	}
	json_array(&json, "reachable");
	for (size_t i = 0; i < c->points; i++)
		json_text(&json, NULL, reach_word[reach_of(&c->point[i], l->now)]);
	json_end_array(&json);
	put_ping(&json, c);
	contact_json(&json, "entry", c);
	json_end_object(&json);
	cmd_put_line(line);
}

static void
list_one(void *ctx, const struct contact *c)
{
	struct listing *l = ctx;
	const struct contact_point *p = first_reachable(c, l->now);
	char ago[32], took[32] = "-", who[512] = "nobody now";

	l->count++;
	if (l->d->o.json) {
		print_json(l, c);
		return;
	}
	if (l->count == 1)
		printf("%-24s %-2s %-13s %-7s %-12s %-10s %s\n", "ORGANISATION", "CC", "KIND", "STATE", "ANSWERED",
		    "TOOK", "REACHABLE NOW");
	if (c->answered != 0)
		snprintf(took, sizeof(took), "%.1f s", (double)c->took / 1e9);
	if (p != NULL)
		snprintf(
		    who, sizeof(who), "%s, %s %s", p->role, p->name, p->telephone[0] != '\0' ? p->telephone : p->email);
	cmd_column(c->organisation, 24);
	cmd_column(c->country, 2);
	cmd_column(c->kind, 13);
	cmd_column(contact_state(c, l->d->o.conf, l->now), 7);
	cmd_column(c->answered != 0 ? cmd_ago(c->answered, l->now, ago) : c->pinged != 0 ? "not yet" : "-", 12);
	cmd_column(took, 10);
	cmd_column(who, 0);
	putchar('\n');
}

static void
line(const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	printf("%-17s", name);
	cmd_column(text, 0);
	putchar('\n');
}

static void
show_one(void *ctx, const struct contact *c)
{
	struct listing *l = ctx;
	char time[40], text[600];

	l->count++;
	if (l->d->o.json) {
		print_json(l, c);
		return;
	}
	line("organisation", c->organisation);
	line("country", c->country);
	line("kind", c->kind);
	line("state", contact_state(c, l->d->o.conf, l->now));
	line("published", time_rfc3339_text(c->published, time));
	line("valid until", time_rfc3339_text(c->until, time));
	line("receives", record_tlp_text(c->receive));
	line("signed by", c->kid);
	if (c->answered != 0) {
		snprintf(text, sizeof(text), "%s, after %.1f s", time_rfc3339_text(c->answered, time),
		    (double)c->took / 1e9);
		line("answered ping", text);
	}
	for (size_t i = 0; i < c->points; i++) {
		const struct contact_point *p = &c->point[i];
		unsigned minute;

		printf("\n%zu. %s\n", i + 1, p->role);
		line("  name", p->name);
		line("  telephone", p->telephone);
		line("  email", p->email);
		line("  languages", p->languages);
		snprintf(text, sizeof(text), "%s %s", p->hours, p->zone);
		line("  hours", text);
		if (p->zone[0] != '\0' && minute_there(p->zone, l->now, &minute)) {
			snprintf(text, sizeof(text), "%s %02u:%02u", &"Mo\0Tu\0We\0Th\0Fr\0Sa\0Su"[minute / 1440 * 3],
			    minute % 1440 / 60, minute % 60);
			line("  time there", text);
		}
		line("  reachable now", reach_word[reach_of(p, l->now)]);
	}
	for (size_t i = 0; i < c->sectors; i++) {
		printf(i == 0 ? "\nsectors\n" : "");
		fputs("  ", stdout);
		cmd_column(c->sector[i].name, 0);
		putchar('\n');
		for (size_t k = 0; k < c->sector[i].count; k++) {
			fputs("    ", stdout);
			cmd_column(c->sector[i].criterion[k].level, 10);
			cmd_column(c->sector[i].criterion[k].text, 0);
			putchar('\n');
		}
	}
	for (size_t i = 0; i < c->keys.count; i++) {
		printf(i == 0 ? "\nkeys\n" : "");
		printf("  %s%s\n", c->keys.entry[i].kid, c->keys.entry[i].revoked != 0 ? "  revoked" : "");
	}
}

/* ---- verify ---- */

static void
trouble(struct listing *l, const struct contact *c, const char *what)
{
	struct json json = json_into(&l->d->line);

	l->troubled++;
	if (!l->d->o.json) {
		cmd_column(c->organisation, 24);
		cmd_column(what, 0);
		putchar('\n');
		return;
	}
	json_object(&json, NULL);
	json_text(&json, "organisation", c->organisation);
	json_text(&json, "trouble", what);
	json_end_object(&json);
	cmd_put_line(&l->d->line);
}

/* The entry was believed when it came; what has happened since, and what does not fit the trust file? */
static void
verify_one(void *ctx, const struct contact *c)
{
	struct listing *l = ctx;
	const struct trust *trust = desk_trust(l->d->desk);
	const struct trust_organisation *organisation = trust_organisation(trust, slice_str(c->organisation));
	const struct trust_key *key = trust_find(trust, slice_str(c->kid));
	const char *state = contact_state(c, l->d->o.conf, l->now);
	size_t before = l->troubled;
	char text[256];

	l->count++;
	if (strcmp(state, "good") != 0) {
		snprintf(text, sizeof(text), "the entry is %s", state);
		trouble(l, c, text);
	}
	if (key == NULL || key->organisation != organisation)
		trouble(l, c, "the key that signed the entry is trusted no more");
	else if (key->entry.revoked != 0)
		trouble(l, c, "the key that signed the entry is revoked");
	for (size_t i = 0; i < c->keys.count; i++) {
		const struct trust_key *known = trust_find(trust, slice_str(c->keys.entry[i].kid));

		if (known != NULL && known->organisation == organisation)
			continue;
		snprintf(text, sizeof(text), "the key %s of the entry is not in the trust file", c->keys.entry[i].kid);
		trouble(l, c, text);
	}
	if (organisation != NULL && !organisation->own && organisation->receive > c->receive) {
		snprintf(text, sizeof(text), "the trust file lets it receive %s, it says that it may receive %s",
		    record_tlp_text(organisation->receive), record_tlp_text(c->receive));
		trouble(l, c, text);
	}
	if (l->troubled == before && l->d->o.json) {
		struct json json = json_into(&l->d->line);

		json_object(&json, NULL);
		json_text(&json, "organisation", c->organisation);
		json_bool(&json, "good", true);
		json_end_object(&json);
		cmd_put_line(&l->d->line);
	}
}

static void
ignore(void *ctx, const struct contact *contact)
{
	(void)ctx;
	(void)contact;
}

/* Organisations that the operator trusts and that have no entry. */
static void
verify_missing(struct listing *l)
{
	const struct trust *trust = desk_trust(l->d->desk);
	struct contact none = {.until = 0};

	for (size_t i = 0; i < trust_count(trust); i++) {
		const struct trust_organisation *o = trust_at(trust, i);

		snprintf(none.organisation, sizeof(none.organisation), "%s", o->id);
		if (!o->own && contacts_visit(l->d->desk, o->id, ignore, NULL) == CC_ABSENT)
			trouble(l, &none, "has no entry");
	}
}

/* ---- compare ---- */

struct pair {
	struct contact *c;
	bool found;
};

static void
keep(void *ctx, const struct contact *c)
{
	struct pair *p = ctx;

	*p->c = *c;
	p->found = true;
}

static const struct contact_sector *
sector_of(const struct contact *c, const char *name)
{
	for (size_t i = 0; i < c->sectors; i++) {
		if (strcasecmp(c->sector[i].name, name) == 0)
			return &c->sector[i];
	}
	return NULL;
}

static const char *
criterion_of(const struct contact_sector *s, const char *level)
{
	for (size_t i = 0; s != NULL && i < s->count; i++) {
		if (strcasecmp(s->criterion[i].level, level) == 0)
			return s->criterion[i].text;
	}
	return NULL;
}

static void
compare_row(struct cmd_desk *d, const char *sector, const char *level, const char *a, const char *b)
{
	const char *same = a == NULL || b == NULL ? "missing" : strcmp(a, b) == 0 ? "same" : "differs";
	struct json json = json_into(&d->line);

	if (!d->o.json) {
		cmd_column(sector, 20);
		cmd_column(level, 10);
		cmd_column(same, 8);
		cmd_column(a != NULL ? a : "-", 44);
		cmd_column(b != NULL ? b : "-", 0);
		putchar('\n');
		return;
	}
	json_object(&json, NULL);
	json_text(&json, "sector", sector);
	if (level[0] != '\0')
		json_text(&json, "level", level);
	json_text(&json, "is", same);
	if (a != NULL)
		json_text(&json, "a", a);
	if (b != NULL)
		json_text(&json, "b", b);
	json_end_object(&json);
	cmd_put_line(&d->line);
}

static void
compare_sector(struct cmd_desk *d, const struct contact_sector *a, const struct contact_sector *b)
{
	const struct contact_sector *one = a != NULL ? a : b;

	if (a == NULL || b == NULL)
		compare_row(d, one->name, "", a != NULL ? "has it" : NULL, b != NULL ? "has it" : NULL);
	for (size_t i = 0; a != NULL && b != NULL && i < a->count; i++)
		compare_row(
		    d, a->name, a->criterion[i].level, a->criterion[i].text, criterion_of(b, a->criterion[i].level));
	for (size_t i = 0; a != NULL && b != NULL && i < b->count; i++) {
		if (criterion_of(a, b->criterion[i].level) == NULL)
			compare_row(d, a->name, b->criterion[i].level, NULL, b->criterion[i].text);
	}
	if (a != NULL && b != NULL && a->count + b->count == 0)
		compare_row(d, a->name, "", "no criteria", "no criteria");
}

static int
compare(struct cmd_desk *d)
{
	struct pair a = {malloc(sizeof(struct contact)), false}, b = {malloc(sizeof(struct contact)), false};
	int code = EXIT_FAILED;

	if (a.c != NULL && b.c != NULL) {
		(void)contacts_visit(d->desk, d->rest[0], keep, &a);
		(void)contacts_visit(d->desk, d->rest[1], keep, &b);
		if (!a.found || !b.found)
			fprintf(stderr, "concert contacts: no entry of %s\n", d->rest[a.found ? 1 : 0]);
	}
	if (a.found && b.found) {
		if (!d->o.json)
			printf("%-20s %-10s %-8s %-44s %s\n", "SECTOR", "LEVEL", "IS", a.c->organisation,
			    b.c->organisation);
		for (size_t i = 0; i < a.c->sectors; i++)
			compare_sector(d, &a.c->sector[i], sector_of(b.c, a.c->sector[i].name));
		for (size_t i = 0; i < b.c->sectors; i++) {
			if (sector_of(a.c, b.c->sector[i].name) == NULL)
				compare_sector(d, NULL, &b.c->sector[i]);
		}
		code = EXIT_DONE;
	}
	free(a.c);
	free(b.c);
	return code;
}

/* ---- publish ---- */

static int
publish(struct cmd_desk *d)
{
	struct contact *contact = malloc(sizeof(*contact));
	enum cc_status st =
	    contact != NULL ? contact_read(d->rest[0], d->o.conf, time_now(), contact, &d->why) : CC_NOMEM;
	struct listing l = {.d = d, .now = time_now()};

	if (st == CC_OK)
		st = contacts_publish(d->desk, contact, &d->why);
	free(contact);
	if (st != CC_OK)
		return cmd_desk_fail(d, st);
	(void)contacts_visit(d->desk, d->o.conf->sensor_organisation, list_one, &l);
	return EXIT_DONE;
}

/* ---- ping ---- */

static void
copy_state(void *ctx, const struct request *r)
{
	*(enum request_state *)ctx = r->state;
}

/* A signed drill; with --wait, until it is answered. */
static int
ping(struct cmd_desk *d, const char *wait)
{
	struct request *r = calloc(1, sizeof(*r));
	struct listing l = {.d = d};
	enum request_state state = REQUEST_SENT;
	uint64_t patience = 0, until;
	enum cc_status st;

	if (r == NULL || (wait != NULL && duration_parse(wait, &patience) != CC_OK)) {
		fprintf(stderr, "concert contacts: --wait is a time like 30s, not %s\n", wait);
		free(r);
		return EXIT_USAGE;
	}
	r->kind = REQUEST_PING;
	r->priority = REQUEST_FLASH;
	r->exercise = true;
	r->tlp = CC_TLP_CLEAR;
	r->deadline = time_now() + PING_PATIENCE;
	snprintf(r->responder, sizeof(r->responder), "%s", d->rest[0]);
	snprintf(r->text, sizeof(r->text), "drill: please answer");
	st = request_send(d->desk, r, &d->why);
	(void)desk_flush(d->desk);
	until = time_monotonic() + patience;
	while (st == CC_OK && state < REQUEST_ANSWERED && time_monotonic() < until) {
		usleep(200000);
		if ((st = desk_sync(d->desk, &d->why)) == CC_OK)
			(void)requests_visit(d->desk, r->id, copy_state, &state);
	}
	free(r);
	if (st != CC_OK)
		return cmd_desk_fail(d, st);
	if (patience > 0 && state != REQUEST_ANSWERED) {
		fprintf(stderr, "concert contacts: %s has not answered\n", d->rest[0]);
		return EXIT_FAILED;
	}
	l.now = time_now();
	if (contacts_visit(d->desk, d->rest[0], list_one, &l) != CC_OK && !d->o.json)
		printf("%s: sent; it has no contacts entry\n", d->rest[0]);
	return EXIT_DONE;
}

static int
act(struct cmd_desk *d, const char *wait)
{
	struct listing l = {.d = d, .now = time_now()};
	const char *who = d->count > 0 ? d->rest[0] : NULL;

	if (strcmp(d->verb, "publish") == 0)
		return publish(d);
	if (!cmd_desk_sync(d))
		return EXIT_FAILED;
	if (strcmp(d->verb, "compare") == 0)
		return compare(d);
	if (strcmp(d->verb, "ping") == 0)
		return ping(d, wait);
	(void)contacts_visit(d->desk, who,
	    strcmp(d->verb, "show") == 0     ? show_one
	    : strcmp(d->verb, "verify") == 0 ? verify_one
					     : list_one,
	    &l);
	if (l.count == 0 && who != NULL)
		fprintf(stderr, "concert contacts: no entry of %s\n", who);
	if (strcmp(d->verb, "verify") == 0 && who == NULL)
		verify_missing(&l);
	if (strcmp(d->verb, "verify") == 0 && !d->o.json)
		printf("%zu entries, %zu troubles\n", l.count, l.troubled);
	return l.troubled > 0 || (l.count == 0 && who != NULL) ? EXIT_FAILED : EXIT_DONE;
}

int
cmd_contacts(int argc, char **argv)
{
	static const char *const verbs[] = {"publish", "list", "show", "verify", "ping", "compare"};
	static const int least[] = {1, 0, 1, 0, 1, 2}, most[] = {1, 0, 1, 1, 1, 2};
	struct cmd_word words[] = {{.name = "wait"}};
	const struct command *command = &cmd_table[0];
	struct cmd_desk d;
	int code;

	while (command->run != cmd_contacts)
		command++;
	if (!cmd_desk_open(&d, command, argc, argv, verbs, 6, words, 1, &code))
		return code;
	code = EXIT_USAGE;
	for (size_t i = 0; i < 6; i++) {
		if (strcmp(d.verb, verbs[i]) != 0)
			continue;
		if (d.count < least[i] || d.count > most[i])
			cmd_usage(command);
		else
			code = act(&d, cmd_value(words, 1, "wait"));
	}
	return cmd_desk_close(&d, code);
}
