/*
 * What the files of sensor/app/ share among themselves: the worker's app, a flow's state, and the memory behind
 * transactions and files.  Nobody outside includes it; parsers see include/concert/parser.h alone.
 */
#ifndef APP_OWN_H
#define APP_OWN_H

#include <magic.h>

#include "app/app.h"

#define APP_PARSERS_MAX 64     /* bits of probe_side.out */
#define APP_PORTS_MAX 16       /* of one parser */
#define APP_LIMITS 64          /* names of limits that are remembered */
#define APP_TYPES 4096         /* file types that are remembered */
#define APP_UNIT_MAX 65536     /* for parsers that don't say */
#define APP_DROP_FACTOR 64     /* times app.probe_limit: bytes that pass on a side while only the other can tell */
#define APP_UDP_TRIES                                                                                                  \
	64 /* points that a side of datagrams has for identification: one that may be somebody's costs 1, */
#define APP_UDP_NOBODY 16      /* one that is nobody's this */
#define APP_EXPECT_MAX 1024    /* connections that are awaited at a time; the oldest makes room */
#define APP_EXPECT_NOTE 1024   /* bytes of a note */
#define APP_EXPECT_BUCKETS 256
#define APP_EXPECT_TIME (120 * NS_PER_S)
#define TX_BLOCK 1024          /* first block of a transaction: its struct and most of its values */
#define TX_VALUES 16           /* values that it has room for at first */

/* Memory of a transaction: the first block begins with struct tx, the others with this alone. */
struct tx_block {
	struct tx_block *next;
	uint32_t size, used;
};

struct file {
	struct cc_file pub;        /* first: a cc_file is a struct file */
	struct file *next;         /* open ones of the flow, or the batch's dead */
	struct file *tx_next;      /* of the same transaction */
	struct app_flow *flow;     /* NULL once closed */
	uint8_t *content;          /* what pub.content shows */
	uint8_t *head;             /* for libmagic, where the content isn't kept */
	uint32_t head_size;
	uint32_t name_room;
	size_t told;               /* content_size at the last EVENT_FILE_DATA */
	struct archive *archive;   /* NULL: it is none, or not known to be one */
	uint8_t sniff[4], sniffed; /* its first bytes */
	bool no_archive;           /* nothing more to look for */
	bool closed, freed;        /* freed: the batch is through, the last file_drop() frees it */
};

struct tx {
	struct cc_tx pub;          /* first: a cc_tx is a struct tx */
	struct tx *next, *prev;    /* open ones of the flow, oldest first; or the batch's dead */
	struct tx_block *block;    /* newest first; the one that holds this struct is the last */
	uint32_t size;             /* bytes of all blocks */
	bool evicted;              /* done for the rooms above, but its parser hasn't let go of it */
	bool kept;                 /* over, but a file that is held keeps it */
	struct file *files;
};

/* A connection that another flow has announced; from the pool, its note behind it. */
struct expect {
	struct expect *next;       /* of the same bucket */
	struct expect *newer, *older;
	struct app_flow *by;       /* the flow that announced it; NULL: the connection is here */
	const struct cc_parser *parser;
	struct cc_addr peer;       /* who connects */
	bool anyone;               /* whoever does */
	struct cc_addr addr[2];    /* to whom: as announced, and where the announcing flow went */
	uint16_t port;
	uint8_t proto;             /* IP's number, of the announcing flow as of this one */
	uint32_t tunnel;
	uint32_t note_size;
	uint64_t expires;
};

struct expect_table {
	struct expect *bucket[APP_EXPECT_BUCKETS]; /* by port */
	struct expect *oldest, *newest;
	unsigned count;
};

enum side_state { SIDE_PROBING, SIDE_KNOWN, SIDE_MISSED };

struct app_side {
	uint8_t state;             /* enum side_state */
	bool enough, finished;
	uint8_t tries;             /* points that datagrams have cost */
	uint64_t out;              /* bits by parser index: can't be these */
	uint64_t dropped;          /* bytes gone before the flow's protocol was known */
};

#define APP_FRAMES_OPEN 16     /* frames of a flow that may be incomplete at a time; the oldest gives way */

/* What is kept for the frames of a flow; only where rules want some. */
struct app_frames {
	struct cc_frame *open;     /* newest first */
	uint32_t open_count;
	uint64_t next[2][CC_FRAME_KINDS]; /* by side and kind: a frame before this offset has been told */
};

struct app_flow {
	const struct cc_parser *parser;
	unsigned index;            /* of parser */
	struct app_frames *frames; /* NULL: none were wanted yet */
	const struct cc_parser *before; /* the protocol that led to this one (CONNECT) */
	const char *wanted;             /* and which one it announced (STARTTLS); NULL: it didn't say */
	void *state;
	struct tx *first, *last;   /* open */
	struct tx *evicted;
	struct file *files;        /* open */
	uint64_t tx_next;
	uint32_t tx_count, evicted_count;
	bool turned;               /* client and server have changed places */
	bool failed, began;        /* began: the first data were seen */
	bool server_first;         /* and were the server's, in a connection seen from its start */
	struct expect *awaits;     /* the connection that this flow announced, in the table */
	struct expect *expected;   /* this flow was announced so: its own now */
	struct app_side side[2];
};

/* What libmagic said of bytes with this hash. */
struct app_type {
	uint64_t hash;
	char text[APP_TYPE_SIZE];
};

struct app_port {
	bool udp;
	uint16_t port;
};

struct joins;

