/*
 * What the files of sensor/app/tls/ share: the field table's order, a flow's state, a hello as read, a certificate as
 * read.  Nobody outside includes it.
 */
#ifndef APP_TLS_OWN_H
#define APP_TLS_OWN_H

#include "base/base.h"
#include "concert/parser.h"

enum {
	TLS_RECORD_HEADER = 5,
	TLS_RECORD_MAX = 16384 + 2048,   /* RFC 5246, 6.2.3; a little more than TLS 1.3 allows */
	TLS_CERTS_MAX = 16,              /* certificates of a chain that are read */
	TLS_CERTS_BYTES = 64 * 1024,     /* and their bytes */
	TLS_NAMES_MAX = 128,             /* subject alternative names that are recorded */
	TLS_CIPHERS_MAX = 1024,          /* values of a hello's lists; a hello with more has no fingerprint */
	TLS_LIST_MAX = 256,
	TLS_PROTOCOLS_MAX = 16,          /* ALPN names that are recorded */
	TLS_RECORDS_PER_FEED = 255,
};

enum { TLS_CCS = 20, TLS_ALERT, TLS_HANDSHAKE, TLS_APPLICATION_DATA, TLS_HEARTBEAT };

enum { TLS_CLIENT_HELLO = 1, TLS_SERVER_HELLO = 2, TLS_HELLO_VERIFY = 3, TLS_HELLO_RETRY_DRAFT = 6,
    TLS_CERTIFICATE = 11 };

enum {
	TLS_VERSION_SSL2 = 0x0002, TLS_VERSION_SSL3 = 0x0300, TLS_VERSION_10 = 0x0301, TLS_VERSION_11 = 0x0302,
	TLS_VERSION_12 = 0x0303, TLS_VERSION_13 = 0x0304,
	/* DTLS counts downwards; the first is that of OpenSSL before there was a standard. */
	DTLS_VERSION_BAD = 0x0100, DTLS_VERSION_10 = 0xfeff, DTLS_VERSION_12 = 0xfefd, DTLS_VERSION_13 = 0xfefc,
};

enum {
	TLS_EXT_SERVER_NAME = 0, TLS_EXT_GROUPS = 10, TLS_EXT_POINT_FORMATS = 11, TLS_EXT_SIGNATURES = 13,
	TLS_EXT_ALPN = 16,
	TLS_EXT_TICKET = 35, TLS_EXT_PSK = 41, TLS_EXT_VERSIONS = 43, TLS_EXT_ECH = 0xfe0d,
};

/* Indices into tls_fields.  Server's and client's certificate have their values in the same order. */
enum tls_field {
	TLS_F_SNI, TLS_F_VERSION, TLS_F_VERSION_NUMBER,
	TLS_F_CLIENT_VERSION_NUMBER, TLS_F_STATE, TLS_F_NOT_BEFORE_TIME, TLS_F_NOT_AFTER_TIME,
	TLS_F_SUBJECT, TLS_F_ISSUER, TLS_F_SERIAL, TLS_F_FINGERPRINT, TLS_F_NOT_BEFORE, TLS_F_NOT_AFTER, TLS_F_ALT_NAME,
	TLS_F_CLIENT_SUBJECT, TLS_F_CLIENT_ISSUER, TLS_F_CLIENT_SERIAL, TLS_F_CLIENT_FINGERPRINT,
	TLS_F_CLIENT_NOT_BEFORE,
	TLS_F_CLIENT_NOT_AFTER, TLS_F_CLIENT_ALT_NAME,
	TLS_F_SESSION_RESUMED, TLS_F_JA3_HASH, TLS_F_JA3_STRING, TLS_F_JA3S_HASH, TLS_F_JA3S_STRING, TLS_F_JA4,
	TLS_F_CLIENT_ALPN, TLS_F_SERVER_ALPN, TLS_F_CLIENT_VERSION, TLS_F_SERVER_VERSION, TLS_F_SERVER_CIPHER,
	TLS_F_CERTS, TLS_F_CERT_SHA256, TLS_F_CHAIN_SHA256, TLS_F_CLIENT_CERT_SHA256,
	/* Of one buffer, the client's and the server's: + enum cc_dir. */
	TLS_F_ALPN_TS, TLS_F_ALPN_TC, TLS_F_RANDOM_TS, TLS_F_RANDOM_TC, TLS_F_RANDOM_TIME_TS, TLS_F_RANDOM_TIME_TC,
	TLS_F_RANDOM_BYTES_TS, TLS_F_RANDOM_BYTES_TC, TLS_F_CHAIN_LENGTH, TLS_F_CLIENT_CERTS,
	TLS_F_ECH, TLS_F_ECH_CONFIG,
	TLS_F_COUNT,
};

