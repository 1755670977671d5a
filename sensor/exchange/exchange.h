/*
 * What leaves for the partners and what comes from them: records to STIX 2.1 sightings with CloudEvents headers,
 * marked, spooled to disk, then offered to an output; and the way back, messages read and checked.  The courier's one
 * thread.
 */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include "base/base.h"
#include "concert/output.h"
#include "concert/record.h"
#include "conf/conf.h"
#include "exchange/desk.h"
#include "exchange/partners.h"
#include "exchange/sign.h"
#include "exchange/store.h"
#include "exchange/victims.h"
#include "indicate/indicate.h"
#include "output/output.h"
#include "record/record.h"

enum exchange_count {
#define COUNT(symbol, name, help) EXCHANGE_##symbol,
#include "exchange/counters.def"
#undef COUNT
	EXCHANGE_COUNT
};
extern const char *const exchange_count_name[EXCHANGE_COUNT];

/* ---- suffixes.c: public suffixes, of partners.suffixes ---- */

struct suffixes;

struct suffixes *suffixes_open(const struct conf *conf); /* NULL: no memory, or a file without an end */
void suffixes_close(struct suffixes *suffixes);
bool suffixes_have(const struct suffixes *suffixes, struct slice domain); /* in small letters */
bool suffixes_usual(struct slice domain); /* without a list: a usual second label below a country's, as co.uk */

/* ---- stix.c: a record as the value of a message ---- */

/* Where a sighting comes from, when it is not what the sensor saw of its own. */
struct exchange_origin {
	const char *kind;           /* "relay" or "answer" */
	struct slice of, to; /* ce_id of the message that it repeats; the organisation that it answers; may be empty */
};

/* Written once: ids of ours, and the objects that every bundle of a marking begins with. */
struct exchange_same {
	char organisation[80], sensor[80]; /* "": not yet */
	struct {
		size_t size;
		uint8_t text[4096];
	} frame[CC_TLP_RED + 1];
};

/* What is the same in every message of a sensor.  All zero but for what is known. */
struct exchange_source {
	const struct conf *conf;
	struct slice coverage;      /* JSON object for the "coverage" group, or empty: listed under missing */
	bool live;
	struct victims *victims;    /* whose addresses are ours, and what stands for them */
	const struct exchange_origin *origin; /* of the record at hand; NULL: own */
	struct exchange_same same;
	uint64_t pseudonyms,
	    texts_withheld; /* counted here: addresses told by pseudonym, texts that named one of ours */
};
/* Appends the STIX 2.1 bundle for rec; count 0: looked for from first to last and not seen.  CC_FULL: out is too small;
 * CC_DENIED: the indicator itself names an address of ours. */
enum cc_status stix_sighting(struct exchange_source *source, const struct cc_record *rec, bool update,
    struct buf *out);

/* ---- health.c: the heartbeat ---- */

struct exchange_health {
	uint64_t time; /* ns */
	bool ending;
	uint64_t waiting, shed, held_back, disk_errors;
	bool two_ways, fallback;     /* exchange.fallback is configured; in use */
	uint64_t since, by_fallback; /* of the last change, 0: none; messages that went by it */
};
enum cc_status stix_health(const struct exchange_source *source, const struct exchange_health *health, struct buf *out);

/* ---- held.c: what did not leave, for the operator ---- */

struct held;

/* OUTDIR/held-back.jsonl, and the one before it with ".1"; at most conf->exchange_held_max each. */
struct held *held_new(const struct conf *conf, const char *outdir); /* NULL: no memory */
void held_free(struct held *held);
/* One line; trouble with the disk is logged once. */
void held_note(struct held *held, const struct cc_record *rec, const char *topic, const char *reason);

/* ---- spool.c: messages on disk until they are delivered ---- */

struct spool;

/*
 * Opens or makes the spool in dir, recovers it to the last whole message.  CC_IO, CC_DENIED (another process has it):
 * *ret_why (malloc) names the file.  One owner at a time (lock file).
 */
