/*
 * The desk: the state machine's every step, what operators and partners may write wrongly, policy, the audit log with
 * every byte flipped, and two desks that talk over a file exchange.
 */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include "exchange/exchange.h"

#include <unistd.h>

#include "unit/exchange/sides.h"
#include "unit/test.h"

/* ---- the state machine ---- */

TEST(every_step)
{
	/* By state before (the last: no request), state after: '-' never, 'r' by the requester, 'a' by the responder.
	 */
	static const char *const table[REQUEST_STATES + 1] = {
	    [REQUEST_SENT] = "-a---r",
	    [REQUEST_ACKNOWLEDGED] = "--aaar",
	    [REQUEST_WORKING] = "---aar",
	    [REQUEST_ANSWERED] = "-----r",
	    [REQUEST_DECLINED] = "-----r",
	    [REQUEST_CLOSED] = "------",
	    [REQUEST_STATES] = "r-----",
	};

	for (int from = 0; from <= REQUEST_STATES; from++) {
		for (int to = 0; to < REQUEST_STATES; to++) {
			char by = table[from][to];
			const char *requester = request_step((enum request_state)from, (enum request_state)to, true);
			const char *responder = request_step((enum request_state)from, (enum request_state)to, false);

			CHECK((requester == NULL) == (by == 'r'));
			CHECK((responder == NULL) == (by == 'a'));
			CHECK(requester == NULL || requester[0] != '\0');
		}
	}
	CHECK(request_step(REQUEST_SENT, REQUEST_STATES, true) != NULL);
}

TEST(escalation_climbs)
{
	struct conf *conf = conf_new();
	static struct request r;
	uint64_t hour = 3600 * NS_PER_S, at = 1000 * hour;

	r.deadline = at;
	r.priority = REQUEST_URGENT;
	CHECK_UINT(request_overdue(&r, conf, at), 0);
	CHECK_UINT(request_overdue(&r, conf, at + 1), 1);
	CHECK_UINT(request_overdue(&r, conf, at + hour), 2);
	CHECK_UINT(request_overdue(&r, conf, at + 1000 * hour), CONTACT_POINTS);
	r.priority = REQUEST_FLASH;
	CHECK_UINT(request_overdue(&r, conf, at + hour), 5);
	r.priority = REQUEST_ROUTINE;
	CHECK_UINT(request_overdue(&r, conf, at + hour), 1);
	r.state = REQUEST_ANSWERED;
	CHECK_UINT(request_overdue(&r, conf, at + hour), 0);
	conf_free(conf);
}

/* ---- contacts ---- */

TEST(stale_and_expired)
{
	struct conf *conf = conf_new();
	static struct contact c;
	uint64_t day = 86400 * NS_PER_S, stale = conf->exchange_contact_stale, now = 20000 * day;

	c.published = now - day;
	c.until = now + day;
	CHECK_TEXT(contact_state(&c, conf, now), "good");
	c.published = now - stale;
	CHECK_TEXT(contact_state(&c, conf, now), "good");
	CHECK_TEXT(contact_state(&c, conf, now + NS_PER_S), "stale");
	c.until = now - 1;
	CHECK_TEXT(contact_state(&c, conf, now), "expired"); /* whatever else it is */
	conf_free(conf);
}

