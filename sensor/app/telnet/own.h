/* What telnet's files share: a session's state.  Nobody outside includes it. */
#ifndef APP_TELNET_OWN_H
#define APP_TELNET_OWN_H

#include "base/base.h"
#include "concert/parser.h"

enum { TELNET_SE = 240, TELNET_SB = 250, TELNET_WILL, TELNET_WONT, TELNET_DO, TELNET_DONT, TELNET_IAC };
enum {
	TELNET_TERMINAL = 24, TELNET_DISPLAY = 35, TELNET_OLD_ENVIRON = 36, TELNET_ENCRYPT = 38, TELNET_ENVIRON = 39,
	TELNET_START_TLS = 46,
};
enum { TELNET_USER_MAX = 64, TELNET_TAIL = 16, TELNET_OPTIONS_MAX = 32, TELNET_VARS_MAX = 16, TELNET_VALUE_MAX = 256 };

enum telnet_field { F_USER, F_SUCCESS, F_TERMINAL, F_DISPLAY, F_ENVIRON, F_CLIENT_OPTIONS, F_SERVER_OPTIONS, F_COUNT };

enum telnet_anomaly { A_CREDENTIALS, A_USER_IS_OPTION, A_SUB_TOO_LONG, A_INVALID_COMMAND, A_COUNT };

enum { FRAME_PDU, FRAME_CTL, FRAME_DATA, FRAME_COUNT };

/* What the client's next line is. */
enum telnet_asked { ASKED_NOTHING, ASKED_USER, ASKED_PASSWORD, ASKED_RESULT };

struct telnet_options {
	uint8_t count;
	struct {
		uint8_t command, option;
	} item[TELNET_OPTIONS_MAX];
};

struct telnet_state {
	struct cc_tx *tx;
	uint8_t reported;          /* bits by anomaly */
	uint8_t asked;             /* enum telnet_asked */
	bool told, over, skip[2];        /* skip: to the end of a suboption too long */
	bool cr, typed_password;   /* the client's last byte was CR; a password is not empty */
	bool tls[2];               /* START_TLS FOLLOWS was said */
	uint8_t user_size, tail_size;
	uint8_t user[TELNET_USER_MAX];
	uint8_t tail[TELNET_TAIL]; /* the server's last text, in lower case, without spaces */
	uint8_t vars;
	struct telnet_options options[2];
};

/* telnet.c */
void telnet_report(struct cc_ctx *ctx, struct telnet_state *state, unsigned anomaly);
struct cc_tx *telnet_tx(struct cc_ctx *ctx, struct telnet_state *state);
/* An attempt to log in, or the session, is through. */
void telnet_tell(struct cc_ctx *ctx, struct telnet_state *state);

/* option.c: WILL, WONT, DO, DONT; a suboption's bytes behind its code, as sent.  false: what follows is encrypted. */
void telnet_option(struct telnet_state *state, enum cc_dir dir, unsigned command, unsigned option);
bool telnet_suboption(
    struct cc_ctx *ctx, struct telnet_state *state, enum cc_dir dir, unsigned option, struct slice raw);
void telnet_put_options(struct cc_ctx *ctx, struct telnet_state *state);
enum cc_status telnet_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

/* login.c: plain text of a side. */
void telnet_typed(struct cc_ctx *ctx, struct telnet_state *state, struct slice text);
void telnet_shown(struct cc_ctx *ctx, struct telnet_state *state, struct slice text);

#endif
