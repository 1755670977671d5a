/*
 * Which protocol a flow speaks, and what it says: chunks in, events out.
 *
 * Identification is by content on any port, the parsers of parsers.def tried from the left on both sides.  Events go
 * into the worker's batch and borrow; they live until batch_reset().  One thread.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "concert/parser.h"
#include "conf/conf.h"
#include "flow/flow.h"

enum app_count {
#define COUNT(symbol, name, help) APP_##symbol,
#include "app/counters.def"
#undef COUNT
	APP_COUNT
};
extern const char *const app_count_name[APP_COUNT];

enum event_kind {
	EVENT_IDENTIFIED, /* the flow's protocol is known now: app_protocol() */
	EVENT_UNKNOWN,    /* nobody knows the flow's protocol, and nobody will be asked any more: app_failed() */
	EVENT_UPDATE,     /* tx has new values on side dir */
	EVENT_SIDE_DONE,  /* side dir of tx is complete */
	EVENT_DONE,       /* tx is complete: log it; freed after the batch */
	EVENT_FILE_DATA,  /* file has grown enough to be inspected */
	EVENT_FILE_DONE,  /* file is closed; freed after the batch unless a scan holds it */
	EVENT_ANOMALY,    /* parser->anomalies[anomaly], tx may be NULL */
	EVENT_FRAME,      /* piece of frame is to be inspected */
};

#define APP_FRAME_TOLD 16 /* rules that are told of one frame */

/* A stretch of a frame without a hole; several where bytes are missing, or where it is longer than app.frame_limit. */
struct frame_piece {
	struct frame_piece *next;  /* app's: the batch's dead */
	uint64_t base;             /* place of bytes[0] in the frame */
	uint32_t size, room;
	bool last;                 /* the frame ends here; */
	bool cut;                  /* or rather, what was seen of it does */
	bool partial;              /* bytes before this piece are not in it */
	uint8_t bytes[];
};

/* A range of a side's bytes that the parser gave a name: parser->frames[kind]. */
struct cc_frame {
	const struct cc_parser *parser;
	struct cc_frame *next;     /* app's: open ones of the flow, newest first, or the batch's dead */
	struct cc_tx *tx;          /* NULL: none, or it is over */
	uint64_t at;               /* in the stream */
	uint64_t size;             /* CC_FRAME_OPEN: not known */
	uint8_t kind;
	uint8_t dir;               /* enum cc_dir */
	uint8_t told_count;        /* detect's: which rules were told of it, of the ruleset of that generation */
	uint32_t told[APP_FRAME_TOLD];
	uint32_t generation;
	uint32_t asked;            /* app's: bytes of the piece when it was last shown */
	struct frame_piece *piece; /* app's: what is filled */
};

struct event {
	enum event_kind kind;
	enum cc_dir dir;
	struct cc_tx *tx;
	struct cc_file *file;
	struct cc_frame *frame;
	const struct frame_piece *piece;
	const struct cc_parser *parser;
	uint16_t anomaly;
};

#define APP_TYPE_SIZE 128

enum file_state { FILE_OPEN, FILE_WHOLE, FILE_TRUNCATED };

enum file_archive { ARCHIVE_NONE, ARCHIVE_ZIP, ARCHIVE_GZIP, ARCHIVE_TAR };

/* A file on its way.  Read-only outside app/, but for the slots below. */
struct cc_file {
	const struct cc_parser *parser;
	struct cc_tx *tx;          /* NULL: none; a held file keeps its transaction */
	struct flow *flow;         /* a held file keeps its flow, too: flow->holds */
	uint64_t tx_id;
	uint64_t id;               /* counts from 1 in its worker */
	enum cc_dir dir;
	enum file_state state;
	bool gap;                  /* bytes are missing inside */
	bool envelope;             /* a body with files of its own, */
	bool part;                 /* or one of these */
	bool late;                 /* it was taken for an envelope, but held none */
	uint64_t size;             /* bytes seen */
	bool ranged;               /* it is a range of a whole: */
	uint64_t range_start, range_end; /* the first and the last byte of it */
	enum file_archive archive; /* it is an entry of an archive that was opened: rules look at the archive alone */
	bool encrypted, unread;    /* an entry that can't be unpacked: it has a name, and a size as announced */
	bool archive_hashed;       /* the archive came whole: */
	uint8_t archive_sha256[32];
	uint32_t ranges;           /* it is a whole that so many ranges were put together to */
	struct slice name;         /* owned by the file */
	const uint8_t *content;    /* its first content_size bytes, contiguous; NULL when nobody wants them */
	size_t content_size;
	size_t inspected;          /* detect's: how far content was inspected */
	bool content_cut;          /* longer than files.content_limit, or memory ran out */
	bool has_md5, has_sha1, has_sha256; /* never with a gap; of a FILE_TRUNCATED: of what was seen */
	uint8_t md5[16], sha1[20], sha256[32];
	char type[APP_TYPE_SIZE];  /* libmagic's words, "" when not asked; set when it is closed */
	uint64_t first, last;      /* ns */
	uint32_t holds;            /* whoever keeps it beyond its batch counts up (file_hold), and file_drop()s it */
	void *detect;              /* detect's slot */
	struct digest digest;
	size_t content_room;
};