TEST(hours)
{
	static const struct {
		const char *hours;
		unsigned day, hour;
		int want; /* -1: can't be read */
	} is[] = {
	    {"24/7", 6, 23, 1}, {"Mo-Fr 08:00-17:00", 0, 8, 1}, {"Mo-Fr 08:00-17:00", 0, 17, 0},
	    {"Mo-Fr 08:00-17:00", 5, 9, 0},
	    {"Mo-Fr 08:00-17:00, Sa 09:00-12:00", 5, 9, 1}, {"22:00-06:00", 3, 23, 1}, {"22:00-06:00", 3, 5, 1},
	    {"22:00-06:00", 3, 6, 0},
	    {"Fr 22:00-06:00", 5, 5, 1}, {"Fr 22:00-06:00", 4, 5, 0}, {"Su 22:00-06:00", 0, 5, 1},
	    {"Sa-Mo 00:00-24:00", 6, 12, 1},
	    {"Sa-Mo 00:00-24:00", 2, 12, 0}, {"always", 0, 0, -1}, {"Mo", 0, 0, -1}, {"Mo-Xx 08:00-09:00", 0, 0, -1},
	    {"25:00-26:00", 0, 0, -1},
	    {"08:00-17:60", 0, 0, -1}, {"08:00", 0, 0, -1}, {"08:00-", 0, 0, -1}, {"", 0, 0, -1},
	    {"08:00-09:00,", 0, 0, -1},
	};

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		bool within = false;
		enum cc_status st = contact_hours(is[i].hours, is[i].day * 1440 + is[i].hour * 60, &within);
		int got = st != CC_OK ? -1 : within;

		if (got != is[i].want)
			printf("%s day %u hour %u: %d\n", is[i].hours, is[i].day, is[i].hour, got);
		CHECK(got == is[i].want);
	}
}

static const char entry[] =
    "organisation: org.example\ncountry: DE\nkind: national\nreceive: amber\nvalid: 30d\ncontacts:\n"
    "  - role: technical\n    name: Duty officer\n    email: duty@cert.example\n    telephone: '+49 30 1'\n"
    "    languages: [de, en]\n    hours: Mo-Fr 08:00-17:00\n    time_zone: Europe/Berlin\n"
    "sectors:\n  - name: energy\n    criteria: {critical: many people, high: some}\n";