enum tls_anomaly {
	TLS_INVALID_HEADER,
	TLS_INVALID_RECORD_TYPE,
	TLS_INVALID_RECORD_VERSION,
	TLS_INVALID_RECORD_LENGTH,
	TLS_INVALID_HANDSHAKE,
	TLS_HANDSHAKE_TOO_LONG,
	TLS_TOO_MANY_RECORDS,
	TLS_TOO_MANY_VALUES,
	TLS_MULTIPLE_SNI,
	TLS_INVALID_SNI_TYPE,
	TLS_INVALID_SNI_LENGTH,
	TLS_HEARTBEAT_MESSAGE,
	TLS_INVALID_HEARTBEAT,
	TLS_OVERFLOW_HEARTBEAT,
	TLS_DATALEAK_HEARTBEAT,
	TLS_INVALID_RECORD,
	TLS_ERROR_MESSAGE,
	TLS_INVALID_SSL2_HEADER,
	TLS_INVALID_CERTIFICATE,
	TLS_CERT_MISSING_ELEMENT,
	TLS_CERT_INVALID_LENGTH,
	TLS_CERT_INVALID_VERSION,
	TLS_CERT_INVALID_SERIAL,
	TLS_CERT_INVALID_ALGORITHM,
	TLS_CERT_INVALID_NAME,
	TLS_CERT_INVALID_DATE,
	TLS_CERT_INVALID_EXTENSIONS,
	TLS_CERT_INVALID_DER,
	TLS_CERT_INVALID_VALIDITY,
	TLS_CERT_INVALID_SUBJECT,
	TLS_CERT_INVALID_ISSUER,
	TLS_CERT_EXPIRED,
	TLS_CERT_NOT_YET_VALID,
	TLS_CERT_SELF_SIGNED,
	TLS_OBSOLETE_VERSION,
	TLS_EXPORT_CIPHER,
	TLS_NULL_CIPHER,
	TLS_ANONYMOUS_CIPHER,
	TLS_WEAK_CIPHER,
	TLS_CERT_WEAK_SIGNATURE,
	TLS_CERT_SHORT_KEY,
	TLS_ANOMALY_COUNT,
};

/* One side's handshake messages, put together where records cut them. */
enum { TLS_FRAME_PDU, TLS_FRAME_HDR, TLS_FRAME_DATA, TLS_FRAME_ALERT, TLS_FRAME_HEARTBEAT, TLS_FRAME_SSL2_HDR,
    TLS_FRAME_SSL2_PDU,
    TLS_FRAME_COUNT };

struct tls_side {
	uint8_t head[4];          /* of a message that is cut in its header */
	uint8_t head_size;
	bool began;               /* a record was seen */
	bool over;                /* nothing more of this side can be read, or is wanted */
	bool finished;            /* the flow has told us so */
	uint8_t type;             /* of the message in buf */
	uint8_t *buf;             /* pool memory, room bytes; NULL: no message is open */
	uint32_t room, size, need;
	uint32_t skip;            /* bytes of a message that nobody wants, still to come */
	uint32_t left;            /* of a record that is passed by for its frames */
	bool blind;               /* what comes is no record */
};

struct tls_state {
	struct cc_tx *tx;
	struct tls_side side[2];
	uint64_t reported;        /* bits by enum tls_anomaly: each once a flow */
	uint16_t version;         /* negotiated; 0: not known */
	bool datagram;            /* this is DTLS */
	bool inner;               /* another protocol carries the records: they are no frames of the flow */
	bool client_hello, server_hello, retry, done;
	bool turned;              /* the flow stands the wrong way round: its client is at the server's end */
	bool certificate, client_certificate; /* seen */
	bool client_ticket;       /* the client offered a session ticket */
	bool resumed;
	bool fingerprinted;       /* the server's hello has its JA3S */
	uint8_t seen;             /* messages, bits of ssl_state */
	uint16_t heartbeat;       /* size of the request that waits for its answer, 0: none */
	enum cc_dir heartbeat_dir;
	uint8_t session_size;
	uint8_t session[32];      /* id that the client offered */
};

/* A client's or server's hello, as read; lists are without GREASE (RFC 8701).  Slices borrow of the message. */
struct tls_hello {
	uint16_t version;         /* legacy_version */
	uint16_t chosen;          /* server: of supported_versions, 0: none; client: its highest */
	bool has_versions, has_sni, has_psk, has_extensions;
	bool datagram;            /* of DTLS */
	bool has_ech;             /* the outer hello of an encrypted one, or pretends to be */
	uint8_t ech_config;       /* id of the key that it is encrypted for */
	bool overflow;            /* a list is longer than what is kept */
	bool broken;              /* something inside is not as it must be */
	unsigned wrong_sni;       /* anomaly + 1, or 0 */
	struct slice random, session, cookie, sni, ticket, alpn;
	uint16_t cipher_count, ext_count, group_count, sig_count, format_count;
	uint16_t cipher[TLS_CIPHERS_MAX], ext[TLS_LIST_MAX], group[TLS_LIST_MAX], sig[TLS_LIST_MAX];
	uint8_t format[TLS_LIST_MAX];
};

#define TLS_JA3_MAX (6 * (TLS_CIPHERS_MAX + 3 * TLS_LIST_MAX) + 16)
#define TLS_JA4_SIZE 36