struct app {
	const struct conf *conf;
	struct pool *pool;
	struct app_wants wants;
	magic_t magic;
	struct app_type *types;    /* APP_TYPES of them, with magic */
	uint64_t type_seed;
	uint64_t file_next;
	uint64_t off;              /* bits by parser index: not used */
	struct {
		struct app_port port[APP_PORTS_MAX];
		unsigned count;
	} ports[APP_PARSERS_MAX];
	struct {
		const char *name;
		uint64_t value;
	} limit[APP_LIMITS];
	unsigned limit_count;
	struct expect_table expect;
	uint32_t archives;         /* that are being read */
	struct joins *joins;       /* NULL: ranges are not put together */
	uint64_t counts[APP_COUNT];
};

struct cc_ctx {
	struct app *app;
	struct flow *flow;
	struct app_flow *own;
	struct batch *batch;
	uint64_t now;
	enum cc_dir dir;           /* the side that is fed */
	const struct chunk *chunk; /* what it is fed */
	bool datagram, last;
	bool switching;            /* the parser called cc_switch() */
	const char *wanted;        /* cc_switch_to() */
	bool handed;               /* cc_hand_over(): to own->expected */
	const struct cc_parser *asked; /* whose probe() runs */
	bool may_turn;             /* probe(): who is the client is not known yet */
	bool turned;               /* probe(): asked as if client and server were the other way round */
};

static inline void
app_count_add(struct app *app, enum app_count which, uint64_t n)
{
	count_add(&app->counts[which], n);
}

/* Pool memory, zeroed; a refusal is counted. */
void *app_take(struct app *app, size_t size);

/* event.c: false when the batch is full, which is counted. */
bool event_push(struct cc_ctx *ctx, const struct event *event);

/* probe.c */
void probe_setup(struct app *app);
/*
 * Whose bytes are these?  CC_OK: *ret_parser's; CC_MORE: too few to say; CC_BAD: nobody's.  last: no more will come, so
 * what is undecided is nobody's.
 */
enum cc_status probe_side(struct cc_ctx *ctx, enum cc_dir dir, struct slice in, bool last,
    const struct cc_parser **ret_parser);
/* Would somebody be sure of it, were client and server the other way round? */
bool probe_turned(struct cc_ctx *ctx, enum cc_dir dir, struct slice in);
unsigned probe_index(const struct cc_parser *parser);

/* expect.c */
/* Is this new flow one that was announced?  Then it is the flow's: own->expected. */
void expect_match(struct app *app, struct flow *flow, uint64_t now);
/* What the flow awaits, and what it was announced with, goes with it. */
void expect_flow_end(struct app *app, struct app_flow *own);
void expect_free_all(struct app *app);

/* tx.c */
void tx_done(struct cc_ctx *ctx, struct tx *tx);
void tx_done_all(struct cc_ctx *ctx);
void tx_free_evicted(struct cc_ctx *ctx);
void tx_free(struct app *app, struct tx *tx);

/* files.c */
struct file *file_new(struct app *app, struct slice name, uint64_t now); /* nobody's yet; NULL: no memory */
void file_bytes(struct app *app, struct file *file, struct slice bytes);
/* A new file begins as that one, which goes on to be what it is. */
void file_copy(struct app *app, struct file *file, const struct cc_file *from);
size_t file_kept(const struct file *file);      /* memory of its content */
void file_keep_no_more(struct file *file);      /* hashes alone, from here on */
/* From now on it is this flow's, as if it had been opened there. */
void file_attach(struct cc_ctx *ctx, struct file *file, struct cc_tx *tx, enum cc_dir dir);
void file_close_all(struct cc_ctx *ctx);
void file_batch_end(struct app *app, struct file *file);
void file_free(struct app *app, struct file *file);

/* archive.c */
enum archive_odd {
	ARCHIVE_MALFORMED, ARCHIVE_CONTRADICTS, ARCHIVE_BOMB, ARCHIVE_TOO_MANY, ARCHIVE_ENCRYPTED, ARCHIVE_ODD_COUNT
};
void archive_sniff(
    struct app *app, struct file *file, struct slice bytes); /* the first bytes of a file, up to no_archive */
void archive_bytes(struct app *app, struct file *file, struct slice in);
void archive_gap(struct file *file);
/* The file is over: its entries are files of the flow now, and over too. */
void archive_close(struct cc_ctx *ctx, struct file *file);
void archive_free(struct app *app, struct file *file);
/* app.c: what is odd in an archive, as the core's anomaly. */
void file_anomaly(struct cc_ctx *ctx, const struct file *file, unsigned odd);

/* joins.c */
struct joins *joins_new(const struct conf *conf); /* NULL: none are wanted, or no memory */
void joins_free(struct app *app);
void joins_clear(struct app *app);             /* forgets all of them */
/* The flow is over: what it was the last to add to, and what has holes, is told as far as it was seen. */
void joins_flow_end(struct cc_ctx *ctx);

/* frames.c */
/* Before the parser sees it, what is new of a chunk goes to the frames that reach into it; a gap ends a piece. */
void frames_chunk(struct cc_ctx *ctx, const struct chunk *chunk);
void frames_close(struct cc_ctx *ctx, enum cc_dir dir); /* of a side */
void frames_close_all(struct cc_ctx *ctx);              /* and what was kept of the flow's */
void frames_tx_over(struct app_flow *own, const struct cc_tx *tx);
void frames_batch_end(struct app *app, struct batch *batch);

#endif