/* Cut at each byte and with each byte another: it is read or refused with a word, never anything else. */
TEST(hostile_yaml)
{
	static struct contact contact;
	struct conf *conf = conf_new();
	char text[sizeof(entry)], *why = NULL;
	size_t good = 0;

	sides_begin();
	CHECK(contact_read(sides_file("c.yaml", entry, sizeof(entry) - 1), conf, NS_PER_S, &contact, &why) == CC_OK);
	CHECK_TEXT(contact.organisation, "org.example");
	CHECK_UINT(contact.points, 1);
	CHECK_TEXT(contact.point[0].languages, "de en");
	CHECK_UINT(contact.sector[0].count, 2);
	CHECK_UINT(contact.until, NS_PER_S + 30 * 24 * 3600 * NS_PER_S);
	for (size_t size = 0; size < sizeof(entry) - 1; size += 3) {
		enum cc_status st = contact_read(sides_file("c.yaml", entry, size), conf, NS_PER_S, &contact, &why);

		CHECK(st == CC_OK || (st == CC_BAD && why != NULL && strstr(why, "c.yaml") != NULL));
		free(why);
		why = NULL;
	}
	for (size_t i = 0; i < sizeof(entry) - 1; i++) {
		enum cc_status st;

		memcpy(text, entry, sizeof(entry));
		text[i] = (char)(text[i] ^ (1 << i % 8));
		st = contact_read(sides_file("c.yaml", text, sizeof(entry) - 1), conf, NS_PER_S, &contact, &why);
		good += st == CC_OK;
		CHECK(st == CC_OK || (st == CC_BAD && why != NULL));
		free(why);
		why = NULL;
	}
	CHECK(good > 0);
	CHECK(contact_read(sides_path("none"), conf, 0, &contact, &why) == CC_IO);
	free(why);
	/* An alias that holds itself, and one that doubles at each level. */
	CHECK(contact_read(sides_file("c.yaml", "a: &a [*a]", 10), conf, 0, &contact, &why) == CC_BAD);
	free(why);
	strcpy(text,
	    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
	    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n");
	CHECK(contact_read(sides_file("c.yaml", text, strlen(text)), conf, 0, &contact, &why) == CC_BAD);
	free(why);
	conf_free(conf);
	sides_end();
}

TEST(hostile_entry)
{
	static struct contact contact, again;
	struct conf *conf = conf_new();
	char why[160], *trouble = NULL;
	struct buf text;
	struct json json = json_into(&text);

	sides_begin();
	buf_open(&text, 1u << 20);
	CHECK(
	    contact_read(sides_file("c.yaml", entry, sizeof(entry) - 1), conf, NS_PER_S, &contact, &trouble) == CC_OK);
	contact_json(&json, NULL, &contact);
	CHECK(contact_parse(buf_slice(&text), &again, why) == CC_OK);
	CHECK_TEXT(again.point[0].name, "Duty officer");
	CHECK_UINT(again.until, contact.until);
	CHECK_TEXT(again.sector[0].criterion[1].text, "some");
	for (size_t size = 0; size < text.size; size++)
		CHECK(contact_parse(slice_of(text.p, size), &again, why) == CC_BAD);
	for (size_t i = 0; i < text.size; i++) {
		text.p[i] ^= (uint8_t)(1u << i % 8);
		(void)contact_parse(buf_slice(&text), &again, why);
		for (const char *p = again.point[0].name; *p != '\0'; p++)
			CHECK((unsigned char)*p >= 0x20);
		text.p[i] ^= (uint8_t)(1u << i % 8);
	}
	buf_close(&text);
	conf_free(conf);
	sides_end();
}

/* ---- policy ---- */

TEST(policy_rows)
{
	static const char rows[] =
	    "rules:\n  - {partner: cert.b, kind: have-you-seen, tlp: green, answer: machine}\n"
	    "  - {partner: cert.b, kind: evidence, answer: wait}\n  - {partner: '*', kind: reveal, answer: never}\n"
	    "  - {partner: cert.c, answer: machine}\n";
	static const char *const bad[] = {"rules: x", "rule: []", "rules: [{kind: x, partner: a, answer: wait}]",
	    "rules: [{answer: wait}]", "rules: [{partner: a, answer: perhaps}]",
	    "rules: [{partner: a, tlp: blue, answer: wait}]", "rules: [{partner: a, answer: wait, x: y}]",
	    "rules: [{partner: a, kind: eliminate, answer: machine}]", "rules: [x]", "[", ""};
	struct policy *policy = NULL;
	char *why = NULL;

	sides_begin();
	CHECK(policy_read(sides_file("p.yaml", rows, sizeof(rows) - 1), &policy, &why) == CC_OK);
	CHECK_UINT(policy_of(policy, "cert.b", REQUEST_HAVE_YOU_SEEN, CC_TLP_GREEN), POLICY_MACHINE);
	CHECK_UINT(policy_of(policy, "cert.b", REQUEST_HAVE_YOU_SEEN, CC_TLP_AMBER), POLICY_WAIT);
	CHECK_UINT(policy_of(policy, "cert.b", REQUEST_EVIDENCE, CC_TLP_CLEAR), POLICY_WAIT);
	CHECK_UINT(policy_of(policy, "cert.c", REQUEST_REVEAL, CC_TLP_CLEAR), POLICY_NEVER);
	CHECK_UINT(policy_of(policy, "cert.c", REQUEST_EVIDENCE, CC_TLP_AMBER_STRICT), POLICY_MACHINE);
	CHECK_UINT(policy_of(policy, "cert.d", REQUEST_PING, CC_TLP_CLEAR), POLICY_MACHINE);
	CHECK_UINT(policy_of(policy, "cert.d", REQUEST_EXPLAIN, CC_TLP_CLEAR), POLICY_WAIT);
	policy_free(policy);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(policy_read(sides_file("p.yaml", bad[i], strlen(bad[i])), &policy, &why) == CC_BAD);
		CHECK(why != NULL);
		free(why);
		why = NULL;
	}
	CHECK(policy_read("", &policy, &why) == CC_OK);
	CHECK_UINT(policy_of(policy, "cert.b", REQUEST_HAVE_YOU_SEEN, CC_TLP_CLEAR), POLICY_WAIT);
	policy_free(policy);
	sides_end();
}

/* ---- the audit log ---- */

static bool
log_is_good(uint64_t *ret_count)
{
	char *why = NULL;
	bool good = audit_check(sides_dir, NULL, NULL, ret_count, &why) == CC_OK;

	CHECK(good || why != NULL);
	free(why);
	return good;
}