/* hello.c: body of the handshake message, over datagrams or a stream.  CC_BAD: not a hello at all. */
enum cc_status tls_client_hello(struct slice body, bool datagram, struct tls_hello *ret_hello);
enum cc_status tls_server_hello(struct slice body, struct tls_hello *ret_hello);
bool tls_is_retry(const struct tls_hello *hello);
/* The next name of an ALPN list; false at its end. */
bool tls_next_protocol(struct cur *list, struct slice *ret_name);

static inline bool
tls_is_grease(unsigned value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

/* fingerprint.c: texts without NUL; the sizes are returned. */
size_t tls_ja3_text(const struct tls_hello *hello, char ret_text[TLS_JA3_MAX]);
size_t tls_ja3s_text(const struct tls_hello *hello, char ret_text[TLS_JA3_MAX]);
void tls_ja4_text(const struct tls_hello *hello, char protocol, char ret_text[TLS_JA4_SIZE]);
void tls_md5_text(struct slice bytes, char ret_text[32]);

/* What is wrong with a certificate: bits, in the order of the anomalies from TLS_CERT_MISSING_ELEMENT on. */
enum x509_wrong {
	X509_MISSING_ELEMENT = 1, X509_INVALID_LENGTH = 2, X509_INVALID_VERSION = 4, X509_INVALID_SERIAL = 8,
	X509_INVALID_ALGORITHM = 16, X509_INVALID_NAME = 32, X509_INVALID_DATE = 64, X509_INVALID_EXTENSIONS = 128,
	X509_INVALID_DER = 256, X509_INVALID_VALIDITY = 512, X509_INVALID_SUBJECT = 1024, X509_INVALID_ISSUER = 2048,
};

/* A certificate as read; slices borrow of its DER, and are empty where that was broken. */
struct x509 {
	struct slice serial;             /* the integer's bytes */
	struct slice issuer, subject;    /* contents of the Name */
	struct slice alt_names;          /* contents of the extension's GeneralNames */
	bool has_not_before, has_not_after;
	int64_t not_before, not_after;   /* seconds since 1970 */
	bool weak_signature;             /* of a hash that is broken: MD2, MD4, MD5, SHA-1 */
	uint32_t key_bits;               /* of RSA's modulus, or DSA's prime; 0: another kind */
};

/* x509.c: answers X509_ bits, 0: all right.  Whatever could be read is in *ret_cert, in any case. */
unsigned x509_read(struct slice der, struct x509 *ret_cert);
/* "C=US, O=Example, CN=example.org".  false: broken; what was right is in the text. */
bool x509_name_text(struct slice name, struct buf *text);
/* "0A:FF".  */
void x509_serial_text(struct slice serial, struct buf *text);
/* "2019-01-01T00:00:00"; false: a year that has not four digits. */
bool x509_time_text(int64_t seconds, char ret_text[20]);
/* The next DNS name, IP address or URI of alt_names; false at the end.  room holds the text of an address. */
bool x509_next_alt_name(struct cur *names, char room[48], struct slice *ret_name);

/* words.c */
const char *tls_version_text(uint16_t version, char room[24]);
bool tls_cipher_is_export(uint16_t cipher);
bool tls_cipher_is_null(uint16_t cipher);
bool tls_cipher_is_anonymous(uint16_t cipher);
/* RC4, DES, 3DES, IDEA: broken, or blocks too small (RFC 7465, RFC 9325). */
bool tls_cipher_is_weak(uint16_t cipher);

/* tls.c */
void tls_report(struct cc_ctx *ctx, struct tls_state *state, unsigned anomaly);
struct cc_tx *tls_tx(struct cc_ctx *ctx, struct tls_state *state);
void tls_side_over(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir);
void tls_set_version(struct cc_ctx *ctx, struct tls_state *state, uint16_t version);
void tls_done(struct cc_ctx *ctx, struct tls_state *state);
/* Takes whole records off *in; what is left is to be shown again with more behind it. */
enum cc_status tls_records(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct cur *in);
/* Memory of messages that are cut goes back. */
void tls_drop(struct cc_ctx *ctx, struct tls_state *state);
void tls_note_state(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, uint8_t type);
bool tls_type_known(unsigned type);

/* message.c: one whole handshake message.  CC_BAD: not TLS. */
enum cc_status tls_message(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, uint8_t type,
    struct slice body);
void tls_check_cipher(struct cc_ctx *ctx, struct tls_state *state, uint16_t cipher);

/* certs.c */
void tls_certificates(struct cc_ctx *ctx, struct tls_state *state, bool of_client, struct slice body);
void tls_leaf(struct cc_ctx *ctx, struct tls_state *state, bool of_client, struct slice der);

/* ssl2.c: takes SSL 2.0 records off *in.  CC_ABSENT: these aren't any. */
enum cc_status tls_ssl2_probe(struct slice in);
enum cc_status tls_ssl2_feed(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct cur *in);

/* probe.c */
enum cc_status tls_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

#endif
