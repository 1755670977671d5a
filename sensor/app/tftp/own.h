/* What tftp's files share: requests, and the transfer that follows them.  Nobody outside includes it. */
#ifndef TFTP_OWN_H
#define TFTP_OWN_H

#include "base/base.h"
#include "concert/parser.h"

#define TFTP_BLOCK 512          /* bytes of a block where nothing else was agreed */
#define TFTP_BLOCK_MAX 65464    /* RFC 2348 */
#define TFTP_OPTIONS_MAX 16
#define TFTP_NOTE_SIZE 3        /* opcode, size of blocks asked for; then the file's name */

enum tftp_opcode { TFTP_RRQ = 1, TFTP_WRQ, TFTP_DATA, TFTP_ACK, TFTP_ERROR, TFTP_OACK };

/* What a transfer tells, in either parser's table: they begin alike. */
enum {
	T_COMMAND,
	T_FILE,
	T_BLOCK_SIZE,
	T_TRANSFER_SIZE,
	T_WINDOW_SIZE,
	T_ERROR_CODE,
	T_ERROR,
	T_TRANSFER_COUNT,
	T_MODE = T_TRANSFER_COUNT, /* of requests alone */
	T_REQUEST_COUNT,
};

enum {
	TFTP_ODD_MODE,
	TFTP_ODD_OPTION,
	TFTP_ODD_PATH,
	TFTP_ODD_NAME,
	TFTP_ODD_BLOCK_SIZE,
	TFTP_ODD_MISSING,
	TFTP_ODD_BOTH_WAYS,
	TFTP_ODD_OPCODE,
	TFTP_ODD_COUNT
};

struct tftp_request {
	uint16_t opcode;
	struct slice name, mode;
	struct cur options;         /* name NUL value NUL … */
};

struct tftp_transfer {
	struct cc_tx *tx;
	struct cc_file *file;
	uint16_t opcode;            /* TFTP_RRQ, TFTP_WRQ; 0: not known */
	uint16_t block_size;        /* agreed; 0: not yet */
	uint16_t asked_size;        /* by the request; 0: nothing asked */
	uint16_t next;              /* number of the block to come */
	bool began, over;
	enum cc_dir dir;            /* of the data */
	uint8_t told;               /* bits by anomaly */
};

extern const struct cc_parser tftp_parser, tftp_data_parser;
extern const struct cc_anomaly tftp_anomalies[TFTP_ODD_COUNT];

/* read.c */
enum cc_status tftp_request_read(struct slice in, struct tftp_request *ret_request);
bool tftp_mode_known(struct slice mode);
/* The next option; false: no more, or (*ret_bad) what is there is none. */
bool tftp_next_option(struct cur *options, struct slice *ret_name, struct slice *ret_value, bool *ret_bad);

/* data.c */
/* A packet of a transfer: DATA, ACK, ERROR, OACK.  name: of the file. */
void tftp_transfer_packet(struct cc_ctx *ctx, struct tftp_transfer *t, enum cc_dir dir, struct slice in,
    struct slice name);
/* Values of the options in the transaction; what they agree on when an OACK says so. */
void tftp_options(struct cc_ctx *ctx, struct tftp_transfer *t, struct cur *options, bool agreed);
void tftp_transfer_end(struct cc_ctx *ctx, struct tftp_transfer *t);
void tftp_odd(struct cc_ctx *ctx, struct tftp_transfer *t, unsigned anomaly);

#endif