TEST(audit_every_byte)
{
	char text[8192], *why = NULL;
	uint64_t count;
	size_t size;
	FILE *file;

	sides_begin();
	CHECK(log_is_good(&count) && count == 0);
	for (int i = 0; i < 5; i++)
		CHECK(audit_note(sides_dir, "test",
			  (const char *const[]){"who", "a \"quoted\" one", "empty", "", "none", NULL, NULL},
			  &why) == CC_OK);
	CHECK(log_is_good(&count) && count == 5);
	file = fopen(sides_path("desk/audit.jsonl"), "r");
	size = fread(text, 1, sizeof(text), file);
	fclose(file);
	for (size_t i = 0; i < size; i++) {
		text[i] = (char)(text[i] ^ 1 << i % 8);
		sides_file("desk/audit.jsonl", text, size);
		CHECK(!log_is_good(&count));
		text[i] = (char)(text[i] ^ 1 << i % 8);
	}
	for (size_t cut = 0; cut < size; cut++) { /* the end is missing */
		sides_file("desk/audit.jsonl", text, cut);
		CHECK(!log_is_good(&count));
	}
	CHECK(audit_note(sides_dir, "test", (const char *const[]){NULL}, &why) ==
	      CC_BAD); /* and nothing is added to what was changed */
	free(why);
	/* What a crash leaves: half a line, or a line that the head does not name yet. */
	memcpy(text + size, "{\"prev", 6);
	sides_file("desk/audit.jsonl", text, size + 6);
	CHECK(log_is_good(&count) && count == 5);
	CHECK(audit_note(sides_dir, "test", (const char *const[]){NULL}, &why) == CC_OK);
	CHECK(log_is_good(&count) && count == 6);
	unlink(sides_path("desk/audit.head"));
	CHECK(!log_is_good(&count));
	unlink(sides_path("desk/audit.jsonl"));
	CHECK(log_is_good(&count) && count == 0);
	sides_end();
}

/* ---- two desks ---- */

static void
keep_request(void *ctx, const struct request *r)
{
	struct request *to = ctx;

	*to = *r;
	to->answer = r->answer != NULL ? strdup(r->answer) : NULL;
}

TEST(have_you_seen)
{
	static struct request r, got;
	struct side side[2];
	struct store *store = NULL;
	struct policy *policy = NULL;
	char *why = NULL;
	size_t done;
	uint64_t now = time_now();

	sides_begin();
	sides_open(side);
	CHECK(store_open(side[1].conf, side[1].outdir, true, &store, &why) == CC_OK);
	store_note(store, &(struct store_note){.kind = CC_KIND_DOMAIN,
			      .value = slice_str("bad.example"),
			      .first = now - NS_PER_S,
			      .last = now - NS_PER_S,
			      .count = 3,
			      .proof = CC_PROOF_DIALOGUE});
	store_coverage(store, now - 60 * NS_PER_S, now, 1000, 2);
	CHECK(store_flush(store) == CC_OK);
	store_end(store);
	r = (struct request){.kind = REQUEST_HAVE_YOU_SEEN,
	    .tlp = CC_TLP_AMBER,
	    .indicators = 3,
	    .from = now - 3600 * NS_PER_S,
	    .to = now};
	strcpy(r.responder, "cert.b");
	strcpy(r.indicator[0], "domain:bad.example");
	strcpy(r.indicator[1], "domain:good.example");
	strcpy(r.indicator[2], "x:y");
	CHECK(request_send(side[0].desk, &r, &why) == CC_OK);
	sides_sync(side);
	CHECK(policy_read(sides_file("p", "rules: [{partner: cert.a, answer: machine}]", 43), &policy, &why) == CC_OK);
	CHECK(requests_serve(side[1].desk, policy, &done, &why) == CC_OK);
	CHECK_UINT(done, 2);
	sides_sync(side);
	CHECK(requests_visit(side[0].desk, r.id, keep_request, &got) == CC_OK);
	CHECK_UINT(got.state, REQUEST_ANSWERED);
	CHECK(got.answer != NULL &&
	      strstr(got.answer, "\"indicator\":\"domain:bad.example\",\"seen\":true,\"count\":3") != NULL);
	CHECK(got.answer != NULL && strstr(got.answer, "\"indicator\":\"domain:good.example\",\"seen\":false") != NULL);
	CHECK(got.answer != NULL && strstr(got.answer, "\"packets\":1000,\"lost\":2") != NULL &&
	      strstr(got.answer, "no indicator") != NULL);
	CHECK(requests_serve(side[1].desk, policy, &done, &why) == CC_OK);
	CHECK_UINT(done, 0);
	free(got.answer);
	policy_free(policy);
	sides_close(side);
	sides_end();
}

