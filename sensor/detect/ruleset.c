/*
 * A ruleset: classification, rules, limits, the index over all of it, the watch list, YARA; alone, or beside the set
 * that is in use, with which it then shares what has not changed.  Loading only; the caller's thread.
 */
#include <malloc.h>
#include <stdlib.h>

#include "detect/own.h"

#define TRIM_RULES 1000 /* a set of so many leaves memory that is worth giving back */

/* The worse of two; a file that can't be read doesn't keep the others from being loaded. */
enum cc_status
worse(enum cc_status a, enum cc_status b)
{
	return a == CC_NOMEM || b == CC_NOMEM ? CC_NOMEM : a != CC_OK ? a : b;
}

/* Where the rules of the set before are now, for what is half matched. */
static enum cc_status
moved_note(struct ruleset *set, const struct ruleset *old)
{
	if (old == NULL)
		return CC_OK;
	set->moved = malloc((old->rule_count + 1) * sizeof(set->moved[0]));
	if (set->moved == NULL)
		return CC_NOMEM;
	set->moved_count = old->rule_count;
	memset(set->moved, 0xff, old->rule_count * sizeof(set->moved[0]));
	for (uint32_t i = 0; i < set->rule_count; i++) {
		if (set->rule[i].before != UINT32_MAX)
			set->moved[set->rule[i].before] = i;
	}
	return CC_OK;
}

static void
digest_make(struct ruleset *set, const struct conf *conf)
{
	struct digest digest;

	digest_open(&digest, DIGEST_SHA256);
	for (uint32_t i = 0; i < set->rule_count; i++)
		digest_add(&digest, slice_of(set->rule[i].info.digest, sizeof(set->rule[i].info.digest)));
	/* What rules mean depends on variables, classes and lists, too. */
	digest_add(&digest, slice_of(set->common->digest, sizeof(set->common->digest)));
	digest_file(&digest, conf->detect_threshold_file);
	for (size_t i = 0; i < conf->detect_iprep_files.count; i++)
		digest_file(&digest, conf->detect_iprep_files.item[i]);
	datasets_digest(set, &digest);
	yara_digest(set->yara, &digest);
	digest_close(&digest, NULL, NULL, set->digest);
}

static enum cc_status
all_rules_load(
    struct ruleset *set, struct ruleset *old, const struct conf *conf, struct ruleset_report *report)
{
	enum cc_status st = CC_OK;

	if (conf->detect_classification[0] != '\0')
		st = classes_load(set, report, conf->detect_classification);
	else if (set->common->users == 1)
		st = classes_standard(set);
	if (st != CC_NOMEM)
		st = worse(st, references_load(set, conf, report));
	if (st != CC_NOMEM)
		st = worse(st, worse(iprep_load(set, conf, report), geoip_load(set, conf, report)));
	if (st != CC_NOMEM)
		st = worse(st, rules_load(set, old, conf, report));
	return st;
}

static enum cc_status
index_all(struct ruleset *set, const struct ruleset *old, const struct conf *conf, struct ruleset_report *report)
{
	struct cache *cache = cache_open(conf, old == NULL);
	struct dbs *dbs = dbs_new(old, cache);
	enum cc_status st = dbs != NULL ? buffers_settle(set) : CC_NOMEM;

	ruleset_order(set);
	if (st == CC_OK)
		st = moved_note(set, old);
	if (st == CC_OK)
		st = ruleset_index(set, dbs);
	if (st == CC_OK)
		st = dbs_make(dbs, spread_threads(conf), set, report);
	dbs_free(dbs);
	set->dbs = NULL;
	cache_close(cache);
	return st;
}

static enum cc_status
set_make(struct ruleset *set, struct ruleset *old, const struct conf *conf, struct ruleset_report *report)
{
	enum cc_status st, all;

	set->sids = map_new(0);
	st = set->sids != NULL ? common_take(conf, old, &set->common) : CC_NOMEM;
	if (st != CC_OK)
		return st;
	set->buffer = set->common->buffer;
	all = all_rules_load(set, old, conf, report);
	set->buffer = NULL;
	if (all != CC_NOMEM)
		all = worse(all, limits_load(set, conf, report));
	if (all != CC_NOMEM)
		st = datasets_settle(set, conf);
	if (st == CC_OK && all != CC_NOMEM)
		st = index_all(set, old, conf, report);
	if (st == CC_OK && all != CC_NOMEM)
		all = worse(all, watch_load(set, old, conf, report));
	if (st == CC_OK && all != CC_NOMEM)
		all = worse(all, yara_load(set, old, conf, report));
	return st != CC_OK ? st : all;
}

enum cc_status
ruleset_reload(const struct conf *conf, struct ruleset *old, struct ruleset_report *report, struct ruleset **ret_set)
{
	struct ruleset *set = calloc(1, sizeof(*set));
	enum cc_status st;

	if (set == NULL)
		return CC_NOMEM;
	set->conf = conf;
	set->serial = old != NULL ? old->serial + 1 : 1;
	set->stream_window = conf->detect_stream_window;
	st = set_make(set, old, conf, report);
	map_free(set->sids, NULL); /* numbers are of no use once everything is in its place */
	set->sids = NULL;
	set->conf = NULL;
	if (st != CC_OK) {
		ruleset_free(set);
		return st;
	}
	digest_make(set, conf);
	malloc_trim(0); /* Hyperscan's compiler has taken a multiple of what it leaves */
	*ret_set = set;
	return CC_OK;
}

enum cc_status
ruleset_load(const struct conf *conf, struct ruleset_report *report, struct ruleset **ret_set)
{
	return ruleset_reload(conf, NULL, report, ret_set);
}

void
ruleset_free(struct ruleset *set)
{
	bool large;

	if (set == NULL)
		return;
	ruleset_index_free(set);
	for (uint32_t i = 0; i < set->db_count; i++)
		db_free(set->db[i]);
	for (uint32_t i = 0; i < set->rule_count; i++)
		body_free(set->common, set->rule[i].body);
	free(set->db);
	free(set->buffer);
	free(set->rule);
	free(set->moved);
	geoip_free(set->geoip);
	watch_free(set->watch);
	yara_free(set->yara);
	datasets_free(set);
	store_close(&set->store);
	common_free(set->common);
	large = set->rule_count >= TRIM_RULES;
	free(set);
	if (large)
		malloc_trim(
		    0); /* what lies between the rules of the set that goes on is given back as far as it can be */
}

const uint8_t *
ruleset_digest(const struct ruleset *set)
{
	return set->digest;
}

void
ruleset_wants(const struct ruleset *set, struct app_wants *ret_wants, size_t *ret_history)
{
	*ret_wants = (struct app_wants){
	    .content = set->wants_content || yara_wants_files(set->yara),
	    .digests = set->wants_digests | (watch_wants_files(set->watch) ? DIGEST_SHA256 : 0u),
	    .magic = set->wants_magic,
	};
	for (uint32_t i = 0; i < set->frame_buffer_count; i++) {
		const struct buffer *buffer = &set->buffer[set->frame_buffer[i]];

		ret_wants->frames[buffer->frame_parser] |= 1u << buffer->frame_kind;
	}
	*ret_history = set->has_stream || yara_wants_stream(set->yara) ? set->stream_window : 0;
}