enum cc_status spool_open(const struct conf *conf, const char *dir, struct spool **ret_spool, char **ret_why);
void spool_close(struct spool *spool);
/* Appends; *ret_position rises by message.  digest: jws_digest() of it, NULL: not known yet.  CC_FULL: shed by priority
 * already, this class has to go (counted); CC_IO: disk. */
enum cc_status spool_append(
    struct spool *spool, const struct cc_message *msg, const uint8_t *digest, uint64_t *ret_position);
struct spool_item {
	const struct cc_message *msg;
	const uint8_t *digest;
};
/* Appends many, in one write where it can.  Not CC_OK: as spool_append(), of the first that is not in the spool;
 * *ret_count: how many before it are. */
enum cc_status spool_append_all(
    struct spool *spool, const struct spool_item *item, size_t count, size_t *ret_count);
/* The message at or behind the read position, which moves on; borrowed until the next call.  CC_END: none yet. */
enum cc_status spool_next(struct spool *spool, struct cc_message *ret_msg, uint64_t *ret_position);
/* Delivered: the cursor moves to the lowest position that is not; old segments go.  Kept in the cursor file. */
void spool_delivered(struct spool *spool, uint64_t position);
/* The read position goes back to the cursor: after an output was lost. */
void spool_rewind(struct spool *spool);
/* fsync by policy; call often. */
enum cc_status spool_tick(struct spool *spool, uint64_t now);
uint64_t spool_waiting(const struct spool *spool); /* messages not yet delivered */
uint64_t spool_bytes(const struct spool *spool);
uint64_t spool_shed(const struct spool *spool, enum cc_class class);
/* The last ce_sequence of a lane, 0: none yet; kept over restarts.  ret_digest (may be NULL): jws_digest() of that
 * message. */
uint64_t spool_sequence(const struct spool *spool, struct slice topic, uint32_t lane, uint8_t *ret_digest);
void spool_fault(struct spool *spool, const char *point); /* exchange.fault: the process may end here (fault.def) */
const char *spool_error(const struct spool *spool); /* "": all is well; else the file and what is wrong with it */
/* Delivered messages from this position on are offered again. */
void spool_replay(struct spool *spool, uint64_t position);

/* ---- spool_look.c: a spool without owning it, beside its owner, too ---- */

/* Every whole message of a spool (or of one segment) from the oldest, delivered or not. */
typedef void spool_visit_fn(void *ctx, const struct cc_message *msg, uint64_t position);
enum cc_status spool_visit(const char *dir, spool_visit_fn *fn, void *ctx, char **ret_why);

struct spool_figures {
	uint64_t segments, messages, bytes; /* whole messages; bytes on disk */
	uint64_t first, cursor, next;       /* oldest position, first that is not delivered, first that is free */
	uint64_t waiting;                   /* whole messages from the cursor on */
	uint64_t damaged, lost;             /* bytes that are no message; positions that have none */
	uint64_t refused, repeated;         /* spool_check(): messages that readers would refuse, or drop */
	uint64_t oldest_waiting;            /* its ce_time, 0: none */
	bool owned, replay_asked;           /* a process has it open; it was asked to replay */
};
/* Something that is wrong: a place in a segment, or a message. */
struct spool_finding {
	const char *segment, *what, *why; /* file name, word, sentence */
	uint64_t position, offset, size;  /* position of the message, or of the one before */
};
typedef void spool_finding_fn(void *ctx, const struct spool_finding *finding);
enum cc_status spool_figures(const char *dir, struct spool_figures *ret_figures, char **ret_why);
/* Checksum and form of every message, and with trust its signature and its place in its lane. */
enum cc_status spool_check(const struct conf *conf, const struct trust *trust, const char *dir, spool_finding_fn *fn,
    void *ctx, struct spool_figures *ret_figures, char **ret_why);
/* By the owner, where one runs (*ret_owned), else by us.  position 0: the first of that time.  CC_ABSENT: nothing
 * there. */
enum cc_status spool_replay_from(const struct conf *conf, const char *dir, uint64_t position, uint64_t time,
    uint64_t *ret_position, bool *ret_owned, char **ret_why);

