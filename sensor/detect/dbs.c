/*
 * Hyperscan databases: a digest over what each is compiled of says whether the set before has it, or the cache; the
 * rest is compiled, the largest first, by several threads.  What comes out does not depend on their number.  Loading
 * only.
 */
#include <malloc.h>
#include <stdlib.h>

#include "detect/own.h"

#define CACHE_PATTERNS_MIN 8    /* smaller ones are compiled faster than a file is worth */
#define AT_ONCE_MAX 6000      /* patterns that are compiled at once: each takes some 10 KiB for that while */
#define TRIM_PATTERNS 200    /* the compiler takes a multiple of what it leaves: from here on that is given back */
#define AT_ONCE_RELOAD 200    /* the same beside a set that is in use: large ones one after another */
#define GROWTH_MAX 16         /* a database in memory against its bytes in the cache */

struct db {
	unsigned users;
	uint8_t key[32];
	hs_database_t *hs;
};

enum db_way { DB_KEPT, DB_CACHED, DB_COMPILED, DB_FAILED };

struct job {
	struct expressions expressions;
	struct db *db;
	enum db_way way;
	char why[256];
};

struct dbs {
	const struct ruleset *old;
	struct cache *cache;
	struct job *job;
	size_t count, room;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	size_t at_once;
};

static size_t
at_once_max(const struct dbs *dbs)
{
	return dbs->old != NULL ? AT_ONCE_RELOAD : AT_ONCE_MAX;
}

const hs_database_t *
db_hs(const struct db *db)
{
	return db != NULL ? db->hs : NULL;
}

void
db_key(const struct db *db, uint8_t ret_key[32])
{
	memcpy(ret_key, db->key, 32);
}

void
db_free(struct db *db)
{
	if (db == NULL || --db->users > 0)
		return;
	hs_free_database(db->hs);
	free(db);
}

void
expressions_free(struct expressions *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free(list->text[i]);
	free(list->text);
	free(list->flags);
	free(list->id);
	*list = (struct expressions){0};
}

struct dbs *
dbs_new(const struct ruleset *old, struct cache *cache)
{
	struct dbs *dbs = calloc(1, sizeof(*dbs));

	if (dbs != NULL) {
		pthread_mutex_init(&dbs->lock, NULL);
		pthread_cond_init(&dbs->ended, NULL);
		dbs->old = old;
		dbs->cache = cache;
	}
	return dbs;
}

void
dbs_free(struct dbs *dbs)
{
	if (dbs == NULL)
		return;
	for (size_t i = 0; i < dbs->count; i++) {
		expressions_free(&dbs->job[i].expressions);
		db_free(dbs->job[i].db);
	}
	free(dbs->job);
	pthread_mutex_destroy(&dbs->lock);
	pthread_cond_destroy(&dbs->ended);
	free(dbs);
}

static void
digest_u32(struct digest *digest, uint32_t value)
{
	digest_add(digest, slice_of(&value, sizeof(value)));
}

static void
key_of(const struct expressions *list, uint8_t ret_key[32])
{
	hs_platform_info_t platform;
	struct digest digest;

	memset(&platform, 0, sizeof(platform));
	hs_populate_platform(&platform);
	digest_open(&digest, DIGEST_SHA256);
	digest_add(&digest, slice_str(hs_version()));
	digest_add(&digest, slice_of(&platform, sizeof(platform)));
	digest_u32(&digest, HS_MODE_BLOCK);
	digest_u32(&digest, list->count);
	for (unsigned i = 0; i < list->count; i++) {
		digest_u32(&digest, list->flags[i]);
		digest_u32(&digest, list->id[i]);
		digest_u32(&digest, (uint32_t)strlen(list->text[i]));
		digest_add(&digest, slice_str(list->text[i]));
	}
	digest_close(&digest, NULL, NULL, ret_key);
}

/* Of the set before, or asked for already by another group. */
static struct db *
db_known(const struct dbs *dbs, const uint8_t key[32])
{
	for (uint32_t i = 0; dbs->old != NULL && i < dbs->old->db_count; i++) {
		if (memcmp(dbs->old->db[i]->key, key, 32) == 0)
			return dbs->old->db[i];
	}
	for (size_t i = 0; i < dbs->count; i++) {
		if (memcmp(dbs->job[i].db->key, key, 32) == 0)
			return dbs->job[i].db;
	}
	return NULL;
}

static bool
is_listed(const struct dbs *dbs, const struct db *db)
{
	for (size_t i = 0; i < dbs->count; i++) {
		if (dbs->job[i].db == db)
			return true;
	}
	return false;
}

