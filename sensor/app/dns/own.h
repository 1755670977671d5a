/*
 * What the files of sensor/app/dns/ share: the field table's order, one message on its way through the parser, and the
 * tables of types and codes.  Nobody outside includes it.
 */
#ifndef APP_DNS_OWN_H
#define APP_DNS_OWN_H

#include "concert/parser.h"

enum { DNS_PORT = 53, DNS_MDNS_PORT = 5353, DNS_LLMNR_PORT = 5355, DNS_NBNS_PORT = 137 };

enum {
	DNS_HEADER_SIZE = 12,
	DNS_NAME_WIRE_MAX = 255,    /* RFC 1035, 2.3.4 */
	DNS_LABELS_MAX = 127,       /* as many as fit in there */
	DNS_NAME_MAX = 1024,        /* bytes of a name's text that are kept */
	DNS_NAME_JUMPS = 64,        /* compression pointers that one name may follow */
	DNS_MESSAGE_JUMPS = 2048,   /* and all names of a message together */
	DNS_MESSAGE_NAMES = 32768,  /* bytes of names' text of one message */
	DNS_RDATA_MAX = 2048,       /* bytes of one record's text */
	DNS_QUERY_ROWS = 32,        /* rows that are recorded of a section; the rest is walked over */
	DNS_ANSWER_ROWS = 128,
	DNS_OTHER_ROWS = 32,
};

enum {
	DNS_FLAG_QR = 0x8000,
	DNS_FLAG_AA = 0x0400,
	DNS_FLAG_TC = 0x0200,
	DNS_FLAG_RD = 0x0100,
	DNS_FLAG_RA = 0x0080,
	DNS_FLAG_Z = 0x0040,
};

enum {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_NULL = 10, DNS_PTR = 12, DNS_HINFO = 13, DNS_MX = 15,
	DNS_TXT = 16, DNS_RP = 17, DNS_AFSDB = 18, DNS_AAAA = 28, DNS_SRV = 33, DNS_NAPTR = 35, DNS_KX = 36,
	DNS_DNAME = 39,
	DNS_OPT = 41, DNS_DS = 43, DNS_SSHFP = 44, DNS_RRSIG = 46, DNS_NSEC = 47, DNS_DNSKEY = 48, DNS_TLSA = 52,
	DNS_SMIMEA = 53, DNS_CDS = 59, DNS_CDNSKEY = 60, DNS_SVCB = 64, DNS_HTTPS = 65, DNS_SPF = 99, DNS_URI = 256,
	DNS_CAA = 257,
};

/* Indices into dns_fields. */
enum dns_field {
	/* for rules */
	DNS_F_QUERY_BUFFER, DNS_F_QUERY_NAME_BUFFER, DNS_F_ANSWER_NAME_BUFFER, DNS_F_RESPONSE_NAME_BUFFER,
	DNS_F_OPCODE_BUFFER,
	DNS_F_RCODE_BUFFER, DNS_F_RRTYPE_BUFFER,
	/* for EVE, in the order in which they are written */
	DNS_F_VERSION, DNS_F_TYPE, DNS_F_ID, DNS_F_TX_ID, DNS_F_FLAGS, DNS_F_QR, DNS_F_AA, DNS_F_TC, DNS_F_RD, DNS_F_RA,
	DNS_F_Z,
	DNS_F_OPCODE, DNS_F_RRNAME, DNS_F_RRTYPE, DNS_F_RCODE, DNS_F_QUERIES, DNS_F_QUERY_RRNAME, DNS_F_QUERY_RRTYPE,
	DNS_F_ANSWERS, DNS_F_ANSWER_RRNAME, DNS_F_ANSWER_RRTYPE, DNS_F_ANSWER_TTL, DNS_F_ANSWER_RDATA,
	DNS_F_ANSWER_SOA_MNAME, DNS_F_ANSWER_SOA_RNAME, DNS_F_ANSWER_SOA_SERIAL, DNS_F_ANSWER_SOA_REFRESH,
	DNS_F_ANSWER_SOA_RETRY, DNS_F_ANSWER_SOA_EXPIRE, DNS_F_ANSWER_SOA_MINIMUM,
	DNS_F_ANSWER_SRV_PRIORITY, DNS_F_ANSWER_SRV_WEIGHT, DNS_F_ANSWER_SRV_PORT, DNS_F_ANSWER_SRV_NAME,
	DNS_F_ANSWER_SSHFP_ALGO, DNS_F_ANSWER_SSHFP_TYPE, DNS_F_ANSWER_SSHFP_FINGERPRINT,
	DNS_F_AUTHORITIES, DNS_F_AUTHORITY_RRNAME, DNS_F_AUTHORITY_RRTYPE, DNS_F_AUTHORITY_TTL, DNS_F_AUTHORITY_RDATA,
	DNS_F_AUTHORITY_SOA_MNAME, DNS_F_AUTHORITY_SOA_RNAME, DNS_F_AUTHORITY_SOA_SERIAL, DNS_F_AUTHORITY_SOA_REFRESH,
	DNS_F_AUTHORITY_SOA_RETRY, DNS_F_AUTHORITY_SOA_EXPIRE, DNS_F_AUTHORITY_SOA_MINIMUM,
	DNS_F_ADDITIONALS, DNS_F_ADDITIONAL_RRNAME, DNS_F_ADDITIONAL_RRTYPE, DNS_F_ADDITIONAL_TTL,
	DNS_F_ADDITIONAL_RDATA,
	DNS_F_GROUPED_A, DNS_F_GROUPED_AAAA, DNS_F_GROUPED_CNAME, DNS_F_GROUPED_MX, DNS_F_GROUPED_NS, DNS_F_GROUPED_PTR,
	DNS_F_GROUPED_TXT,
	DNS_F_COUNT,
	DNS_F_NONE = DNS_F_COUNT,
};

