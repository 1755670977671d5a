/* What the files of sensor/app/ftp/ share: fields, anomalies, a control connection's state, the note to its data. */
#ifndef FTP_OWN_H
#define FTP_OWN_H

#include "base/base.h"
#include "concert/parser.h"

#define FTP_LINE_MAX 8192    /* bytes of a line that are kept */
#define FTP_LINE_LONG 4096   /* no server takes longer ones */
#define FTP_REPLY_LINES 512  /* of a transaction */
#define FTP_PIPELINE 64      /* commands that wait for their reply, or replies for their command */
#define FTP_WORD_MAX 16      /* of a command's word */

enum ftp_field {
	FTP_F_COMMAND, FTP_F_COMMAND_DATA, FTP_F_COMMAND_TRUNCATED, FTP_F_CODE, FTP_F_REPLY, FTP_F_REPLY_TRUNCATED,
	FTP_F_DYNAMIC_PORT, FTP_F_MODE, FTP_F_REPLY_RECEIVED,
	FTP_F_COUNT,
};

enum ftp_anomaly {
	FTP_REQUEST_TOO_LONG, FTP_RESPONSE_TOO_LONG, FTP_PLAINTEXT_PASSWORD, FTP_PORT_BOUNCE, FTP_PASSIVE_REDIRECT,
	FTP_INVALID_PORT, FTP_REPLY_WITHOUT_CODE, FTP_TOO_MANY_COMMANDS, FTP_TRANSFER_FAILED,
	FTP_ANOMALY_COUNT,
};

/* Commands that something hangs on; all others are FTP_OTHER, or FTP_UNKNOWN when no standard has them. */
enum ftp_word {
	FTP_UNKNOWN, FTP_OTHER, FTP_USER, FTP_PASS, FTP_AUTH, FTP_PORT, FTP_EPRT, FTP_PASV, FTP_EPSV, FTP_REST,
	FTP_RETR, FTP_STOR, FTP_STOU, FTP_APPE, FTP_LIST, FTP_NLST, FTP_MLSD, FTP_TYPE,
	FTP_WORD_COUNT,
};

struct ftp_command {
	char upper[FTP_WORD_MAX + 1];
	enum ftp_word word;
	bool own;                /* no other protocol has this word */
	struct slice argument;   /* without the spaces before it */
};

/* One line of a reply: "220-text", "220 text" or what stands between. */
struct ftp_line {
	unsigned code;           /* 0: there is none */
	bool more;               /* "-" behind the code */
	struct slice text;
};

/* Beside a transaction that isn't over. */
struct ftp_tx {
	struct cc_tx *next;
	unsigned lines;
	bool answered;           /* its last reply was here */
	bool transfer;           /* of a file, */
	bool begun;              /* and the server said that it begins */
	bool lacks_command;      /* the reply was recognised before its command could be */
	bool reply_cut;
};

struct ftp_side {
	bool in_line;            /* the rest of a line is passed by */
	bool finished;
};

struct ftp_state {
	struct ftp_side side[2];
	struct cc_tx *first, *last; /* not over, oldest first */
	unsigned count;
	struct cc_tx *reply;     /* that the open reply belongs to */
	unsigned multi;          /* code of a reply of several lines that is open; 0: none */
	bool greeted, client_began;
	bool anonymous;          /* the user, at last */
	bool restart;            /* REST: the next transfer is a part */
	bool listens;            /* a data port was agreed: */
	enum cc_dir listener;    /* whose */
	struct cc_addr addr;
	uint16_t port;
	uint16_t reported;       /* bits by enum ftp_anomaly: each once a flow */
};

/* To the data connection: the first two bytes of the note, the file's name follows. */
enum { FTP_NOTE_WORD, FTP_NOTE_PART, FTP_NOTE_SIZE };

extern const struct cc_parser ftp_data_parser;

/* read.c: without state. */
/* The next line, without its end.  CC_MORE: not whole yet.  *ret_cut: it was longer than FTP_LINE_MAX. */
enum cc_status ftp_next_line(bool *in_line, struct cur *in, struct slice *ret_line, bool *ret_cut);
void ftp_command_read(struct slice line, struct ftp_command *ret_command);
void ftp_line_read(struct slice line, struct ftp_line *ret_line);
/* "10,0,0,1,4,1" somewhere in text; whole: text is no more than that. */
bool ftp_port_read(struct slice text, bool whole, struct cc_addr *ret_addr, uint16_t *ret_port);
/* "|1|10.0.0.1|1025|" */
bool ftp_eprt_read(struct slice text, struct cc_addr *ret_addr, uint16_t *ret_port);
/* "… (|||1025|)" */
bool ftp_epsv_read(struct slice text, uint16_t *ret_port);
const char *ftp_word_text(enum ftp_word word);

enum cc_status ftp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

#endif
