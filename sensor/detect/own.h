/*
 * What the files of sensor/detect/ share.  Nobody outside includes it; a keyword (kw/) sees kw/kw.h.
 *
 * The compiled rule is in rule.h, the set around it in ruleset.h, how it is made in build.h, how it runs in running.h;
 * here stand the parts beside: datasets, reputation, limits, watch lists, YARA.
 */
#ifndef DETECT_OWN_H
#define DETECT_OWN_H

#include "detect/build.h"
#include "detect/running.h"

/* dataset.c */
enum dataset_type { DATASET_NO_TYPE, DATASET_STRING, DATASET_MD5, DATASET_SHA256, DATASET_IPV4, DATASET_IP };
struct dataset_want {
	struct slice name;
	enum dataset_type type;
	struct slice path; /* of the file that fills it, NUL-terminated; empty: none */
	bool wants_rep;
};
/* The set of that name, made and filled when it is new. */
enum cc_status dataset_take(struct build *build, const struct dataset_want *want, struct dataset **ret_dataset);
void dataset_changes(struct dataset *dataset); /* a rule will set or unset values */
enum cc_status datasets_settle(struct ruleset *set, const struct conf *conf); /* when all rules are read */
void datasets_free(struct ruleset *set);
void datasets_digest(const struct ruleset *set, struct digest *digest); /* over the files that fill them */
void datasets_inherit(struct ruleset *set, const struct ruleset *old);
bool dataset_key(const struct dataset *dataset, struct slice value, uint8_t ret_key[16]); /* false: not of its type */
bool dataset_has(struct run *run, struct dataset *dataset, const uint8_t key[16], uint16_t *ret_rep);
void dataset_set(struct run *run, struct dataset *dataset, const uint8_t key[16]);
void dataset_unset(struct run *run, struct dataset *dataset, const uint8_t key[16]);

/* iprep.c */
#define IPREP_CATEGORIES 60
#define IPREP_SCORE_MAX 127
enum cc_status iprep_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report);
unsigned iprep_category(const struct iprep *iprep, struct slice name); /* 0: none of that name */
int iprep_score(const struct iprep *iprep, unsigned category, const struct cc_addr *addr); /* -1: none */

void digest_file(struct digest *digest, const char *path); /* common.c: its name and its content */
void files_digest(const struct conf_list *list, uint8_t ret_digest[32]);
/* geoip.c */
enum cc_status geoip_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report);
void geoip_free(struct MMDB_s *geoip); /* accepts NULL */
bool geoip_country(const struct MMDB_s *geoip, const struct cc_addr *addr, char ret_country[2]); /* false: not known */

/* threshold.c */
void order_ask(const struct run *run); /* before a table that workers share: their turns when files are read */
bool threshold_passes(struct run *run);
bool is_suppressed(const struct run *run);
/* What the rule does: its own action, or that of its rate_filter while that is in force. */
enum rule_action action_now(struct run *run);
/* A mark on addresses; act: 0 asks, 's' sets for so many seconds, 'u' unsets; track: 0 source, 1 destination, 2 the
 * pair. */
bool shared_bit(struct run *run, unsigned track, uint32_t id, char act, uint32_t seconds);

/* watch.c */
enum cc_status watch_load(
    struct ruleset *set, const struct ruleset *old, const struct conf *conf, struct ruleset_report *report);
void watch_flow(struct run *run);
void watch_tx(struct run *run, struct cc_tx *tx, uint32_t from);
void watch_file(struct run *run, struct cc_file *file);

/* yara.c */
enum cc_status yara_load(
    struct ruleset *set, const struct ruleset *old, const struct conf *conf, struct ruleset_report *report);
void yara_free(struct yara *yara);
bool yara_wants_files(const struct yara *yara);
bool yara_wants_stream(const struct yara *yara);
void yara_digest(const struct yara *yara, struct digest *digest);
struct yara_worker *yara_worker_new(struct detect *detect);
void yara_worker_free(struct yara_worker *worker);
enum cc_status yara_worker_switch(struct detect *detect, struct yara_worker **worker);
void yara_stream(struct run *run, const struct chunk *chunk);
void yara_file(struct run *run, struct cc_file *file);
enum cc_status yara_collect(struct detect *detect, bool wait, struct batch *batch);

/* classes.c */
/* Every line of a "….config" file to fn; false of it is a warning that tells the form.  In classes.c. */
typedef bool config_line_fn(struct ruleset *set, struct slice line);
enum cc_status config_load(struct ruleset *set, struct ruleset_report *report, const char *path, config_line_fn *fn,
    const char *form);
enum cc_status lines_verdict(
    const struct ruleset *set, struct ruleset_report *report, const char *path, size_t good, size_t wrong);
enum cc_status classes_load(struct ruleset *set, struct ruleset_report *report, const char *path);
enum cc_status classes_standard(struct ruleset *set);

/* references.c */
enum cc_status references_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report);
/* "scheme,text" with the scheme's prefix in the place of it; empty when there is none. */
enum cc_status reference_resolve(struct build *build, struct slice reference, struct slice *ret_url);

/* limits.c */
enum cc_status limits_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report);

/* load.c */
/* A whole file into memory; what is wrong is told. */
/* All rules of conf's files into set; old: whose rules of the same text are taken over; may be NULL. */
enum cc_status rules_load(
    struct ruleset *set, struct ruleset *old, const struct conf *conf, struct ruleset_report *report);
enum cc_status worse(enum cc_status a, enum cc_status b); /* what is told of two */
enum cc_status text_load(
    struct store *store, struct ruleset_report *report, const char *path, struct slice *ret_text);
void report_line(struct ruleset_report *report, const char *file, uint32_t line, uint32_t column, const char *keyword,
    const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
