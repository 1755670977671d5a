/* What keep.c and cold.c share: the correlator's memory on disk. */
#ifndef JOINT_KEEP_OWN_H
#define JOINT_KEEP_OWN_H

#include "joint/joint_own.h"
#include "joint/state_own.h"

#define KEEP_ROOM (1u << 30)

#define ERA_PARTS 8 /* tables of the index, by era */

struct entry {
	uint64_t hash, id;
};

struct era {
	uint64_t number;
	uint64_t first, last; /* ns: the newest sight of all when it began, the newest in it */
	uint64_t swept;       /* rows before this are gone: it is over */
	uint8_t *filter;
	sqlite3_stmt *find[ERA_PARTS];
};

struct joint_keep {
	struct joint_state *state;
	struct joint *joint;
	const struct conf *conf;
	struct buf blob;
	uint64_t hot_bytes, hot_first, hot_next; /* on disk; its rows */
	bool hot_old;                            /* rows of an older program: all is written anew */
	uint64_t cold_next, went, evicted, recalled;
	uint64_t newest; /* ns: of the sights that went to disk */
	struct era *era;
	size_t eras;
	struct entry *entry; /* of what goes to disk now */
	size_t entries, entry_room;
	sqlite3_stmt *put_cold, *get_cold, *drop_cold;
};

/* cold.c: activities that were not used for longest */
enum cc_status cold_load(struct joint_keep *keep);
void cold_close(struct joint_keep *keep);
enum cc_status cold_recall(struct joint_keep *keep); /* what is there of the nodes that came */
enum cc_status cold_make_room(struct joint_keep *keep); /* from memory to disk, and what is over from there */

#endif
