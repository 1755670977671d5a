/* What the files of sensor/app/ssh/ share: fields, anomalies, a flow's state. */
#ifndef SSH_OWN_H
#define SSH_OWN_H

#include "base/base.h"
#include "concert/parser.h"

#define SSH_BANNER_MAX 255       /* RFC 4253, 4.2, with CR LF */
#define SSH_LINE_MAX 8192        /* bytes of a line that are waited for before it is given up */
#define SSH_PRE_LINES 64         /* lines that a server may say before its banner */
#define SSH_PACKET_MAX 35000     /* RFC 4253, 6.1 */
#define SSH_UNIT_MAX 65536
#define SSH_LISTS_MAX 8192 /* bytes of a side's lists that are kept for the other's */

enum ssh_field {
	SSH_F_CLIENT_PROTO, SSH_F_CLIENT_SOFTWARE, SSH_F_CLIENT_COMMENT, SSH_F_HASSH, SSH_F_HASSH_STRING,
	SSH_F_SERVER_PROTO, SSH_F_SERVER_SOFTWARE, SSH_F_SERVER_COMMENT, SSH_F_HASSH_SERVER, SSH_F_HASSH_SERVER_STRING,
	SSH_F_HOST_KEY_TYPE, SSH_F_HOST_KEY_SHA256,
	SSH_F_COUNT,
};

enum ssh_anomaly {
	SSH_INVALID_BANNER,
	SSH_LONG_BANNER,
	SSH_INVALID_RECORD,
	SSH_LONG_KEX_RECORD,
	SSH_INVALID_KEX,
	SSH_OBSOLETE_VERSION,
	SSH_WEAK_KEX,
	SSH_WEAK_HOST_KEY,
	SSH_WEAK_CIPHER,
	SSH_WEAK_MAC,
	SSH_ANOMALY_COUNT,
};

/* What comes next on a side. */
enum ssh_step { SSH_BANNER, SSH_PACKETS, SSH_OVER };

struct ssh_side {
	uint8_t step;            /* enum ssh_step */
	bool finished;           /* the flow has told us so */
	bool kexinit;            /* seen */
	const struct ssh_kexinit *kex; /* and read: in the transaction's memory */
	bool both;               /* its banner says 1.99: SSH 2, but SSH 1 with those that want it */
	bool began;              /* a packet was seen */
	bool in_line;            /* the rest of a line that was too long is passed by */
	uint16_t lines;          /* before the banner */
	uint32_t skip;           /* bytes of a packet that nobody wants, still to come */
};

struct ssh_state {
	struct cc_tx *tx;
	struct ssh_side side[2];
	bool done;               /* the transaction was told */
	bool old;                /* a side speaks SSH 1: its packets are others */
	bool host_key;           /* seen */
	uint32_t reported;       /* bits by enum ssh_anomaly: each once a flow */
};

/* "SSH-2.0-OpenSSH_9.2p1 Debian-2": slices borrow of the line. */
struct ssh_banner {
	struct slice proto, software, comment;
};

/* A KEXINIT's ten name lists (RFC 4253, 7.1), in its order; they borrow. */
enum ssh_list {
	SSH_KEX, SSH_HOST_KEYS, SSH_CIPHER_TS, SSH_CIPHER_TC, SSH_MAC_TS, SSH_MAC_TC, SSH_COMPRESSION_TS,
	SSH_COMPRESSION_TC, SSH_LANGUAGE_TS, SSH_LANGUAGE_TC, SSH_LISTS,
};

struct ssh_kexinit {
	struct slice list[SSH_LISTS];
};

/* read.c: without any state. */
enum cc_status ssh_banner_read(struct slice line, struct ssh_banner *ret_banner);
enum cc_status ssh_kexinit_read(struct slice payload, struct ssh_kexinit *ret_kexinit);
/* The host key's blob in the server's answer of a key exchange, whichever of them it is.  CC_ABSENT: there is none. */
enum cc_status ssh_host_key_read(struct slice payload, struct slice *ret_blob, struct slice *ret_type);
enum cc_status ssh_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

/* weak.c: what both agree on, of lists and of the key, as far as it is weak: bits by enum ssh_anomaly. */
unsigned ssh_weak_choice(const struct ssh_kexinit *client, const struct ssh_kexinit *server);
bool ssh_weak_key(struct slice blob);

/* hassh.c: the text that HASSH is the MD5 of, into transaction memory; NULL p: no memory. */
void ssh_put_hassh(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, const struct ssh_kexinit *kexinit);

#endif
