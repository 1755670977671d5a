/* The running correlator's memory on disk: what went there comes back, and a restart changes nothing. */
#include <jansson.h>
#include <sqlite3.h>
#include <unistd.h>

#include "joint/keep_own.h"
#include "unit/test.h"

#define DAY0 1772409600 /* 2026-03-02 */
#define HOT "(SELECT value FROM counts WHERE name = 'hot')" /* the first row of the log of what is in memory */

struct running {
	char dir[64];
	struct conf *conf;
	struct joint *joint;
	struct joint_state *state;
	struct joint_keep *keep;
};

static void
start(struct running *r)
{
	char *why = NULL;

	r->joint = joint_new(r->conf);
	CHECK(joint_state_open(r->conf, r->dir, true, &r->state, &why) == CC_OK);
	CHECK(joint_keep_open(r->state, r->joint, &r->keep, &why) == CC_OK);
}

static void
end(struct running *r)
{
	joint_keep_close(r->keep);
	joint_state_close(r->state);
	joint_free(r->joint);
}

static void
begin(struct running *r, const char *nodes_max)
{
	char *why = NULL;

	snprintf(r->dir, sizeof(r->dir), "/tmp/keep.XXXXXX");
	CHECK(mkdtemp(r->dir) != NULL);
	r->conf = conf_new();
	CHECK(conf_set(r->conf, nodes_max, &why) == CC_OK);
	start(r);
}

static void
finish(struct running *r)
{
	static const char *const file[] = {"joint.sqlite", "joint.sqlite-wal", "joint.sqlite-shm"};
	char path[128];

	end(r);
	conf_free(r->conf);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", r->dir, file[i]);
		(void)unlink(path);
	}
	(void)rmdir(r->dir);
}

static void
commit_on(struct running *r, bool all, unsigned day)
{
	uint64_t now = (DAY0 + day * 86400ull) * NS_PER_S;

	CHECK(joint_keep_commit(r->keep, &(struct joint_progress){.all = all, .now = now}) == CC_OK);
}

static void
commit(struct running *r, bool all)
{
	commit_on(r, all, 4000);
}

static void
commit_later(struct running *r, bool waits)
{
	struct joint_progress later = {.later = true, .now = (DAY0 + 4000 * 86400ull) * NS_PER_S};

	CHECK(joint_keep_commit(r->keep, &later) == CC_OK);
	CHECK(joint_keep_waits(r->keep) == waits);
}

/* n: the message; of: which victim. */
static void
add_of(struct running *r, unsigned n, unsigned of, const char *who, const char *addr, unsigned day)
{
	char message[32], victim[32];
	struct joint_sighting s = {.organisation = slice_str(who), .sensor = slice_str("s1"), .kind = CC_KIND_ADDR,
	    .value = slice_str(addr),
	    .key = slice_str(addr), .attacker = slice_str(addr), .count = 1, .proof = CC_PROOF_DIALOGUE,
	        .clock_error = 0.1,
	    .completeness = 80, .hops = 255, .port = 443, .rule = slice_str("1:3000001:1")};

	snprintf(message, sizeof(message), "m%u", n);
	snprintf(victim, sizeof(victim), "v%s%u", who, of);
	s.message = slice_str(message);
	s.victim = slice_str(victim);
	s.tlp = n <= 2 ? CC_TLP_GREEN : CC_TLP_CLEAR;
	s.first = s.last = (DAY0 + day * 86400ull + n % 3600) * NS_PER_S;
	CHECK(joint_add(r->joint, &s) == CC_OK);
}

static void
add(struct running *r, unsigned n, const char *who, const char *addr, unsigned day)
{
	add_of(r, n, n, who, addr, day);
}

struct found {
	unsigned count;
	size_t sightings;
	char state[32], document[65536];
};

static void
on_case(void *ctx, const struct joint_case *one)
{
	struct found *found = ctx;

	found->count++;
	found->sightings = one->sightings;
	snprintf(found->state, sizeof(found->state), "%s", one->state);
	if (one->document.size < sizeof(found->document)) {
		memcpy(found->document, one->document.p, one->document.size);
		found->document[one->document.size] = '\0';
	}
}