enum dns_anomaly {
	DNS_MALFORMED_DATA, DNS_NOT_REQUEST, DNS_NOT_RESPONSE, DNS_Z_FLAG_SET, DNS_INVALID_OPCODE, DNS_INFINITE_LOOP,
	DNS_NAME_TOO_LONG, DNS_TOO_MANY_LABELS, DNS_TOO_MANY_RECORDS, DNS_TRAILING_DATA,
	DNS_ANOMALY_COUNT,
};

/* A flow's. */
struct dns_state {
	bool began;   /* a message was seen */
	bool everybody; /* multicast DNS: no message goes the wrong way */
	bool turned;  /* the flow stands the wrong way round: its requests go to the client */
	bool lost[2]; /* by enum cc_dir: after a gap, no message's beginning found yet */
};

/* One message: its bytes, what may still be spent on it, what was wrong with it. */
struct dns_message {
	struct slice all;
	uint16_t id, flags;
	uint16_t counts[4];       /* questions, answers, authorities, additionals */
	unsigned jumps_left;
	unsigned names_left;
	unsigned wrong;           /* bits by enum dns_anomaly */
};

/* Where the values of a transaction go: cc_put_ref() into memory taken in a few large pieces. */
struct dns_out {
	struct cc_ctx *ctx;
	struct cc_tx *tx;
	uint8_t *p;
	size_t left;
	size_t piece;             /* how much to take next */
};

/* Text that grows up to a stated size; what doesn't fit is cut. */
struct dns_text {
	uint8_t *p;
	size_t size, room;
};

/* dns.c: a message's header.  CC_BAD: too short. */
enum cc_status dns_header(struct slice all, struct dns_message *ret_msg);

/* name.c */
enum cc_status dns_name(struct dns_message *msg, struct cur *c, struct dns_text *text);
void dns_text_bytes(struct dns_text *text, const void *p, size_t size);
void dns_text_word(struct dns_text *text, const char *word);
void dns_text_uint(struct dns_text *text, uint64_t n);
void dns_text_hex(struct dns_text *text, struct slice bytes);

/* rdata.c: the text of a record's data.  CC_BAD: it isn't what its type demands; *text is then as it was. */
enum cc_status dns_rdata_text(struct dns_message *msg, uint16_t type, struct cur rdata, struct dns_text *text);

/* words.c: the mnemonic, or NULL. */
const char *dns_type_word(uint16_t type);
const char *dns_rcode_word(unsigned rcode);
bool dns_class_known(uint16_t class);

/* probe.c */
enum cc_status dns_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);
bool dns_looks_right(struct slice all);
bool dns_records_lead_to_end(struct dns_message *msg, struct cur *c);

/* multicast.c */
enum cc_status dns_probe_mdns(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);
enum cc_status dns_probe_llmnr(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

/* message.c: reads one message and makes a transaction of it. */
void dns_message(struct cc_ctx *ctx, struct dns_state *state, enum cc_dir dir, struct slice all);

#endif
