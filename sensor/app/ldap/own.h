/* What ldap's files share: a flow's state, operations, fields and anomalies.  Nobody outside includes it. */
#ifndef LDAP_OWN_H
#define LDAP_OWN_H

#include "app/ntlm/ntlm.h"

#define LDAP_WAITING 256      /* requests that may wait for their answer; then the oldest is told */
#define LDAP_OPS 26           /* numbers of operations */
#define LDAP_OP_WORDS 21
#define LDAP_CODE_WORDS 40
#define LDAP_FILTER_MAX 2048  /* bytes of a filter's text */

enum ldap_field {
#define FIELD(symbol, buffer, eve, type, flags, help) F_##symbol,
#include "app/ldap/fields.def"
#undef FIELD
	F_COUNT
};

enum ldap_anomaly {
	A_TOO_MANY, A_INVALID, A_NOT_FOUND, A_TOO_LONG, A_CREDENTIALS, A_NTLM_V1, A_NTLM_MALFORMED, A_INJECTION,
	A_ENCRYPTED, A_TOO_DEEP, A_COUNT
};

enum ldap_op {
	OP_BIND, OP_BIND_RESPONSE, OP_UNBIND, OP_SEARCH, OP_ENTRY, OP_SEARCH_DONE, OP_MODIFY, OP_MODIFY_RESPONSE,
	OP_ADD, OP_ADD_RESPONSE, OP_DEL, OP_DEL_RESPONSE, OP_MOD_DN, OP_MOD_DN_RESPONSE, OP_COMPARE,
	OP_COMPARE_RESPONSE, OP_ABANDON,
	OP_REFERENCE = 19, OP_EXTENDED = 23, OP_EXTENDED_RESPONSE, OP_INTERMEDIATE,
};

struct ldap_tx {
	struct cc_tx *next;
	int64_t id;
	uint32_t responses;
	uint8_t op;               /* enum ldap_op; of an answer alone OP_ABANDON */
	bool sasl, starttls;
	bool alone;               /* its request wasn't seen */
};

struct ldap_side {
	uint64_t skip;            /* bytes of a message that is passed by */
	bool lost;                /* where a message begins isn't known */
	bool seen;
};

struct ldap {
	struct cc_tx *first, *last; /* wait for their answers, oldest first */
	struct ldap_side side[2];
	uint32_t count;
	uint32_t reported;        /* bits by anomaly */
	bool wrapped;             /* SASL's layer may stand around messages */
	bool starttls;            /* was asked for */
	bool finished[2];
};

/* ldap.c */
void ldap_report(struct cc_ctx *ctx, struct ldap *ldap, struct cc_tx *tx, unsigned anomaly);

/*
 * read.c: what a message says, into its transaction.  false: it isn't built as it must be.  *ret_code: a result's, -1:
 * it has none.
 */
bool ldap_request(struct cc_ctx *ctx, struct ldap *ldap, struct cc_tx *tx, enum ldap_op op, struct slice body);
bool ldap_response(struct cc_ctx *ctx, struct cc_tx *tx, enum ldap_op op, struct slice body, int64_t *ret_code);

/* text.c */
/* A filter as text; *ret_deep: more than BER_DEPTH_MAX levels, of which the deeper ones are left out. */
size_t ldap_filter_text(struct slice filter, char *text, size_t room, bool *ret_deep);
const char *ldap_op_text(unsigned op);        /* NULL: unknown */
const char *ldap_code_text(int64_t code);     /* NULL: unknown */
extern const struct cc_word ldap_op_words[LDAP_OP_WORDS], ldap_code_words[LDAP_CODE_WORDS];

#endif