/* Noise pushes a case to disk; what comes later of the same address brings it back whole. */
TEST(what_went_to_disk_comes_back)
{
	struct running r;
	static struct found found;
	char addr[32];

	begin(&r, "joint.nodes_max=1000");
	add(&r, 1, "cert.a", "192.0.2.7", 0);
	add(&r, 2, "cert.b", "192.0.2.7", 0);
	commit(&r, true);
	for (unsigned i = 0; i < 6000; i++) {
		snprintf(addr, sizeof(addr), "10.%u.%u.1", i / 250, i % 250);
		add(&r, 10 + i, i % 2 == 0 ? "cert.a" : "cert.b", addr, 1);
		if (i % 500 == 0)
			commit(&r, false);
	}
	commit(&r, true);
	CHECK(joint_nodes(r.joint) <= 1000);
	CHECK(joint_keep_cold(r.keep) > 4000);
	add(&r, 9000, "cert.c", "192.0.2.7", 2);
	commit(&r, true);
	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r.state, on_case, &found) == CC_OK);
	CHECK_UINT(found.count, 1);
	CHECK_UINT(found.sightings, 3);
	CHECK_TEXT(found.state, "determined");
	CHECK(strstr(found.document, "\"tlp\":\"green\"") != NULL);
	CHECK_UINT(joint_dropped(r.joint), 0);
	/* A repeat of what is on disk is known there, too: no second node of it. */
	add(&r, 10, "cert.a", "10.0.0.1", 1);
	add(&r, 9001, "cert.a", "10.0.0.1", 1);
	commit(&r, true);
	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r.state, on_case, &found) == CC_OK);
	CHECK_UINT(found.count, 2);
	finish(&r);
}

static uint64_t
number_of(const struct running *r, const char *sql)
{
	char path[128];
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	uint64_t is;

	snprintf(path, sizeof(path), "%s/joint.sqlite", r->dir);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	      sqlite3_step(stmt) == SQLITE_ROW);
	is = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return is;
}

static void
add_many(struct running *r, unsigned from, unsigned count, unsigned day)
{
	char addr[32];

	for (unsigned i = from; i < from + count; i++) {
		snprintf(addr, sizeof(addr), "10.%u.%u.2", i / 250, i % 250);
		add(r, i, "cert.a", addr, day);
	}
}

/* joint.keep: by the newest sight, not by the clock; the index goes with the rows, also after a restart. */
TEST(what_is_old_on_disk_goes)
{
	struct running r;
	uint64_t rows;
	char *why = NULL;

	begin(&r, "joint.nodes_max=1000");
	CHECK(conf_set(r.conf, "joint.keep=8d", &why) == CC_OK);
	add_many(&r, 0, 3000, 0);
	commit(&r, true);
	rows = number_of(&r, "SELECT count(*) FROM cold");
	CHECK(rows > 2000);
	CHECK_UINT(number_of(&r, "SELECT min(id) FROM log"), 1);
	add_many(&r, 3000, 3000, 7);
	commit(&r, true);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM eras"), 2);
	CHECK(number_of(&r, "SELECT count(*) FROM cold") > rows);
	add_many(&r, 6000, 3000, 12);
	for (unsigned i = 0; i < 20; i++)
		commit(&r, true);
	end(&r);
	start(&r);
	for (unsigned i = 0; i < 70; i++)
		commit(&r, true);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM eras"), 2);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM cold WHERE last < 1772409600000000000 + 86400000000000"), 0);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM cold_filter"), 1); /* of the one that is over */
	CHECK_UINT(number_of(&r, "SELECT count(DISTINCT id >> 12) FROM cold_index"), 1);
	CHECK(number_of(&r, "SELECT count(*) FROM cold") > 2000);
	CHECK(joint_keep_cold(r.keep) > 7000);
	/* Of the log, what the eras that are left have. */
	add_many(&r, 9000, 3000, 40);
	for (unsigned i = 0; i < 140; i++)
		commit(&r, true);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM eras"), 1);
	CHECK_UINT(number_of(&r, "SELECT min(id) FROM log"), number_of(&r, "SELECT log FROM eras"));
	CHECK(number_of(&r, "SELECT log FROM eras") > 1);
	finish(&r);
}

