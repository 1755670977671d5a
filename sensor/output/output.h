/*
 * Where things go: messages to Kafka or the file exchange (behind struct cc_output), events to the EVE log.
 */
#ifndef OUTPUT_OUTPUT_H
#define OUTPUT_OUTPUT_H

#include <stdatomic.h>

#include "app/app.h"
#include "base/base.h"
#include "concert/output.h"
#include "conf/conf.h"
#include "decode/decode.h"
#include "detect/detect.h"
#include "flow/flow.h"

/* All outputs, in the order of outputs.def; NULL when there is none of that name. */
const struct cc_output *output_by_name(struct slice name);

/* ---- kafka_conf.c, kafka_pem.c, kafka_why.c: what all Kafka clients share ---- */

/* Why a broker's certificate was refused, noted by librdkafka's threads; the first member of what a client has as its
 * opaque. */
struct output_kafka_peer {
	atomic_flag busy;
	char why[400]; /* "": none was refused */
};

/*
 * Settings of a Kafka client (librdkafka's rd_kafka_conf_t), ours and the operator's: TLS with the host's name checked
 * unless exchange.insecure is set.  NULL: *ret_why (malloc) says which is wrong.  The caller owns it, and sets an
 * opaque that begins with a struct output_kafka_peer.
 */
struct rd_kafka_conf_s *output_kafka_conf(
    const struct conf *conf, const char *bootstrap, bool consumes, char **ret_why);

/*
 * An error of librdkafka's (rd_kafka_resp_err_t) in the operator's words: cause and remedy.  Returns a number for the
 * cause, the same as long as the same is wrong.  what: a topic, or librdkafka's words.
 */
int output_kafka_why(const struct conf *conf, struct output_kafka_peer *peer, const char *bootstrap, int error,
    const char *what, char *text, size_t size);

/* ---- message.c: a message as bytes of a segment, for the spool and the file exchange alike ---- */

#define MESSAGE_OVERHEAD 16 /* of the frame around a message's bytes */

enum cc_status message_encode(const struct cc_message *msg, struct buf *out); /* CC_FULL: out is too small */
enum cc_status message_decode(struct cur *in, struct cc_message *ret_msg); /* CC_MORE: cut; CC_BAD: CRC or form */
struct slice message_header(const struct cc_message *msg, const char *name); /* empty: not there */
const char *message_header_name(
    struct slice name); /* the name as a constant; NULL: none that a message of ours can have */

/* ---- eve.c: events as lines of Suricata's EVE log; formatted on the worker ---- */

struct eve; /* one worker's formatter */

/* CC_BAD: an unknown event type in eve.types: *ret_why (malloc). */
enum cc_status eve_new(const struct conf *conf, const struct flows *flows, struct eve **ret_eve, char **ret_why);
void eve_free(struct eve *eve);
bool eve_wants(const struct eve *eve, const char *type); /* "flow", "alert", "dns", … */
/* Live: the name behind frames' interface index, for in_iface; without any, lines are those of a file (pcap_cnt). */
void eve_interface(struct eve *eve, uint32_t index, const char *name);
uint64_t eve_lost(const struct eve *eve); /* lines that did not fit in out */
bool eve_cut(const struct eve *eve);      /* the last line has values that were cut, and says so */

/* Each appends one line, without newline, to out; false: nothing to say (the type is off, or out was too small:
 * counted). */
bool eve_alert(struct eve *eve, const struct match *match, const struct packet *pkt, uint64_t time, struct buf *out);
bool eve_tx(struct eve *eve, const struct flow *flow, const struct cc_tx *tx, const struct packet *pkt, enum cc_dir dir,
    uint64_t time, struct buf *out);
bool eve_file(struct eve *eve, const struct flow *flow, const struct cc_file *file, uint64_t time, struct buf *out);
bool eve_flow(struct eve *eve, const struct flow *flow, uint64_t time, struct buf *out);
bool eve_anomaly(struct eve *eve, const struct flow *flow, const struct event *event, const struct packet *pkt,
    uint64_t time, struct buf *out);
/* Decode and stream oddities of one packet: one line for each, by index; false when there are no more. */
bool eve_odd(struct eve *eve, const struct flow *flow, const struct packet *pkt, const uint64_t *flow_events,
    unsigned *at, uint64_t time, struct buf *out);
/* The counters: names and values, dotted names become nested objects as in Suricata's stats. */
bool eve_stats(struct eve *eve, const char *const *names, const uint64_t *values, size_t count, uint64_t uptime_s,
    uint64_t time, struct buf *out);

/* ---- evelog.c: the log file itself; courier ---- */

struct evelog;
enum cc_status evelog_open(const char *path, struct evelog **ret_log, char **ret_why); /* "-": standard output */
enum cc_status evelog_line(
    struct evelog *log, struct slice line); /* adds the newline; buffered; refuses a line with one in it */
enum cc_status evelog_flush(struct evelog *log);
enum cc_status evelog_reopen(struct evelog *log); /* after rotation */
enum cc_status evelog_close(struct evelog *log);  /* CC_IO: not all reached the disk */

#endif