enum cc_status
dbs_add(struct dbs *dbs, struct expressions *expressions, struct db **ret_db)
{
	uint8_t key[32];
	struct db *db;

	key_of(expressions, key);
	db = db_known(dbs, key);
	if (dbs->count == dbs->room) {
		size_t room = dbs->room == 0 ? 64 : dbs->room * 2;
		struct job *p = realloc(dbs->job, room * sizeof(*p));

		if (p == NULL)
			return CC_NOMEM;
		dbs->job = p;
		dbs->room = room;
	}
	if (db == NULL) {
		db = calloc(1, sizeof(*db));
		if (db == NULL)
			return CC_NOMEM;
		memcpy(db->key, key, sizeof(key));
		dbs->job[dbs->count++] = (struct job){.expressions = *expressions, .db = db, .way = DB_COMPILED};
		*expressions = (struct expressions){0};
		db->users++; /* the job's, then the ruleset's */
	} else if (!is_listed(dbs, db)) {
		dbs->job[dbs->count++] = (struct job){.db = db, .way = DB_KEPT};
		db->users++;
	}
	db->users++;
	*ret_db = db;
	return CC_OK;
}

static bool
from_cache(const struct dbs *dbs, struct job *job)
{
	const char *why = NULL;
	uint8_t *bytes = NULL;
	size_t size = 0, needs = 0;
	char *info = NULL;

	if (dbs->cache == NULL || job->expressions.count < CACHE_PATTERNS_MIN ||
	    cache_get(dbs->cache, job->db->key, &bytes, &size) != CC_OK)
		return false;
	if (hs_serialized_database_info((const char *)bytes, size, &info) != HS_SUCCESS)
		why = "holds no database of Hyperscan's";
	else if (strstr(info, "Mode: BLOCK") == NULL)
		why = "holds a database of another kind";
	else if (hs_serialized_database_size((const char *)bytes, size, &needs) != HS_SUCCESS ||
		 needs / GROWTH_MAX > size)
		why = "says a size that can't be";
	else if (hs_deserialize_database((const char *)bytes, size, &job->db->hs) != HS_SUCCESS)
		why = "is of another version of Hyperscan or another processor";
	free(info);
	free(bytes);
	if (why != NULL)
		cache_bad(dbs->cache, job->db->key, why);
	return why == NULL;
}

static void
to_cache(const struct dbs *dbs, const struct job *job)
{
	char *bytes = NULL;
	size_t size = 0;

	if (dbs->cache == NULL || job->expressions.count < CACHE_PATTERNS_MIN ||
	    hs_serialize_database(job->db->hs, &bytes, &size) != HS_SUCCESS)
		return;
	cache_put(dbs->cache, job->db->key, slice_of(bytes, size));
	free(bytes);
}

/* The compiler's memory is bounded, not only its time: a large database waits until others are done. */
static void
compile(struct dbs *dbs, struct job *job)
{
	const struct expressions *list = &job->expressions;
	hs_compile_error_t *error = NULL;

	pthread_mutex_lock(&dbs->lock);
	while (dbs->at_once > 0 && dbs->at_once + list->count > at_once_max(dbs))
		pthread_cond_wait(&dbs->ended, &dbs->lock);
	dbs->at_once += list->count;
	pthread_mutex_unlock(&dbs->lock);
	if (hs_compile_multi((const char *const *)list->text, list->flags, list->id, list->count, HS_MODE_BLOCK,
		       NULL, &job->db->hs, &error) != HS_SUCCESS) {
		job->way = DB_FAILED;
		snprintf(job->why, sizeof(job->why), "%s", error != NULL ? error->message : "no memory");
		hs_free_compile_error(error);
	}
	if (list->count >= TRIM_PATTERNS)
		malloc_trim(0); /* before the next one begins, perhaps in another thread's arena */
	pthread_mutex_lock(&dbs->lock);
	dbs->at_once -= list->count;
	pthread_cond_broadcast(&dbs->ended);
	pthread_mutex_unlock(&dbs->lock);
}

static void
job_run(void *ctx, unsigned thread, size_t at)
{
	struct dbs *dbs = ctx;
	struct job *job = &dbs->job[at];

	(void)thread;
	if (job->way == DB_KEPT)
		return;
	if (from_cache(dbs, job)) {
		job->way = DB_CACHED;
	} else {
		compile(dbs, job);
		if (job->way != DB_FAILED)
			to_cache(dbs, job);
	}
	expressions_free(&job->expressions);
}

static int
job_compare(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	if (x->expressions.count != y->expressions.count)
		return x->expressions.count > y->expressions.count ? -1 : 1;
	return memcmp(x->db->key, y->db->key, 32);
}

enum cc_status
dbs_make(struct dbs *dbs, unsigned threads, struct ruleset *set, struct ruleset_report *report)
{
	if (dbs->count > 0)
		qsort(dbs->job, dbs->count, sizeof(dbs->job[0]), job_compare);
	spread(threads, dbs->count, job_run, dbs);
	set->db = calloc(dbs->count + 1, sizeof(set->db[0]));
	if (set->db == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < dbs->count; i++) {
		struct job *job = &dbs->job[i];

		if (job->way == DB_FAILED) {
			log_error("hyperscan can't compile its patterns: %s", job->why);
			return CC_NOMEM;
		}
		report->databases++;
		report->databases_kept += job->way == DB_KEPT;
		report->databases_cached += job->way == DB_CACHED;
		set->db[set->db_count++] = job->db;
		job->db = NULL; /* the ruleset's now */
	}
	return CC_OK;
}
