/* The correlator's database: what `concert cases` reads and writes in it. */
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "joint/joint.h"
#include "unit/test.h"

struct seen {
	unsigned count;
	char id[64], state[32], document[64], text[64];
	uint64_t updated, published;
};

static void
on_case(void *ctx, const struct joint_case *one)
{
	struct seen *seen = ctx;

	seen->count++;
	snprintf(seen->id, sizeof(seen->id), "%s", one->id);
	snprintf(seen->state, sizeof(seen->state), "%s", one->state);
	snprintf(
	    seen->document, sizeof(seen->document), "%.*s", (int)one->document.size, (const char *)one->document.p);
	seen->updated = one->updated;
	seen->published = one->published;
}

static void
on_trace(void *ctx, const struct joint_trace *trace)
{
	struct seen *seen = ctx;

	seen->count++;
	snprintf(seen->text, sizeof(seen->text), "%s", trace->event);
}

static struct joint_state *
opened(char dir[64])
{
	struct joint_state *state = NULL;
	char *why = NULL;

	snprintf(dir, 64, "/tmp/state.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	CHECK(joint_state_open(NULL, dir, false, &state, &why) == CC_ABSENT);
	CHECK(joint_state_open(NULL, dir, true, &state, &why) == CC_OK);
	return state;
}

static void
gone(struct joint_state *state, const char *dir)
{
	static const char *const file[] = {"joint.sqlite", "joint.sqlite-wal", "joint.sqlite-shm"};
	char path[128];

	joint_state_close(state);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, file[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static struct joint_case
a_case(const char *id, const char *document, uint64_t updated)
{
	return (struct joint_case){.id = id, .activity = "activity--1", .state = "determined", .verdict = "source",
	    .kind = "addr",
	    .value = "192.0.2.7", .confidence = 0.9, .first = 1, .last = 2, .updated = updated,
	        .document = slice_str(document)};
}

TEST(cases_are_kept_and_found)
{
	char dir[64];
	struct joint_state *state = opened(dir);
	struct joint_case one = a_case("case--11111111-a", "{\"a\":1}", 100),
			  two = a_case("case--11112222-b", "{}", 101);
	struct seen seen = {0};

	CHECK(joint_state_put(state, &one) == CC_OK && joint_state_put(state, &two) == CC_OK);
	CHECK(joint_state_list(state, NULL, on_case, &seen) == CC_OK && seen.count == 2 && seen.document[0] == '\0');
	CHECK(joint_state_get(state, "1111", on_case, &seen) == CC_DENIED);
	CHECK(joint_state_get(state, "9", on_case, &seen) == CC_ABSENT);
	CHECK(joint_state_get(state, "11111", on_case, &seen) == CC_OK);
	CHECK_TEXT(seen.document, "{\"a\":1}");
	/* The same document again is no change. */
	one.updated = 200;
	CHECK(joint_state_put(state, &one) == CC_OK &&
	      joint_state_get(state, "case--11111111-a", on_case, &seen) == CC_OK);
	CHECK_UINT(seen.updated, 100);
	CHECK(joint_state_published(state, one.id, 100) == CC_OK);
	seen.count = 0;
	CHECK(joint_state_unpublished(state, on_case, &seen) == CC_OK && seen.count == 1);
	one.document = slice_str("{\"a\":2}");
	CHECK(joint_state_put(state, &one) == CC_OK);
	seen.count = 0;
	CHECK(joint_state_unpublished(state, on_case, &seen) == CC_OK && seen.count == 2);
	gone(state, dir);
}

TEST(closed_and_merged)
{
	char dir[64];
	struct joint_state *state = opened(dir);
	struct joint_case one = a_case("case--1", "{}", 100);
	struct seen seen = {0};

	CHECK(joint_state_put(state, &one) == CC_OK);
	CHECK(joint_state_finish(state, "case--none", 5, "us", "why") == CC_ABSENT);
	CHECK(joint_state_finish(state, "case--1", 105, "us", "done with") == CC_OK);
	one.document = slice_str("{\"b\":1}");
	CHECK(joint_state_put(state, &one) == CC_OK);
	CHECK(joint_state_get(state, "case--1", on_case, &seen) == CC_OK);
	CHECK_TEXT(seen.state, "closed");
	CHECK(joint_state_trace(state, "case--1", on_trace, &seen) == CC_OK);
	CHECK_TEXT(seen.text, "closed");
	CHECK(joint_state_reopen(state, "case--1", 107, "it is back") == CC_OK);
	CHECK(joint_state_reopen(state, "case--1", 108, "again") == CC_ABSENT);
	CHECK(joint_state_get(state, "case--1", on_case, &seen) == CC_OK);
	CHECK_TEXT(seen.state, "determined");
	CHECK(joint_state_trace(state, "case--1", on_trace, &seen) == CC_OK);
	CHECK_TEXT(seen.text, "reopened");
	CHECK(joint_state_merged(state, 0, "case--1", "case--2", 110) == CC_OK);
	seen.count = 0;
	CHECK(joint_state_list(state, NULL, on_case, &seen) == CC_OK && seen.count == 0);
	CHECK(joint_state_list(state, "merged", on_case, &seen) == CC_OK && seen.count == 1);
	gone(state, dir);
}

TEST(rolled_back)
{
	char dir[64];
	struct joint_state *state = opened(dir);
	struct joint_case one = a_case("case--1", "{}", 100);
	struct joint_trace trace = {120, "answer changed", "'); DROP TABLE cases; --"};
	struct seen seen = {0};

	CHECK(joint_state_put(state, &one) == CC_OK && joint_state_published(state, "case--1", 100) == CC_OK);
	CHECK(joint_state_note(state, 0, "case--1", &trace) == CC_OK);
	CHECK(joint_state_begin(state) == CC_OK);
	trace.event = "revoked";
	one.updated = 130;
	one.document = slice_str("{\"a\":2}");
	CHECK(joint_state_note(state, 0, "case--1", &trace) == CC_OK && joint_state_put(state, &one) == CC_OK);
	CHECK(joint_state_unpublished(state, on_case, &seen) == CC_OK && seen.count == 1);
	joint_state_rollback(state);
	seen.count = 0;
	CHECK(joint_state_trace(state, "case--1", on_trace, &seen) == CC_OK && seen.count == 1);
	CHECK_TEXT(seen.text, "answer changed");
	seen.count = 0;
	CHECK(joint_state_unpublished(state, on_case, &seen) == CC_OK && seen.count == 0);
	gone(state, dir);
}

/* Who has an id alone finds it, of whatever day; who has the day finds it there only. */
TEST(of_several_days)
{
	char dir[64];
	struct joint_state *state = opened(dir);
	struct joint_trace trace = {7, "answer changed", NULL};
	struct seen seen = {0};

	for (uint64_t day = 0; day < 40; day += 13) {
		char id[64];
		struct joint_case one = a_case(id, "{}", 100 + day);

		snprintf(id, sizeof(id), "case--%02llu", (unsigned long long)day);
		one.first = day * 86400 * NS_PER_S + 5;
		CHECK_UINT(joint_state_day(one.first), day);
		CHECK(joint_state_put(state, &one) == CC_OK && joint_state_put(state, &one) == CC_OK);
		CHECK(joint_state_note(state, day, id, &trace) == CC_OK);
	}
	CHECK(joint_state_list(state, NULL, on_case, &seen) == CC_OK && seen.count == 4);
	CHECK(joint_state_get(state, "26", on_case, &seen) == CC_OK);
	CHECK_UINT(seen.updated, 126);
	CHECK(joint_state_get(state, "case--", on_case, &seen) == CC_DENIED);
	CHECK(joint_state_published(state, "case--39", 139) == CC_OK);
	CHECK(joint_state_finish(state, "case--13", 200, "us", "done") == CC_OK);
	CHECK(joint_state_merged(state, 39, "case--26", "case--13", 200) == CC_OK);
	seen.count = 0;
	CHECK(joint_state_list(state, "merged", on_case, &seen) == CC_OK && seen.count == 0);
	CHECK(joint_state_merged(state, 26, "case--26", "case--13", 200) == CC_OK);
	CHECK(joint_state_list(state, "merged", on_case, &seen) == CC_OK && seen.count == 1);
	seen.count = 0;
	CHECK(joint_state_unpublished(state, on_case, &seen) == CC_OK && seen.count == 3);
	seen.count = 0;
	CHECK(joint_state_trace(state, "case--13", on_trace, &seen) == CC_OK && seen.count == 2);
	CHECK_TEXT(seen.text, "closed");
	gone(state, dir);
}

/* What an older program wrote is not read as if it were ours. */
TEST(an_older_form_is_said)
{
	char dir[64], path[128], *why = NULL;
	struct joint_state *state = NULL;
	sqlite3 *db;

	snprintf(dir, sizeof(dir), "/tmp/state.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/joint.sqlite", dir);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db,
		  "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
		  "INSERT INTO meta VALUES ('version', 3); CREATE TABLE cases (id TEXT PRIMARY KEY, document TEXT)",
		  NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
	CHECK(joint_state_open(NULL, dir, true, &state, &why) == CC_BAD);
	CHECK(why != NULL && strstr(why, "version 3 of the state") != NULL);
	free(why);
	gone(NULL, dir);
}

TESTS(T(cases_are_kept_and_found), T(closed_and_merged), T(rolled_back), T(of_several_days), T(an_older_form_is_said))