struct match; /* detect/detect.h */

/* All that one packet, or one flow's end, brought forth. */
struct batch {
	struct arena arena;
	struct event *event;
	unsigned event_count, event_room;
	struct match **match;      /* pointers to match, in arena; detect's */
	unsigned match_count, match_room;
	struct cc_tx *dead_tx;     /* app's: freed by app_batch_reset */
	struct cc_file *dead_file;
	struct cc_frame *dead_frame;
	struct frame_piece *dead_piece;
};

enum cc_status batch_open(struct batch *batch, const struct conf *conf);
void batch_close(struct batch *batch);

struct app;

/* What the rooms above want of app; app spares itself the rest. */
struct app_wants {
	bool content;              /* file contents, up to files.content_limit */
	unsigned digests;          /* DIGEST_ bits, for every file */
	bool magic;                /* libmagic types */
	uint32_t frames[64];       /* by parser index: bits of the kinds of frames */
};

struct app *app_new(const struct conf *conf, struct pool *pool, const struct app_wants *wants); /* NULL: no memory */
void app_free(struct app *app);
/* Other rules, other wants: for files opened from now on. */
void app_want(struct app *app, const struct app_wants *wants);

/* Feeds one chunk; sets chunk->used.  Events are appended to batch.  app_enough() says what needn't be fed any more. */
void app_feed(struct app *app, struct flow *flow, const struct packet *pkt, struct chunk *chunk, struct batch *batch);
/* The flow ends: everything open is closed, as events.  Then, after the batch was used, app_flow_free(). */
void app_finish(struct app *app, struct flow *flow, struct batch *batch);
void app_flow_free(struct app *app, struct flow *flow);
/* The transactions that end with this batch, told by an event or not: start with NULL, ends with NULL. */
struct cc_tx *app_next_dead(const struct batch *batch, const struct cc_tx *tx);
/* Ends a batch: frees its dead transactions and files, empties it. */
void app_batch_reset(struct app *app, struct batch *batch);

/* The flow's protocol, or NULL while it isn't known.  app_failed(): identification gave up, or the parser did. */
const struct cc_parser *app_protocol(const struct flow *flow);
bool app_failed(const struct flow *flow);
/* True once nobody in app wants more of that side; the engine then may flow_ignore() it. */
bool app_enough(const struct flow *flow, enum cc_dir dir);
/* The open transactions of a flow, oldest first: start with NULL, ends with NULL. */
struct cc_tx *app_next_tx(const struct flow *flow, const struct cc_tx *tx);

void file_hold(struct cc_file *file);
/* Its name; where it is called by a path from the root, as HTTP's are, the last part of it. */
static inline struct slice
app_file_name(const struct cc_file *file)
{
	size_t at = file->name.size;

	if (at == 0 || file->name.p[0] != '/')
		return file->name;
	while (file->name.p[at - 1] != '/')
		at--;
	return slice_of(file->name.p + at, file->name.size - at);
}
void file_drop(struct app *app, struct cc_file *file);

/* Whose anomalies the core's own are ("applayer_mismatch_protocol_both_directions", …); speaks no protocol. */
extern const struct cc_parser app_core;

/* All parsers, in the order of parsers.def. */
extern const struct cc_parser *const app_parsers[];
extern const unsigned app_parser_count;
const struct cc_parser *app_parser_by_name(struct slice name);
/* The index of a field by its buffer name, or -1. */
int app_field_by_buffer(const struct cc_parser *parser, struct slice name);

const uint64_t *app_counts(const struct app *app); /* APP_COUNT */

#endif