/* Ended and begun again between any two commits: the same documents as in one go. */
TEST(restarts_change_nothing)
{
	static struct found one, many;
	struct running r;

	for (int restarts = 0; restarts < 2; restarts++) {
		begin(&r, "joint.nodes_max=1000000");
		for (unsigned i = 0; i < 60; i++) {
			add(&r, i, i % 3 == 0 ? "cert.a" : i % 3 == 1 ? "cert.b" : "cert.c", "192.0.2.7", i % 4);
			if (i % 7 != 0)
				continue;
			if (restarts && i % 2 == 1)
				commit_later(&r, true);
			else
				commit(&r, i % 2 == 0);
			if (restarts) {
				end(&r);
				start(&r);
			}
		}
		commit(&r, true);
		memset(restarts ? &many : &one, 0, sizeof(one));
		CHECK(joint_state_all(r.state, on_case, restarts ? &many : &one) == CC_OK);
		finish(&r);
	}
	CHECK_UINT(one.count, 1);
	CHECK_UINT(many.count, 1);
	CHECK_TEXT(many.document, one.document);
}

static void
on_merged(void *ctx, const struct joint_case *one)
{
	unsigned *merged = ctx;

	*merged += one->merged != NULL && one->merged[0] != '\0';
}

/* An older sight gives the case its name; what it was called before leads there, over a restart, too. */
TEST(renamed_after_a_restart)
{
	static struct found found;
	struct running r;
	unsigned merged = 0;

	begin(&r, "joint.nodes_max=1000000");
	add(&r, 1, "cert.a", "192.0.2.7", 3);
	add(&r, 2, "cert.b", "192.0.2.7", 3);
	commit(&r, true);
	end(&r);
	start(&r);
	add(&r, 3, "cert.c", "192.0.2.7", 1);
	commit(&r, true);
	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r.state, on_case, &found) == CC_OK);
	CHECK_UINT(found.count, 1);
	CHECK_UINT(found.sightings, 3);
	CHECK(joint_state_list(r.state, "merged", on_merged, &merged) == CC_OK);
	CHECK_UINT(merged, 1);
	finish(&r);
}

/* The older sight of a large cell still waits to be linked when the correlator dies. */
TEST(renamed_while_it_waited)
{
	static struct found found;
	struct running r;
	unsigned merged = 0;

	begin(&r, "joint.nodes_max=1000000");
	for (unsigned i = 0; i < 2500; i++)
		add(&r, i, i % 2 == 0 ? "cert.a" : "cert.b", "192.0.2.7", 3);
	commit(&r, true);
	add(&r, 9000, "cert.c", "192.0.2.7", 1);
	commit(&r, false);
	CHECK(joint_state_list(r.state, "merged", on_merged, &merged) == CC_OK);
	CHECK_UINT(merged, 0); /* it waits */
	end(&r);
	start(&r);
	commit(&r, true);
	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r.state, on_case, &found) == CC_OK);
	CHECK_UINT(found.count, 1);
	CHECK_UINT(found.sightings, 2501);
	CHECK(joint_state_list(r.state, "merged", on_merged, &merged) == CC_OK);
	CHECK_UINT(merged, 1);
	finish(&r);
}

/* While more is at hand nothing is told; who dies then has kept it, also that a case has another name now. */
TEST(renamed_while_more_was_at_hand)
{
	static struct found found;
	struct running r;
	unsigned merged = 0;

	begin(&r, "joint.nodes_max=1000000");
	add(&r, 1, "cert.a", "192.0.2.7", 3);
	add(&r, 2, "cert.b", "192.0.2.7", 3);
	commit(&r, false);
	add(&r, 3, "cert.c", "192.0.2.7", 1);
	commit_later(&r, true);
	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r.state, on_case, &found) == CC_OK);
	CHECK_UINT(found.sightings, 2);
	end(&r);
	start(&r);
	commit(&r, false);
	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r.state, on_case, &found) == CC_OK);
	CHECK_UINT(found.count, 1);
	CHECK_UINT(found.sightings, 3);
	CHECK(joint_state_list(r.state, "merged", on_merged, &merged) == CC_OK);
	CHECK_UINT(merged, 1);
	finish(&r);
}