/* ---- airgap.c: messages carried across by hand, or by a data diode ---- */

struct airgap_choice {
	const char *topic;     /* without prefix; NULL: all */
	uint64_t from, to;     /* positions, 0: no limit */
	enum cc_tlp ceiling;   /* what is marked above stays here */
};
struct airgap_sums {
	uint64_t files, messages, bytes;
	uint64_t left_out, above;         /* export: not chosen; marked above the ceiling */
	uint64_t known, refused, damaged; /* import: ids that are there already; messages; places in files */
};
/* Writes a file exchange with a manifest into a folder that is new or empty. */
enum cc_status airgap_export(const struct conf *conf, const char *spool, const char *to,
    const struct airgap_choice *choice, struct airgap_sums *ret_sums, char **ret_why);
/* Of a refused message, and of a damaged place (msg NULL). */
typedef void airgap_refused_fn(void *ctx, const struct cc_message *msg, const char *verdict, const char *why);
/* Checks the manifest, then each message against trust, and appends what is new to the file exchange `to`. */
enum cc_status airgap_import(const struct conf *conf, const struct trust *trust, struct quarantine *quarantine,
    const char *from, const char *to, airgap_refused_fn *fn, void *ctx, struct airgap_sums *ret_sums, char **ret_why);

/* ---- exchange.c: the courier's work in one place ---- */

struct exchange;

/* outdir: for relative folders.  The spool is opened and recovered; an output that is away is no error. */
enum cc_status exchange_open(const struct conf *conf, const char *outdir, bool live, struct exchange **ret_exchange,
    char **ret_why);
/* Aggregates rec; what passes is marked, made a message, signed, and in the spool after exchange_flush(). */
enum cc_status exchange_record(struct exchange *exchange, const struct cc_record *rec);
/* Any message of ours; all is copied.  The id follows from source and value.  The writer looks after marking and
 * ceiling. */
struct exchange_message {
	const char *topic; /* without prefix: "contacts" */
	const char *type;  /* "org.concert.contact.v1" */
	struct slice key, value;
	uint64_t time;     /* of what it tells */
	enum cc_tlp tlp;
	enum cc_class class;
	bool exercise;     /* a drill, whatever exchange.exercise says */
};
/* CC_ABSENT: exchange.to is none; else a message that was given earlier could not be spooled. */
enum cc_status exchange_send(struct exchange *exchange, const struct exchange_message *what);
/* What was given is signed and in the spool; waits for that. */
enum cc_status exchange_flush(struct exchange *exchange);
/* Messages given so far, and how many of them are in the spool, or have failed: both only rise. */
uint64_t exchange_given(const struct exchange *exchange);
uint64_t exchange_settled(const struct exchange *exchange);
/*
 * What is counted of repeats and not told yet, for the courier after this one.  Resume, once, before the first record:
 * takes up what the one before left, over files only if it was in this run of the sensor; true: the rings are settled
 * up to these positions.  Mark: it is to be kept as it is now, all read up to there; keep: and that is settled.
 */
bool exchange_resume(struct exchange *exchange, uint64_t run, uint64_t *ret_position, unsigned count);
void exchange_mark(struct exchange *exchange, const uint64_t *position, unsigned count);
void exchange_keep(struct exchange *exchange);
/* Coverage for the messages from now on, as a JSON object. */
void exchange_coverage(struct exchange *exchange, struct slice json);
/* Moves time on (capture time for files): windows close. */
void exchange_tick(struct exchange *exchange, uint64_t now);
/* A heartbeat with the coverage said last; ending: the last of this run.  Nothing when exchange.heartbeat is 0 or
 * exchange.to none. */
enum cc_status exchange_beat(struct exchange *exchange, uint64_t now, bool ending);
/* What is signed to the spool, spool to output, delivery reports to the spool's cursor; waits up to ms when there is
 * nothing to do. */
enum cc_status exchange_pump(struct exchange *exchange, int ms);
/* Closes all windows, then pumps until all is delivered or the time (monotonic ns) is reached.  CC_MORE: some remain
 * spooled. */
