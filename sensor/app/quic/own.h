/*
 * What the files of sensor/app/quic/ share: the field table's order, a packet as read, a flow's state.  Nobody outside
 * includes it.
 */
#ifndef APP_QUIC_OWN_H
#define APP_QUIC_OWN_H

#include "base/base.h"
#include "concert/parser.h"

enum {
	QUIC_CID_MAX = 20,           /* RFC 9000, 17.2 */
	QUIC_PLAIN_MAX = 16 * 1024,  /* an Initial packet that is decrypted; longer ones are passed by */
	QUIC_CRYPTO_MAX = 16 * 1024, /* a side's handshake bytes that are put together */
	QUIC_CRYPTO_FIRST = 2 * 1024,
	QUIC_PACKETS_MAX = 16,       /* packets of a datagram that are looked at */
	QUIC_DATAGRAMS_MAX = 64,     /* of a flow; then what was seen is told */
	QUIC_FRAMES_MAX = 1024,      /* of a packet, a run of padding is one */
	QUIC_TAGS_MAX = 128,         /* of Google's CHLO */
	QUIC_PROTOCOLS_MAX = 16,     /* ALPN names that are recorded */
};

/* Versions that begin with a Q (Google's) and carry a CHLO instead of a TLS hello. */
enum {
	QUIC_V1 = 1, QUIC_V2 = 0x6b3343cf,
	QUIC_Q039 = 0x51303339, QUIC_Q043 = 0x51303433, QUIC_Q044 = 0x51303434, QUIC_Q045 = 0x51303435,
	QUIC_Q046 = 0x51303436, QUIC_Q050 = 0x51303530, QUIC_T051 = 0x54303531,
};

/* Kinds of packets, whatever bits a version gives them. */
enum quic_kind { QUIC_INITIAL, QUIC_ZERO_RTT, QUIC_HANDSHAKE, QUIC_RETRY, QUIC_NEGOTIATION };

/* What an Initial packet may be protected with: a salt and words for the key derivation. */
enum quic_suite { QUIC_S_V1, QUIC_S_D29, QUIC_S_D23, QUIC_S_D21, QUIC_S_V2, QUIC_S_Q050, QUIC_S_T051, QUIC_S_COUNT };

/* A packet with a long header (RFC 9000, 17.2).  Slices borrow of the datagram. */
struct quic_packet {
	uint32_t version;
	enum quic_kind kind;
	struct slice dcid, scid;
	struct slice all;   /* first byte to last */
	size_t number;      /* where the packet number stands in all; Initial, 0-RTT and Handshake */
};

struct quic_keys {
	uint8_t key[16], iv[12], hp[16];
};

struct quic_cid {
	uint8_t size;
	uint8_t b[QUIC_CID_MAX];
};

enum quic_field {
	QUIC_F_VERSION, QUIC_F_CLIENT_VERSION, QUIC_F_SERVER_VERSION, QUIC_F_SNI, QUIC_F_UA,
	QUIC_F_CYU, QUIC_F_CYU_HASH, QUIC_F_CYU_STRING, QUIC_F_CYU_HASH_BUFFER, QUIC_F_CYU_STRING_BUFFER,
	QUIC_F_JA3_HASH, QUIC_F_JA3_STRING, QUIC_F_JA3S_HASH, QUIC_F_JA3S_STRING, QUIC_F_JA4, QUIC_F_ALPN,
	QUIC_F_COUNT,
};

enum quic_anomaly {
	QUIC_FAILED_DECRYPT,
	QUIC_ERROR_ON_DATA,
	QUIC_CRYPTO_TOO_LONG,
	QUIC_BAD_HELLO,
	QUIC_TOO_MANY_VALUES,
	QUIC_OBSOLETE_VERSION,
	QUIC_ANOMALY_COUNT,
};

/* One side's handshake bytes from its CRYPTO frames, in any order, put together in pool memory. */
struct quic_stream {
	uint8_t *bytes;     /* room bytes, then a bitmap of those that are here */
	uint32_t room, have; /* have: from the beginning, without a hole */
	bool over;          /* the hello was read, or can't be */
};

struct quic_state {
	struct cc_tx *tx;
	bool known;             /* the client's Initial was read: from here on `client`, cid and suite stand */
	bool over;
	bool google;            /* Q039 to Q046 */
	enum cc_dir client;     /* the side that it sends on */
	struct quic_cid cid;    /* what its keys are derived from */
	struct quic_cid retry;  /* what they may be derived from next; of the first Retry; size 0: none was seen */
	uint32_t reported;      /* bits by enum quic_anomaly: each once a flow */
	unsigned datagrams;
	struct quic_stream stream[2]; /* of the client, of the server */
};

/* packet.c: takes the next packet off a datagram.  CC_ABSENT: what is left is none with a long header. */
enum cc_status quic_packet(struct cur *in, struct quic_packet *ret_packet);
uint64_t quic_varint(struct cur *c);
/* Bits 1 << enum quic_suite that a version may use; 0: an unknown version. */
unsigned quic_suites(uint32_t version);
bool quic_is_google(uint32_t version);
/* As EVE spells it: "1", "v2", "ff00001d", "Q046". */
const char *quic_version_text(uint32_t version, char room[12]);

/* crypt.c */
void quic_derive(enum quic_suite suite, struct slice cid, bool of_server, struct quic_keys *ret_keys);
/*
 * Decrypts an Initial packet and says whether it is authentic: false for anything that isn't, with ret_plain of no
 * meaning then.  ret_size: of the frames in it.
 */
bool quic_open(const struct quic_keys *keys, const struct quic_packet *packet, uint8_t ret_plain[QUIC_PLAIN_MAX],
    size_t *ret_size);
/* The same with all suites that the packet's version may use. */
bool quic_unlock(const struct quic_packet *packet, struct slice cid, bool of_server,
    uint8_t ret_plain[QUIC_PLAIN_MAX], size_t *ret_size);

/* google.c: a datagram of Q039 to Q046, whose handshake isn't encrypted.  CC_BAD: isn't one of a client. */
enum cc_status quic_google(struct slice datagram, uint32_t *ret_version, struct slice *ret_hello);
/* A CHLO to values.  ret_full: it is the client's last.  CC_MORE: it isn't whole. */
enum cc_status quic_chlo(struct cc_ctx *ctx, struct cc_tx *tx, uint32_t version, struct slice bytes, bool *ret_full);

/* hello.c: the handshake message at the beginning of a side's bytes.  CC_MORE: not whole yet. */
enum cc_status quic_hello(struct cc_ctx *ctx, struct quic_state *state, bool of_server, uint32_t version,
    struct slice bytes);

/* quic.c */
void quic_report(struct cc_ctx *ctx, struct quic_state *state, unsigned anomaly);

#endif
