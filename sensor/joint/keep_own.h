/* What keep.c, node_log.c and cold.c share: the correlator's memory on disk. */
#ifndef JOINT_KEEP_OWN_H
#define JOINT_KEEP_OWN_H

#include "joint/joint_own.h"
#include "joint/state_own.h"

#define KEEP_ROOM (1u << 30)

#define ERA_BITS 20               /* rows of cold by era, at most */
#define ERA_PARTS 8               /* of the index, by era, at most */
#define PART_PAIRS (1u << 18)
#define AGE_ERAS 8
#define RECALL_MAX 64             /* activities by one value and part */
#define LOOK_MAX 1024             /* pairs that are looked at for them: a row that came back has left its own */

struct entry {
	uint64_t hash, id; /* id: of a row of cold */
};

struct era {
	uint64_t number;
	uint64_t first, last; /* ns: the newest sight of all when it began, the newest in it */
	uint64_t log;         /* before this row of the log nothing of it is */
	uint64_t swept;       /* rows before this are gone: it is over */
	uint8_t *filter;
	unsigned parts;       /* that are closed */
	bool changed;         /* since it was written */
};

/* Before so many eras, by number: in which of them something may be. */
struct age {
	uint64_t number;
	uint8_t *filter;
};

/* What went to disk last, and where it is. */
struct open_part {
	struct entry *pair;
	uint32_t *head, *next; /* by hash */
	size_t count, room, next_room, saved;
};

struct joint_keep {
	struct joint_state *state;
	struct joint *joint;
	const struct conf *conf;
	struct buf blob, row; /* row: of the log, the next */
	uint64_t log_first, hot_first, log_next, hot_bytes; /* rows of it; what is in memory is from hot_first on */
	uint64_t turn; /* odd: what hashes are multiplied by in the index on disk */
	uint64_t cold_next, went, evicted, recalled;
	uint64_t newest; /* ns: of the sights that went to disk, none later than */
	uint64_t now;    /* when the commit was told to be */
	bool waits;      /* nodes are on disk that were not linked when they were written */
	struct era *era;
	size_t eras;
	struct age *age;
	size_t ages;
	struct open_part open;
	struct entry *entry; /* of what goes to disk now, or is looked for */
	size_t entries, entry_room;
};

/* node_log.c: nodes, as they changed */
enum cc_status node_log_load(struct joint_keep *keep);
void node_log_close(struct joint_keep *keep);
enum cc_status node_log_put(struct joint_keep *keep, struct node *node);
enum cc_status node_log_trim(struct joint_keep *keep); /* what of it is in memory is not much more than that */
enum cc_status node_log_save(struct joint_keep *keep); /* all that changed */
enum cc_status node_log_recall(struct joint_keep *keep, uint64_t row, uint64_t fold); /* CC_BAD: it is not there */
enum cc_status node_log_expire(struct joint_keep *keep); /* what no era has any more */

/* cold.c: activities that were not used for longest */
enum cc_status cold_load(struct joint_keep *keep);
void cold_close(struct joint_keep *keep);
enum cc_status cold_recall(struct joint_keep *keep); /* what is there of the nodes that came */
enum cc_status cold_make_room(struct joint_keep *keep); /* from memory to disk, and what is over from there */

/* cold_index.c: where on disk something is */
typedef enum cc_status index_fn(struct joint_keep *keep, uint64_t id, bool *ret_there);
bool index_add(struct joint_keep *keep, uint64_t hash, uint64_t id);
bool index_is_full(const struct joint_keep *keep); /* the open part */
enum cc_status index_save(struct joint_keep *keep);
enum cc_status index_close_part(struct joint_keep *keep, struct era *era);
void index_prefetch(const struct joint_keep *keep, uint64_t hash);
enum cc_status index_find(struct joint_keep *keep, uint64_t hash, index_fn *fn); /* at most RECALL_MAX by part */
bool index_open_era(struct era *era);
enum cc_status index_load_era(struct joint_keep *keep, struct era *era);
enum cc_status index_load_open(struct joint_keep *keep);
enum cc_status index_drop_era(struct joint_keep *keep, const struct era *era);
void index_drop_ages(struct joint_keep *keep); /* those that have no era any more */
void index_close(struct joint_keep *keep);

#endif