TEST(both_sides_agree)
{
	static struct request r, got[2];
	struct side side[2];
	char *why = NULL;

	sides_begin();
	sides_open(side);
	r = (struct request){.kind = REQUEST_ELIMINATE, .tlp = CC_TLP_GREEN, .text = "please"};
	strcpy(r.responder, "cert.b");
	CHECK(request_send(side[0].desk, &r, &why) == CC_OK);
	sides_sync(side);
	CHECK(request_move(side[1].desk, r.id, REQUEST_ACKNOWLEDGED, NULL, &why) == CC_OK);
	/* At once: the one withdraws, the other begins to work.  However these are read, it is closed. */
	CHECK(request_move(side[0].desk, r.id, REQUEST_CLOSED, "no need", &why) == CC_OK);
	CHECK(request_move(side[1].desk, r.id, REQUEST_WORKING, NULL, &why) == CC_OK);
	sides_sync(side);
	CHECK(request_move(side[0].desk, r.id, REQUEST_SENT, NULL, &why) == CC_DENIED && why != NULL);
	free(why);
	CHECK(request_move(side[1].desk, r.id, REQUEST_ANSWERED, "x", &why) == CC_DENIED && why != NULL);
	free(why);
	for (int i = 0; i < 2; i++) {
		char path[128];

		CHECK(requests_visit(side[i].desk, r.id, keep_request, &got[i]) == CC_OK);
		CHECK_UINT(got[i].state, REQUEST_CLOSED);
		/* The state is in the messages: without the database it is the same. */
		desk_close(side[i].desk);
		snprintf(path, sizeof(path), "rm %s/desk/desk.sqlite*", side[i].outdir);
		CHECK(system(path) == 0);
		CHECK(desk_open(side[i].conf, side[i].outdir, &side[i].desk, &why) == CC_OK);
		CHECK(desk_sync(side[i].desk, &why) == CC_OK);
		CHECK(requests_visit(side[i].desk, r.id, keep_request, &got[i]) == CC_OK);
		CHECK_UINT(got[i].state, REQUEST_CLOSED);
	}
	/* Above what the partner may receive. */
	r = (struct request){.kind = REQUEST_EXPLAIN, .tlp = CC_TLP_AMBER_STRICT, .text = "x"};
	strcpy(r.responder, "cert.b");
	CHECK(request_send(side[0].desk, &r, &why) == CC_DENIED);
	free(why);
	sides_close(side);
	sides_end();
}

/*
 * The requester's key agreement key is replaced between question and answer: who answers has pinned the one before, and
 * the answer, sealed for that, still opens; the entry tells both keys to whoever learns them there.
 */
