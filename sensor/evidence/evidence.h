/*
 * The packets kept behind an indicator, and the hash that commits to them.
 *
 * On a worker: the young packets of every flow lie in a window that goes round; when something matches, those of its
 * flow that are still there become a pcapng file (draft-ietf-opsawg-pcapng), and the record carries its SHA-256.  In
 * the courier: those files on disk, in a ring of bounded size, with an index that remembers what was overwritten.
 */
#ifndef EVIDENCE_EVIDENCE_H
#define EVIDENCE_EVIDENCE_H

#include "base/base.h"
#include "capture/capture.h"
#include "concert/record.h"
#include "conf/conf.h"
#include "flow/flow.h"

enum evidence_count {
#define COUNT(symbol, name, help) EVIDENCE_##symbol,
#include "evidence/counters.def"
#undef COUNT
	EVIDENCE_COUNT
};
extern const char *const evidence_count_name[EVIDENCE_COUNT];

/* ---- window.c: a worker's window; one thread, no malloc after evidence_new() ---- */

struct evidence;

/* evidence.window is divided by workers; 0: NULL with CC_OK, and all functions below take NULL. */
enum cc_status evidence_new(const struct conf *conf, unsigned workers, struct evidence **ret_evidence);
void evidence_free(struct evidence *evidence);
/* Keeps the frame if its flow is young enough, or has matched. */
void evidence_keep(struct evidence *evidence, struct flow *flow, const struct frame *frame);

struct evidence_piece {
	uint8_t sha256[32]; /* of all the bytes of the file */
	uint64_t size;
	uint32_t packets;
	bool whole;         /* from the flow's first packet on */
};
/*
 * The flow's packets that are at hand, to this one, as a pcapng file: *ret_bytes, valid until the next call.  frame:
 * the packet that matched, NULL at the flow's end.  CC_END: nothing new since the piece before, which *ret_piece tells
 * of; CC_ABSENT: nothing is at hand, or the flow has had its share (evidence.per_flow).
 */
enum cc_status evidence_take(struct evidence *evidence, struct flow *flow, const struct frame *frame,
    struct slice *ret_bytes, struct evidence_piece *ret_piece);
void evidence_lost(struct evidence *evidence); /* the piece taken last never reached the courier */
const uint64_t *evidence_counts(const struct evidence *evidence);

/* ---- store.c: the ring on disk, OUTDIR/evidence; one thread, or several processes that only ask ---- */

struct evidence_store;

enum evidence_state { EVIDENCE_KEPT, EVIDENCE_OVERWRITTEN, EVIDENCE_PURGED, EVIDENCE_DAMAGED, EVIDENCE_STATES };
extern const char *const evidence_state_text[EVIDENCE_STATES];

struct evidence_entry {
	uint8_t sha256[32];
	uint64_t time, size; /* ns, of the packet that matched; bytes */
	enum evidence_state state;
	uint64_t gone;       /* ns, since when it is not kept any more; 0: it is */
	const char *behind;  /* "domain:x.example", what it stands behind first; borrowed during the visit */
};

/* writes: makes the folder and takes what must go; else only asks.  CC_IO, CC_ABSENT (no store there): *ret_why
 * (malloc). */
enum cc_status evidence_store_open(const struct conf *conf, const char *outdir, bool writes,
    struct evidence_store **ret_store, char **ret_why);
void evidence_store_close(struct evidence_store *store);
/* Takes a piece whose digest fits; the oldest give way.  CC_BAD: another digest; CC_IO. */
enum cc_status evidence_store_put(
    struct evidence_store *store, const uint8_t sha256[32], struct slice bytes, uint64_t time);
/* What the piece stands behind: an indicator's "kind:value". */
enum cc_status evidence_store_note(struct evidence_store *store, const uint8_t sha256[32], struct slice indicator);
/* What was put is safe from then on; lets go of what is older than evidence.keep.  Call each second. */
enum cc_status evidence_store_tick(struct evidence_store *store, uint64_t now);
/* CC_ABSENT: never had it. */
enum cc_status evidence_store_find(
    struct evidence_store *store, const uint8_t sha256[32], struct evidence_entry *ret_entry);
/* The bytes (malloc, the caller's), checked against their digest.  CC_ABSENT: not kept; CC_BAD: damaged, and now noted
 * so. */
enum cc_status evidence_store_read(struct evidence_store *store, const uint8_t sha256[32], struct slice *ret_bytes);
/* Newest first, at most max.  behind: only of that indicator; empty: all. */
typedef void evidence_visit_fn(void *ctx, const struct evidence_entry *entry);
enum cc_status evidence_store_list(
    struct evidence_store *store, struct slice behind, size_t max, evidence_visit_fn *fn, void *ctx);
/* All that were stored before `older`; sha256 not NULL: that one.  *ret_count: how many went. */
enum cc_status evidence_store_purge(
    struct evidence_store *store, const uint8_t *sha256, uint64_t older, size_t *ret_count);
uint64_t evidence_store_bytes(const struct evidence_store *store);
const char *evidence_store_error(const struct evidence_store *store); /* "": none */

#endif
