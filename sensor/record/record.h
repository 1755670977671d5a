/*
 * The indicator record as bytes: encode for the ring, decode as hostile input, print for people.  Any thread.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include <stdio.h>

#include "base/base.h"
#include "concert/record.h"
#include "concert/status.h"

/* What the entries of the ring from inspect to courier are. */
enum ring_kind {
	RING_RECORD = 1, /* an encoded record */
	RING_EVE = 2,    /* one EVE line, without its newline */
	RING_NOTE = 3,   /* text for the log */
	RING_FILE = 4,   /* an extracted file: SHA-256 (32 bytes), then its content */
	RING_SEEN = 6,   /* remote addresses of flows that ended: see engine/seen.c */
	RING_EVIDENCE = 5, /* a piece of evidence: time (8 bytes, big endian), SHA-256, then the pcapng file */
};

#define RECORD_SIZE_MAX 16384 /* of an encoded record; longer texts are cut by record_encode() */

/* Appends the encoded record to out.  CC_FULL: out is too small. */
enum cc_status record_encode(const struct cc_record *rec, struct buf *out);
/* Slices of *ret_rec borrow from bytes.  CC_BAD: not a record; *ret_rec is unchanged. */
enum cc_status record_decode(struct slice bytes, struct cc_record *ret_rec);

/* An identity for aggregation: same kind, value, detector, rule: same key. ret_key: SHA-256. */
void record_key(const struct cc_record *rec, uint8_t ret_key[32]);

const char *record_kind_text(enum cc_kind kind); /* "addr", "domain", "url", "file-sha256", … as in watch lists */
enum cc_status record_kind_parse(struct slice text, enum cc_kind *ret_kind);
const char *record_proof_text(enum cc_proof proof);
const char *record_tlp_text(enum cc_tlp tlp);            /* "clear", "green", "amber", "amber+strict", "red" */
enum cc_status record_tlp_parse(struct slice text, enum cc_tlp *ret_tlp);
const char *record_detector_text(enum cc_detector detector);

/* The record on a terminal, a few lines. */
void record_print(const struct cc_record *rec, FILE *out);

#endif