/* What is taken back leaves its case at once. */
TEST(what_is_taken_back_does_not_wait)
{
	static struct found found;
	struct running r;

	begin(&r, "joint.nodes_max=1000000");
	for (unsigned i = 1; i <= 3; i++)
		add(&r, i, i == 1 ? "cert.a" : i == 2 ? "cert.b" : "cert.c", "192.0.2.7", 3);
	commit(&r, false);
	CHECK(joint_revoke(r.joint, slice_str("cert.b"), CC_KIND_ADDR, slice_str("192.0.2.7"),
		  (DAY0 + 5 * 86400ull) * NS_PER_S) == CC_OK);
	commit_later(&r, false);
	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r.state, on_case, &found) == CC_OK);
	CHECK_UINT(found.sightings, 2);
	finish(&r);
}

/* Nothing leaves memory that is not linked, and memory is bounded as ever. */
TEST(memory_does_not_wait)
{
	struct running r;
	char addr[32];

	begin(&r, "joint.nodes_max=1000");
	for (unsigned i = 0; i < 6000; i++) {
		snprintf(addr, sizeof(addr), "10.%u.%u.1", i / 250, i % 250);
		add(&r, i, i % 2 == 0 ? "cert.a" : "cert.b", addr, 1);
		if (i % 500 == 499)
			commit_later(&r, joint_nodes(r.joint) <= 1000);
		CHECK(joint_nodes(r.joint) <= 1500);
	}
	CHECK(joint_keep_cold(r.keep) > 4000);
	finish(&r);
}

static void
change_file(const struct running *r, const char *sql)
{
	char path[128];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/joint.sqlite", r->dir);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
}

static void
expect_sightings(struct running *r, size_t sightings)
{
	static struct found found;

	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r->state, on_case, &found) == CC_OK);
	CHECK_UINT(found.count, 1);
	CHECK_UINT(found.sightings, sightings);
}

/*
 * A start reads the filters and no index: it is hidden while the correlator starts, and what it says is found all the
 * same afterwards.  Where the filters are lost, they are made from the index.
 */
TEST(a_start_reads_no_index)
{
	struct running r;
	char *why = NULL;

	begin(&r, "joint.nodes_max=1000");
	CHECK(conf_set(r.conf, "joint.keep=800d", &why) == CC_OK);
	add(&r, 1, "cert.a", "192.0.2.7", 0);
	add(&r, 2, "cert.b", "192.0.2.7", 0);
	commit(&r, true);
	add_many(&r, 1000, 3000, 1);
	commit(&r, true);
	/* Another era: what was open of the index is closed. */
	add_many(&r, 4000, 3000, 102);
	commit(&r, true);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM cold_filter"), 1);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM eras"), 2);
	CHECK(number_of(&r, "SELECT count(*) FROM cold_index") > 500);
	CHECK(number_of(&r, "SELECT count(*) FROM cold_open") > 0);
	end(&r);
	change_file(&r, "ALTER TABLE cold_index RENAME TO hidden");
	start(&r);
	change_file(&r, "DROP TABLE cold_index; ALTER TABLE hidden RENAME TO cold_index");
	add(&r, 8000, "cert.c", "192.0.2.7", 1);
	commit(&r, true);
	expect_sightings(&r, 3);
	for (unsigned i = 0; i < 4; i++) /* to disk again, and several eras by one commit */
		add_many(&r, 10000 + i * 3000, 3000, 103 + i * 120);
	commit(&r, true);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM eras"), 5);
	end(&r);
	change_file(&r, "DELETE FROM cold_filter; DELETE FROM cold_age");
	start(&r);
	add(&r, 8001, "cert.d", "192.0.2.7", 1);
	commit(&r, true);
	expect_sightings(&r, 4);
	finish(&r);
}

/*
 * What of the log is in memory does not grow with what has come, and a restart finds all that was in it: the oldest of
 * memory, and what was taken back.  What went to disk is in the log once.
 */