enum cc_status exchange_drain(struct exchange *exchange, uint64_t until);
void exchange_close(struct exchange *exchange);
const uint64_t *exchange_counts(const struct exchange *exchange);
const char *exchange_state(const struct exchange *exchange); /* one line for people */
uint64_t exchange_waiting(const struct exchange *exchange);

/* ---- reader.c: messages of the shared topics, from a broker or a file exchange ---- */

struct reader;

/* name as it is, but "file:" with its folder below outdir, alone OUTDIR/exchange.  malloc; NULL: no memory. */
char *exchange_place(const char *outdir, const char *name);
/* The places that partners' messages come from: exchange.from, else exchange.to; none of them: 0. */
#define EXCHANGE_SOURCES 16
struct exchange_sources {
	char *name[EXCHANGE_SOURCES]; /* as exchange_place() gives them */
	size_t count;
};
enum cc_status exchange_sources(const struct conf *conf, const char *outdir, struct exchange_sources *ret_sources);
void exchange_sources_free(struct exchange_sources *sources);
/*
 * from: "file:DIR" or "kafka:HOST:PORT", or several, a line each; where one is exchange.to, exchange.fallback is read
 * beside it.  topics without prefix ("indicators"), count 0: all.  from_start: else what comes new.
 */
enum cc_status reader_open(const struct conf *conf, const char *from, const char *const *topics, size_t count,
    bool from_start, struct reader **ret_reader, char **ret_why);
/*
 * For who keeps by himself how far he has read.  A place is a segment or a partition; next: what comes behind what was
 * read of it. fn tells where to go on; false: from the place's start.  group: of Kafka; partitions are those that its
 * coordinator gives us, then topics must be named; NULL: all of them.
 */
struct reader_resume {
	bool (*fn)(void *ctx, const char *place, uint64_t *ret_next);
	void *ctx;
	const char *group;
	uint64_t every; /* ns, not 0: what any member told the group holds for all, each tells as often, and who has
			 * time reads for others */
};
enum cc_status reader_open_at(const struct conf *conf, const char *from, const char *const *topics, size_t count,
    const struct reader_resume *resume, struct reader **ret_reader, char **ret_why);
#define READER_PLACE 512
/* Of the message that reader_next() gave last. */
void reader_where(const struct reader *reader, char ret_place[READER_PLACE], uint64_t *ret_next);
/* False: it is too long. */
bool reader_place(const char *topic, int partition, char ret_place[READER_PLACE]);
/* What the first broker calls its cluster, "" if nothing; NULL: none has answered within ms. */
const char *reader_cluster(struct reader *reader, int ms);
/* Tells the group, for members that take a place over; without one, nothing. */
struct reader_position {
	char *place;
	uint64_t next;
	bool changed; /* since whoever asks looked last: his to clear */
};
void reader_commit(struct reader *reader, const struct reader_position *position, size_t count);
/* Of a group that shares: whether we have time to read for others (as at first), or have more to do than to read: then
 * what others will soon have time for is theirs. */
void reader_helps(struct reader *reader, bool helps);
bool reader_behind(const struct reader *reader); /* members share, and together have much to read yet */
void reader_look(struct reader *reader); /* whether something changes hands, where nothing is read for long */
/* Before the first is asked for: only what came from then on (ns); to a broker by its clock, in a file by the message's
 * own ce_time. */
void reader_since(struct reader *reader, uint64_t since);
/* The next message, borrowed until the next call.  CC_MORE: none within ms; CC_END: (file, not following) no more;
 * CC_BAD: one that can't be read, *ret_why says what. */
enum cc_status reader_next(struct reader *reader, int ms, struct cc_message *ret_msg, const char **ret_why);
/* False: no broker has answered yet, so that nothing to read means nothing. */
bool reader_reached(const struct reader *reader);
/* There is more than was read, as far as a broker has told where its partitions end. */
bool reader_has_more(const struct reader *reader);
void reader_close(struct reader *reader);

#endif
