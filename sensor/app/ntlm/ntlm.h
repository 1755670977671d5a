/*
 * NTLMSSP (MS-NLMP), for every protocol that logs on by it: a message in, who and what from where out.  Bytes of the
 * network in, slices of them out; no memory, any thread.  No response, hash or key is ever kept.
 *
 *     "NTLMSSP\0" | type 4 LE | ...    1: negotiate, 2: challenge, 3: authenticate
 *
 * Messages are found where they are wrapped (SPNEGO, GSS-API) by their signature.
 */
#ifndef NTLM_NTLM_H
#define NTLM_NTLM_H

#include "base/base.h"
#include "concert/parser.h"

#define NTLM_TEXT_MAX 512      /* bytes of a name as UTF-8; longer ones are cut */
#define NTLM_VERSION_MAX 40
#define NTLM_NONE 0xff         /* in struct ntlm_table */

enum ntlm_type { NTLM_NEGOTIATE = 1, NTLM_CHALLENGE, NTLM_AUTHENTICATE };

/* What ntlm_put() found, as bits. */
enum {
	NTLM_FOUND = 1,
	NTLM_V1 = 2,            /* answered in version 1 */
	NTLM_MALFORMED = 4,
	NTLM_ANONYMOUS = 8,     /* as nobody: no user and no response */
};

struct ntlm {
	uint32_t type;              /* enum ntlm_type */
	uint32_t flags;
	struct slice domain, user, host; /* as on the wire; domain is the server's name in a challenge */
	bool unicode;               /* of these three */
	bool has_version;
	bool anonymous;             /* no user and no response: a null session */
	bool v1;                    /* answered in version 1: LM or NTLM, with or without extended session security */
	uint8_t major, minor, revision;
	uint16_t build;
};

/* Which of the parser's fields is what; `server` is the challenge's target.  What it has none of is NTLM_NONE. */
struct ntlm_table {
	uint8_t domain, user, host, version, server;
};

/* The first message in these bytes.  False: there is none. */
bool ntlm_find(struct slice in, struct slice *ret_message);
/* CC_BAD: it isn't built as it must be. */
enum cc_status ntlm_read(struct slice message, struct ntlm *ret_ntlm);
/* A name as UTF-8. */
struct slice ntlm_text(struct slice raw, bool unicode, char ret_text[NTLM_TEXT_MAX]);
/* "10.0 build 19041 rev 15" */
void ntlm_version(const struct ntlm *ntlm, char ret_text[NTLM_VERSION_MAX]);

/*
 * Finds and reads a message, and puts what it says: of a challenge the server's name, of an authenticate message user,
 * domain, host and version.  What is odd is the caller's to report.
 */
unsigned ntlm_put(struct cc_ctx *ctx, struct cc_tx *tx, const struct ntlm_table *table, struct slice in);
/* The same of base64, as HTTP and mail have it. */
unsigned ntlm_put_base64(struct cc_ctx *ctx, struct cc_tx *tx, const struct ntlm_table *table, struct slice text);

#endif