TEST(rotated_agreement)
{
	static struct request r, got;
	struct side side[2];
	static struct contact contact;
	struct json json;
	struct buf text;
	char *why = NULL, wrong[160];

	sides_begin();
	sides_open(side);
	r = (struct request){.kind = REQUEST_EXPLAIN, .tlp = CC_TLP_AMBER, .text = "why?"};
	strcpy(r.responder, "cert.b");
	CHECK(request_send(side[0].desk, &r, &why) == CC_OK);
	sides_sync(side);
	CHECK(agreement_rotate(side[0].conf, side[0].outdir, time_now(), &why) == CC_OK);
	CHECK(request_move(side[1].desk, r.id, REQUEST_ACKNOWLEDGED, NULL, &why) == CC_OK);
	CHECK(request_move(side[1].desk, r.id, REQUEST_ANSWERED, "for your eyes", &why) == CC_OK);
	sides_sync(side);
	CHECK(requests_visit(side[0].desk, r.id, keep_request, &got) == CC_OK);
	CHECK_UINT(got.state, REQUEST_ANSWERED);
	CHECK_TEXT(got.reason, "for your eyes");
	free(got.answer);
	/* As JSON and back: both keys, and until when. */
	snprintf(contact.organisation, sizeof(contact.organisation), "cert.a");
	strcpy(contact.country, "DE");
	strcpy(contact.kind, "national");
	strcpy(contact.agreement, "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo");
	strcpy(contact.agreement_old, "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08");
	contact.agreement_until = 1800000000 * NS_PER_S;
	contact.points = 1;
	strcpy(contact.point[0].role, "technical");
	strcpy(contact.point[0].name, "duty");
	strcpy(contact.point[0].email, "a@cert.example");
	strcpy(contact.point[0].hours, "24/7");
	strcpy(contact.point[0].zone, "UTC");
	buf_open(&text, 65536);
	json = json_into(&text);
	contact_json(&json, NULL, &contact);
	contact.agreement_until = 0;
	CHECK(contact_parse(buf_slice(&text), &contact, wrong) == CC_OK);
	CHECK_TEXT(contact.agreement_old, "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08");
	CHECK_UINT(contact.agreement_until, 1800000000 * NS_PER_S);
	buf_close(&text);
	sides_close(side);
	sides_end();
}

/*
 * It reads where the sensor reads, exchange.from; a folder that is not there yet is looked for again, and named by the
 * command (e2e 250).
 */
TEST(reads_all_places)
{
	static struct request r, got;
	struct side side[2];
	char *why = NULL;

	sides_begin();
	sides_open(side);
	/* b sends to a folder of its own, a reads both; a's own things come back to it by the first. */
	sides_set(side[1].conf, "exchange.to=file:%s/elsewhere", sides_dir);
	sides_set(side[0].conf, "exchange.from=[file:%s/elsewhere, file:%s/shared]", sides_dir, sides_dir);
	sides_set(side[1].conf, "exchange.from=file:%s/shared", sides_dir);
	for (int i = 0; i < 2; i++) {
		desk_close(side[i].desk);
		CHECK(desk_open(side[i].conf, side[i].outdir, &side[i].desk, &why) == CC_OK);
	}
	r = (struct request){.kind = REQUEST_EXPLAIN, .tlp = CC_TLP_GREEN, .text = "why?"};
	strcpy(r.responder, "cert.b");
	CHECK(request_send(side[0].desk, &r, &why) == CC_OK);
	sides_sync(side);
	CHECK(request_move(side[1].desk, r.id, REQUEST_ACKNOWLEDGED, NULL, &why) == CC_OK);
	CHECK(access(sides_path("elsewhere/concert.requests"), F_OK) != 0);
	sides_sync(side);
	CHECK(access(sides_path("elsewhere/concert.requests"), F_OK) == 0);
	CHECK(requests_visit(side[0].desk, r.id, keep_request, &got) == CC_OK);
	CHECK_UINT(got.state, REQUEST_ACKNOWLEDGED);
	/* What is there and is no folder is said. */
	sides_set(side[1].conf, "exchange.from=file:%s", sides_file("typo", "x", 1));
	desk_close(side[1].desk);
	CHECK(desk_open(side[1].conf, side[1].outdir, &side[1].desk, &why) == CC_OK);
	CHECK(desk_sync(side[1].desk, &why) == CC_IO && why != NULL && strstr(why, "typo: Not a directory") != NULL);
	free(why);
	sides_close(side);

	/* Nothing to read at all is said. */
	side[0].conf = conf_new();
	sides_set(side[0].conf, "exchange.from=none");
	CHECK(desk_open(side[0].conf, side[0].outdir, &side[0].desk, &why) == CC_OK);
	CHECK(desk_sync(side[0].desk, &why) == CC_BAD && why != NULL && strstr(why, "exchange.from") != NULL);
	free(why);
	desk_close(side[0].desk);
	conf_free(side[0].conf);
	sides_end();
}

TESTS(T(every_step), T(escalation_climbs), T(stale_and_expired), T(hours), T(hostile_yaml), T(hostile_entry),
    T(policy_rows), T(audit_every_byte), T(have_you_seen), T(both_sides_agree), T(reads_all_places),
    T(rotated_agreement))