TEST(the_log_of_nodes_is_bounded)
{
	static struct found found;
	struct running r;
	char addr[32];

	begin(&r, "joint.nodes_max=1000");
	add(&r, 1, "cert.a", "192.0.2.7", 0);
	add(&r, 2, "cert.b", "192.0.2.7", 0);
	CHECK(joint_revoke(r.joint, slice_str("cert.c"), CC_KIND_ADDR, slice_str("192.0.2.7"), UINT64_MAX) == CC_OK);
	commit(&r, true);
	for (unsigned i = 0; i < 15000; i++) {
		/* In use, so that it stays, and changed only now and then. */
		if (i % 200 == 0)
			add(&r, 20000 + i / 5000, "cert.a", "192.0.2.7", 0);
		snprintf(addr, sizeof(addr), "10.%u.%u.1", i / 250, i % 250);
		add(&r, 100 + i, "cert.b", addr, 1);
		if (i % 500 == 0)
			commit(&r, false);
	}
	commit(&r, true);
	CHECK(joint_keep_cold(r.keep) > 13000);
	CHECK(number_of(&r, "SELECT sum(length(data)) FROM log WHERE id >= " HOT) < 2500000);
	CHECK(number_of(&r, "SELECT " HOT) > 5);
	CHECK(number_of(&r, "SELECT sum(length(data)) FROM log") < 16000 * 400);
	end(&r);
	start(&r);
	add(&r, 9000, "cert.c", "192.0.2.7", 2); /* taken back */
	commit(&r, true);
	memset(&found, 0, sizeof(found));
	CHECK(joint_state_all(r.state, on_case, &found) == CC_OK);
	CHECK_UINT(found.count, 1);
	CHECK_UINT(found.sightings, 5);
	finish(&r);
}

/* What changes often while something is on disk already leaves little of that behind. */
TEST(old_versions_leave_the_log)
{
	struct running r;
	char addr[32];

	begin(&r, "joint.nodes_max=1000");
	add_many(&r, 0, 3000, 0);
	commit(&r, true);
	CHECK(number_of(&r, "SELECT count(*) FROM cold") > 2000);
	for (unsigned round = 0; round < 600; round++) {
		for (unsigned i = 0; i < 100; i++) {
			snprintf(addr, sizeof(addr), "10.99.%u.1", i);
			add_of(&r, 10000 + round * 100 + i, i, "cert.b", addr, 1);
		}
		commit(&r, false);
	}
	CHECK(number_of(&r, "SELECT max(id) FROM log") > 1000);
	CHECK(number_of(&r, "SELECT sum(length(data)) FROM log") < 4000000);
	end(&r);
	start(&r);
	add(&r, 90000, "cert.b", "10.0.0.2", 1); /* the first of all */
	commit(&r, true);
	expect_sightings(&r, 2);
	finish(&r);
}

/* What of an activity came at many times is written together as it leaves memory, and comes back by few rows. */
TEST(a_large_activity_goes_together)
{
	static const char rows[] =
	    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99) SELECT count(DISTINCT "
	    "substr(nodes, 12 * i + 1, 4)) FROM n, cold WHERE length(nodes) = 1200";
	struct running r;

	begin(&r, "joint.nodes_max=1000");
	for (unsigned i = 0; i < 100; i++) {
		add(&r, i, i % 2 == 0 ? "cert.a" : "cert.b", "192.0.2.7", 0);
		commit(&r, false);
	}
	commit(&r, true);
	add_many(&r, 1000, 3000, 1);
	commit(&r, true);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM cold WHERE length(nodes) = 1200"), 1);
	CHECK(number_of(&r, rows) < 6);
	add(&r, 9000, "cert.c", "192.0.2.7", 2);
	commit(&r, true);
	expect_sightings(&r, 101);
	finish(&r);
}

/* What partners may write: it is kept, nothing of it hangs or can't be read back, and others' sights stay. */
TEST(odd_words_do_no_harm)
{
	struct joint_sighting s = {.message = slice_str("odd"), .organisation = slice_str("cert.x"),
	    .sensor = slice_str("s1"), .kind = CC_KIND_ADDR, .value = slice_str("192.0.2.66"),
	    .key = slice_str("192.0.2.66"), .attacker = slice_str("192.0.2.66"), .count = 1, .loss = 11,
	    .proof = CC_PROOF_DIALOGUE, .first = DAY0 * NS_PER_S, .last = INT64_MAX};
	struct joint_heartbeat h = {.organisation = slice_str("cert.x"), .from = INT64_MAX, .until = INT64_MAX};
	struct running r;

	begin(&r, "joint.nodes_max=1000");
	add_many(&r, 0, 3000, 0);
	commit_on(&r, true, 2);
	CHECK(joint_add(r.joint, &s) == CC_OK);
	CHECK(joint_watched(r.joint, &h) == CC_OK);
	h.from = h.until = UINT64_MAX - NS_PER_S;
	CHECK(joint_watched(r.joint, &h) == CC_BAD);
	commit_on(&r, true, 2);
	end(&r);
	start(&r);
	add_many(&r, 3000, 6000, 1);
	for (unsigned i = 0; i < 20; i++)
		commit_on(&r, true, 2);
	CHECK(number_of(&r, "SELECT count(*) FROM cold WHERE last > 9000000000000000000") == 1);
	CHECK(number_of(&r, "SELECT count(*) FROM cold") > 7500);
	finish(&r);
}

