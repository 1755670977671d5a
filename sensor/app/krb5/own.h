/* What krb5's files share: a message as it was read.  Nobody outside includes it. */
#ifndef KRB5_OWN_H
#define KRB5_OWN_H

#include "base/base.h"
#include "concert/parser.h"

#define KRB5_PARTS_MAX 16       /* strings of a principal's name that are kept */
#define KRB5_TYPES_MAX 64       /* encryption types of a request that are kept */
#define KRB5_VERSION 5
#define KRB5_ETYPE_WORDS 64
#define KRB5_TYPE_WORDS 5

enum krb5_type { KRB5_AS_REQ = 10, KRB5_AS_REP, KRB5_TGS_REQ, KRB5_TGS_REP, KRB5_AP_REQ, KRB5_AP_REP, KRB5_ERROR = 30 };

struct krb5_name {
	struct slice part[KRB5_PARTS_MAX];
	unsigned count;
};

struct krb5_message {
	uint8_t type;               /* enum krb5_type */
	bool has_realm, has_etype, has_ticket_etype;
	struct slice realm;
	struct krb5_name cname, sname;
	int64_t etype, ticket_etype; /* of a reply and its ticket */
	int64_t error;
	struct slice error_text;
	int64_t types[KRB5_TYPES_MAX];
	unsigned types_count;       /* that a request offers */
};

/*
 * Is this the beginning of a message?  CC_MORE: too short to say.  *ret_size: of the message, which need not all be
 * here.
 */
enum cc_status krb5_begins(struct slice in, size_t *ret_size);
/* A whole message.  CC_BAD: it isn't built as it must be; what was read until then stands in *ret_message. */
enum cc_status krb5_read(struct slice in, struct krb5_message *ret_message);

/* words.c */
const char *krb5_type_text(unsigned type);       /* "KRB_AS_REQ" */
const char *krb5_error_text(int64_t code);       /* NULL: unknown */
const char *krb5_etype_text(int64_t etype);      /* NULL: unknown */
bool krb5_etype_weak(int64_t etype);
extern const struct cc_word krb5_etype_words[KRB5_ETYPE_WORDS], krb5_type_words[KRB5_TYPE_WORDS];

#endif
