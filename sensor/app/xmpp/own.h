/* What xmpp's files share: a piece of XML as read, a flow's state.  Nobody outside includes it. */
#ifndef APP_XMPP_OWN_H
#define APP_XMPP_OWN_H

#include "base/base.h"
#include "concert/parser.h"

enum { XMPP_DEPTH = 64 /* elements in elements; deeper is told, and only counted */ };

enum xmpp_field {
	XMPP_F_ELEMENT,
	XMPP_F_FROM,
	XMPP_F_TO,
	XMPP_F_TYPE,
	XMPP_F_ID,
	XMPP_F_NS,
	XMPP_F_VERSION,
	XMPP_F_LANG,
	XMPP_F_CHILD,
	XMPP_F_CHILD_NS,
	XMPP_F_MECHANISM,
	XMPP_F_USER,
	XMPP_F_COUNT
};

enum xmpp_anomaly {
	XMPP_CREDENTIALS,
	XMPP_INJECTION,
	XMPP_FORBIDDEN,
	XMPP_MALFORMED,
	XMPP_TAG_TOO_LONG,
	XMPP_TOO_DEEP,
	XMPP_ANOMALY_COUNT
};

enum xmpp_kind {
	XMPP_TEXT, /* between tags */
	XMPP_OPEN,
	XMPP_EMPTY,
	XMPP_CLOSE,   /* <a>, <a/>, </a> */
	XMPP_DECLARE, /* <?xml ... ?> */
	XMPP_OTHER,   /* comments, document types: not allowed */
};

struct xmpp_token {
	enum xmpp_kind kind;
	struct slice name; /* of a tag, without its prefix */
	struct slice rest; /* its attributes; a text */
};

enum { XMPP_NO_TLS, XMPP_ASKED };

struct xmpp_side {
	struct cc_tx *tx; /* the element at depth 1 that is open */
	uint16_t depth;
	bool began;            /* in a stream: depth counts its root */
	bool lost;             /* behind a gap: the next stanza is looked for */
	bool in_cdata, in_tag; /* in_tag: the rest of a tag that is too long is passed by */
	bool secret;           /* text is a login's: <auth>, or a password */
	bool plain;            /* of the mechanism that has user and password */
	bool user;             /* text is a user's name */
	bool told_child;
};

struct xmpp_state {
	struct xmpp_side side[2];
	uint8_t tls;      /* the client has asked for it */
	uint8_t reported; /* bits by anomaly */
};

/* xml.c */
/* The next piece.  CC_MORE: not all here; CC_BAD: no XML.  limit: of a tag; a text is given as far as it is here. */
enum cc_status xmpp_token(struct cur *in, size_t limit, struct xmpp_token *ret_token);
/* An attribute's value by its name, with or without a prefix; false: it has none. */
bool xmpp_attribute(const struct xmpp_token *token, const char *name, struct slice *ret_value);
enum cc_status xmpp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

#endif