/* A notice that another of its organisation took the place of goes from disk, too. */
TEST(notices_on_disk_are_bounded)
{
	struct running r;

	begin(&r, "joint.nodes_max=1000");
	for (unsigned n = 1; n <= 300; n++) {
		char id[16];
		struct joint_word word = {.organisation = slice_str("cert.x"), .time = n, .notice = true,
		    .text = {slice_of(id, (size_t)snprintf(id, sizeof(id), "n%u", n)), slice_str("t")}};

		CHECK(joint_heard(r.joint, &word) == CC_OK);
		if (n % 50 == 0)
			commit_on(&r, true, 2);
	}
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM heard"), 64);
	end(&r);
	start(&r);
	commit_on(&r, true, 2);
	CHECK_UINT(number_of(&r, "SELECT count(*) FROM heard"), 64);
	finish(&r);
}

static unsigned asked, found_there;

/* Of those that went last, 150 have come back to memory since: their pairs still stand. */
static enum cc_status
was_there(struct joint_keep *keep, uint64_t id, bool *ret_there)
{
	(void)keep;
	asked++;
	*ret_there = (id & ((1u << ERA_BITS) - 1)) < 50;
	found_there += *ret_there;
	return CC_OK;
}

/* What has come back is none of the activities that one value may bring back at once, in the open part and in others,
 * also of an era that is not the first of its age. */
TEST(what_came_back_is_not_counted)
{
	struct running r;
	struct era *era = calloc(1, sizeof(*era));
	const uint64_t hash = 0x123456789abcdef0ull;

	begin(&r, "joint.nodes_max=1000");
	for (uint64_t id = 0; id < 200; id++)
		CHECK(index_add(r.keep, hash, id) && index_add(r.keep, hash + (id + 1) * 0x9e3779b97f4a7c10ull, id));
	asked = found_there = 0;
	CHECK(index_find(r.keep, hash, was_there) == CC_OK);
	CHECK_UINT(found_there, 50);
	era->number = 11;
	CHECK(index_open_era(era) && index_close_part(r.keep, era) == CC_OK);
	r.keep->era = era;
	r.keep->eras = 1;
	asked = found_there = 0;
	CHECK(index_find(r.keep, hash, was_there) == CC_OK);
	CHECK_UINT(asked, 200);
	CHECK_UINT(found_there, 50);
	CHECK(index_find(r.keep, hash ^ 1ull << 40, was_there) == CC_OK);
	CHECK_UINT(asked, 200);
	r.keep->eras = 0;
	index_drop_ages(r.keep);
	CHECK_UINT(r.keep->ages, 0);
	CHECK(index_find(r.keep, hash, was_there) == CC_OK);
	CHECK_UINT(asked, 200);
	free(era->filter);
	finish(&r);
}

/* The index on disk stands by a secret of its own, made once. */
TEST(index_by_a_secret)
{
	struct running r;

	begin(&r, "joint.nodes_max=1000");
	CHECK((r.keep->turn & 1) == 1 && r.keep->turn != 1);
	CHECK(number_of(&r, "UPDATE meta SET value = 77 WHERE name = 'turn' RETURNING value") == 77);
	end(&r);
	start(&r);
	CHECK_UINT(r.keep->turn, 77);
	finish(&r);
}

TESTS(T(index_by_a_secret), T(odd_words_do_no_harm), T(notices_on_disk_are_bounded), T(what_went_to_disk_comes_back),
    T(what_is_old_on_disk_goes), T(restarts_change_nothing), T(renamed_after_a_restart), T(renamed_while_it_waited),
    T(renamed_while_more_was_at_hand), T(what_is_taken_back_does_not_wait), T(memory_does_not_wait),
    T(a_start_reads_no_index), T(what_came_back_is_not_counted), T(the_log_of_nodes_is_bounded),
    T(old_versions_leave_the_log), T(a_large_activity_goes_together))
