/*
 * What the files of sensor/app/smb/ share: the field table's order, a flow's state, a header as read.  Nobody outside
 * includes it.
 */
#ifndef APP_SMB_OWN_H
#define APP_SMB_OWN_H

#include "app/dcerpc/dcerpc.h"
#include "base/base.h"
#include "concert/parser.h"

enum {
	SMB_HEAD_MAX = 64 * 1024,         /* of a message that carries no file: what lies beyond is passed by */
	SMB_NAME_MAX = 1024,              /* bytes of a name that are kept */
	SMB_REQUESTS_MAX = 128,           /* that wait for their answer */
	SMB_FILES_MAX = 512,              /* open at once; the oldest is closed */
	SMB_PIPES_MAX = 32,               /* of them, with DCE/RPC being read */
	SMB_TREES_MAX = 64,
	SMB_CHUNKS_MAX = 64,              /* pieces out of order, of one direction of a file */
	SMB_CHUNK_BYTES = 1024 * 1024,    /* in one piece */
	SMB_QUEUE_BYTES = 2 * 1024 * 1024,/* in all pieces of a flow */
	SMB_DIALECTS_MAX = 32,            /* that are recorded of a negotiation */
	SMB_LENGTH_MAX = 16 * 1024 * 1024,/* of one read or write; nobody grants more */
	SMB_ENCRYPTED_ENOUGH = 16,        /* encrypted messages in a row after which the flow is left alone */
	SMB_BUCKETS = 64,
};

enum { SMB2_HEADER = 64, SMB1_HEADER = 32, SMB2_TRANSFORM = 52 };

enum smb_command {
	SMB1_CREATE_DIRECTORY = 0x00, SMB1_DELETE_DIRECTORY = 0x01, SMB1_OPEN = 0x02, SMB1_CREATE = 0x03,
	SMB1_CLOSE = 0x04,
	SMB1_DELETE = 0x06, SMB1_RENAME = 0x07, SMB1_QUERY_INFORMATION = 0x08, SMB1_READ = 0x0a, SMB1_WRITE = 0x0b,
	SMB1_CHECK_DIRECTORY = 0x10, SMB1_TRANS = 0x25, SMB1_WRITE_AND_CLOSE = 0x2c, SMB1_OPEN_ANDX = 0x2d,
	SMB1_READ_ANDX = 0x2e,
	SMB1_WRITE_ANDX = 0x2f, SMB1_TRANS2 = 0x32, SMB1_TREE_DISCONNECT = 0x71, SMB1_NEGOTIATE = 0x72,
	SMB1_SESSION_SETUP = 0x73, SMB1_LOGOFF = 0x74, SMB1_TREE_CONNECT = 0x75, SMB1_NT_TRANS = 0xa0,
	SMB1_NT_CREATE = 0xa2, SMB1_NONE = 0xff,

	SMB2_NEGOTIATE = 0, SMB2_SESSION_SETUP, SMB2_LOGOFF, SMB2_TREE_CONNECT, SMB2_TREE_DISCONNECT, SMB2_CREATE,
	SMB2_CLOSE, SMB2_FLUSH, SMB2_READ, SMB2_WRITE, SMB2_LOCK, SMB2_IOCTL, SMB2_CANCEL, SMB2_ECHO, SMB2_FIND,
	SMB2_CHANGE_NOTIFY, SMB2_GET_INFO, SMB2_SET_INFO, SMB2_OPLOCK_BREAK, SMB2_COMMANDS,
};

enum {
	STATUS_SUCCESS = 0, STATUS_PENDING = 0x103, STATUS_BUFFER_OVERFLOW = 0x80000005,
	STATUS_END_OF_FILE = 0xc0000011,
};

/* Indices into smb_fields. */
enum smb_field {
	SMB_F_ID, SMB_F_DIALECT, SMB_F_COMMAND, SMB_F_STATUS, SMB_F_STATUS_CODE, SMB_F_SESSION, SMB_F_TREE,
	SMB_F_CLIENT_DIALECTS, SMB_F_CLIENT_GUID, SMB_F_SERVER_GUID, SMB_F_MAX_READ, SMB_F_MAX_WRITE,
	SMB_F_NTLM_DOMAIN, SMB_F_NTLM_USER, SMB_F_NTLM_HOST, SMB_F_NTLM_VERSION,
	SMB_F_KRB_REALM, SMB_F_KRB_SNAMES,
	SMB_F_REQUEST_OS, SMB_F_REQUEST_LM, SMB_F_RESPONSE_OS, SMB_F_RESPONSE_LM,
	SMB_F_NAMED_PIPE, SMB_F_SHARE, SMB_F_CONNECTED, SMB_F_SHARE_TYPE, SMB_F_SERVICE_REQUEST, SMB_F_SERVICE_RESPONSE,
	SMB_F_FILENAME, SMB_F_DIRECTORY, SMB_F_DISPOSITION, SMB_F_ACCESS, SMB_F_CREATED, SMB_F_ACCESSED, SMB_F_MODIFIED,
	SMB_F_CHANGED, SMB_F_SIZE, SMB_F_FUID, SMB_F_RENAME_FROM, SMB_F_RENAME_TO, SMB_F_SET_CLASS, SMB_F_SET_LEVEL,
	SMB_F_SUBCMD, SMB_F_LEVEL, SMB_F_FUNCTION,
	SMB_F_RPC_REQUEST, SMB_F_RPC_RESPONSE, SMB_F_RPC_OPNUM, SMB_F_RPC_CALL_ID,
	SMB_F_RPC_REQ_FRAGS, SMB_F_RPC_REQ_SIZE, SMB_F_RPC_RES_FRAGS, SMB_F_RPC_RES_SIZE, SMB_F_RPC_STUB_REQ,
	SMB_F_RPC_STUB_RES, SMB_F_RPC_BIG_REQ, SMB_F_RPC_BIG_RES, SMB_F_RPC_IFACES, SMB_F_RPC_UUID, SMB_F_RPC_VERSION,
	SMB_F_RPC_ACK_RESULT, SMB_F_RPC_ACK_REASON, SMB_F_RPC_IFACE,
	SMB_F_COUNT,
};

enum { /* pdu, hdr, data of each, in this order */
	SMB_FRAME_NBSS_PDU,
	SMB_FRAME_NBSS_HDR,
	SMB_FRAME_NBSS_DATA,
	SMB_FRAME_SMB1_PDU,
	SMB_FRAME_SMB1_HDR,
	SMB_FRAME_SMB1_DATA,
	SMB_FRAME_SMB2_PDU,
	SMB_FRAME_SMB2_HDR,
	SMB_FRAME_SMB2_DATA,
	SMB_FRAME_SMB3_PDU,
	SMB_FRAME_SMB3_HDR,
	SMB_FRAME_SMB3_DATA,
	SMB_FRAME_COUNT
};

enum smb_anomaly {
	SMB_INTERNAL_ERROR, SMB_MALFORMED_DATA, SMB_RECORD_OVERFLOW, SMB_MALFORMED_NTLMSSP_REQUEST,
	SMB_MALFORMED_NTLMSSP_RESPONSE, SMB_DUPLICATE_NEGOTIATE, SMB_NEGOTIATE_MALFORMED_DIALECTS, SMB_FILE_OVERLAP,
	SMB_REQUEST_TO_CLIENT, SMB_RESPONSE_TO_SERVER, SMB_MAX_READ_TOO_LARGE, SMB_MAX_WRITE_TOO_LARGE,
	SMB_READ_REQUEST_TOO_LARGE, SMB_READ_RESPONSE_TOO_LARGE, SMB_READ_QUEUE_SIZE, SMB_READ_QUEUE_COUNT,
	SMB_WRITE_REQUEST_TOO_LARGE, SMB_WRITE_QUEUE_SIZE, SMB_WRITE_QUEUE_COUNT, SMB_TOO_MANY_TRANSACTIONS,
	SMB_TOO_MANY_FILES, SMB_COMPRESSION_OVERFLOW, SMB_ENCRYPTED,
	SMB_RPC_MALFORMED, SMB_RPC_TOO_MANY_CALLS, SMB_RPC_STUB_TOO_LONG, SMB_NTLM_V1, SMB_PLAINTEXT, SMB_ANONYMOUS,
	SMB_ANOMALY_COUNT,
};

/* A header of either version. */
struct smb_head {
	bool two, response, async, related, unicode, dos;
	uint16_t command;
	uint32_t status, tree, next;
	uint64_t id, session;
};

/* Text in pool memory. */
struct smb_name {
	uint8_t *p;
	uint32_t size;
};

struct smb_tree {
	struct smb_tree *next;
	uint64_t session;
	uint32_t id;
	bool pipe;
	struct smb_name name;
};

struct smb_chunk {
	struct smb_chunk *next;           /* by offset */
	uint64_t offset;
	uint32_t size, room;              /* size: as far as filled */
	uint8_t bytes[];
};

/* A file in one direction: written (to the server) or read. */
struct smb_way {
	struct cc_file *file;
	struct cc_tx *tx;
	struct smb_chunk *chunks;
	unsigned chunk_count;
	uint64_t next;                    /* offset that continues what was told */
	bool began, gap;
	bool shared;                      /* other connections have parts of it: the rest goes there, too */
	bool short_read;                  /* the server had no more than that */
	bool message;                     /* all of one message of a pipe */
};

struct smb_file {
	struct smb_file *next, *older, *newer;
	uint8_t key[16];                  /* SMB 1: the fid in the first two bytes */
	bool two, pipe, has_size;
	bool unplaced;                    /* its tree is not known: a pipe, if its first bytes say so */
	bool stranger;                    /* opened elsewhere: nothing is known of it but its number */
	bool closing;                     /* the client asked for it */
	uint64_t size;                    /* by the server's word */
	uint64_t session;
	uint32_t tree;
	struct smb_name name;
	struct smb_way way[2];            /* by enum cc_dir */
	struct dcerpc_conn *rpc;          /* of a pipe that speaks it */
};

/* cc_tx.own: written down when it ends, since an answer may say otherwise. */
struct smb_tx {
	uint64_t session;
	uint32_t tree;
};

struct smb_request {
	struct smb_request *next;
	uint64_t id, session, offset;
	uint32_t tree, size;
	uint16_t command;
	bool two, pipe;                   /* pipe: DCE/RPC goes on in the answer */
	bool has_key;
	uint8_t key[16];
	struct smb_name name;             /* of create and tree connect */
	struct cc_tx *tx;
};

/* Where file bytes go that are just coming in on a side. */
enum smb_target { SMB_TO_NOBODY, SMB_TO_FILE, SMB_TO_CHUNK, SMB_TO_PIPE };

struct smb_side {
	uint32_t record;                  /* bytes of the NetBIOS message that are still to come */
	uint32_t skip;                    /* the first of them nobody wants, */
	uint32_t data;                    /* then these are a file's, */
	uint32_t after;                   /* and these nobody's again; then a message begins */
	uint32_t waiting;                 /* what was left unconsumed */
	uint32_t encrypted;               /* messages in a row */
	bool lost, finished;
	enum smb_target target;
	struct smb_file *file;
	struct smb_chunk *chunk;
	bool ranged;                      /* the data at hand go into this, too: */
	struct cc_range range;
	uint64_t offset;                  /* of the next byte of data in its file */
	struct smb_head head;             /* of the message that the data are in */
	bool first;                       /* of a compound: what is related refers to the one before it */
	bool has_key;
	uint8_t key[16];
	uint64_t session;
	uint32_t tree;
};

struct smb_state {
	struct smb_side side[2];
	struct smb_request *requests;     /* newest first */
	unsigned request_count;
	struct smb_file *bucket[SMB_BUCKETS], *oldest, *newest;
	unsigned file_count, pipe_count;
	struct smb_tree *trees;           /* newest first */
	unsigned tree_count;
	uint32_t queued;                  /* bytes of all chunks */
	uint64_t reported;                /* bits by enum smb_anomaly: each that repeats, once a flow */
	uint32_t max_read, max_write;     /* as negotiated; 0: not known */
	uint16_t dialect;                 /* SMB 2 and 3; 0: not known */
	bool negotiated, finished;
	bool channels;                    /* the session has several connections, or is about to */
	char dialect_text[32];
	char client_dialect[SMB_DIALECTS_MAX][24]; /* SMB 1: the response says which */
	unsigned client_dialects;
	const struct smb_head *head;      /* of the message that is read: for the transactions that it begins or ends */
};

/* smb.c */
void smb_report(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, enum smb_anomaly anomaly);

/* probe.c */
enum cc_status smb_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

/* stream.c */
enum cc_status smb_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in);
enum cc_status smb_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size);

/* table.c: requests, trees, transactions. */
struct cc_tx *smb_tx_open(struct cc_ctx *ctx, const struct smb_head *head);
/* Ends tx; head is of its answer, NULL: none was seen. */
void smb_tx_close(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, const struct smb_head *head);
void smb_tx_tree(struct cc_tx *tx, uint64_t session, uint32_t tree);
struct smb_request *smb_request_new(struct cc_ctx *ctx, struct smb_state *state, const struct smb_head *head,
    struct cc_tx *tx);
struct smb_request *smb_request_find(struct smb_state *state, const struct smb_head *head);
/* The answer is here (head), or never comes (NULL): its transaction ends. */
void smb_request_end(struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, const struct smb_head *head);
void smb_tree_add(struct cc_ctx *ctx, struct smb_state *state, uint64_t session, uint32_t id, struct slice name,
    bool pipe);
struct smb_tree *smb_tree_find(struct smb_state *state, uint64_t session, uint32_t id);
void smb_tree_drop(struct cc_ctx *ctx, struct smb_state *state, uint64_t session, uint32_t id);
struct smb_name smb_name_new(struct cc_ctx *ctx, struct slice text);
void smb_name_free(struct cc_ctx *ctx, struct smb_name *name);
static inline struct slice
smb_name_slice(const struct smb_name *name)
{
	return slice_of(name->p, name->size);
}
void smb_table_close(struct cc_ctx *ctx, struct smb_state *state);

/* file.c */
struct smb_file *smb_file_find(struct smb_state *state, const uint8_t key[16], bool two);
struct smb_file *smb_file_new(struct cc_ctx *ctx, struct smb_state *state, const uint8_t key[16],
    const struct smb_head *head, struct slice name);
/* The end of a file: a close by the client where `closing` is set, or else it is forgotten. */
void smb_file_close(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file);
void smb_files_close(struct cc_ctx *ctx, struct smb_state *state);
/* A transaction about that direction of it. */
struct cc_tx *smb_file_tx(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file, enum cc_dir dir);
void smb_put_share(struct cc_ctx *ctx, const struct smb_request *req, bool pipe);
void smb_put_fuid(struct cc_ctx *ctx, struct cc_tx *tx, const uint8_t key[16], bool two);
/* size bytes of file at offset begin on this side; then data as they come, gaps, and the end. */
void smb_data_begin(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_file *file,
    uint64_t offset, uint32_t size);
void smb_data(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct slice bytes);
void smb_data_gap(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, uint64_t size);
void smb_data_end(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir);

/* channels.c */
/* Data of a side begin where this connection lacks what is before them, or knows nothing of the file. */
void smb_channel_begin(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir);
/* A file that was opened elsewhere is closed here; and is one of ours closed elsewhere? */
void smb_channel_closed(struct cc_ctx *ctx, struct smb_state *state, uint64_t session, const uint8_t key[16]);
bool smb_channel_was_closed(const struct cc_ctx *ctx, const struct smb_state *state, const struct smb_file *file);
/* Is it written elsewhere, too? */
bool smb_channel_has_more(const struct cc_ctx *ctx, const struct smb_state *state, const struct smb_file *file);
void smb_channel_data(struct cc_ctx *ctx, struct smb_side *side, enum cc_dir dir, struct slice bytes);
/* A direction ends here: a file of way's transaction, if all connections together have it. */
void smb_channel_end(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file, enum cc_dir dir, bool whole);

/* pipe.c */
/* Bytes of a pipe: true when they are DCE/RPC, whose transactions then speak for themselves. */
bool smb_pipe_data(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file, enum cc_dir dir,
    struct slice bytes);
void smb_pipe_close(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file);
struct dcerpc_user smb_rpc_user(struct smb_state *state);

/* smb1.c, smb2.c: one message, or as much of it as is looked at. */
void smb1_message(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_head *head,
    struct slice message);
bool smb1_header(struct cur *c, struct smb_head *ret_head);
void smb2_message(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_head *head,
    struct slice message);
bool smb2_header(struct cur *c, struct smb_head *ret_head);
/*
 * The head of a message of size bytes whose data are streamed: where they begin in it, how many of them are in it,
 * and to which file they go (smb_data_begin).  c is behind the header.
 */
void smb2_write_request(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_head *head,
    struct cur c, uint32_t size, uint32_t *ret_at, uint32_t *ret_size);
void smb2_read_response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_head *head,
    struct cur c, uint32_t size, uint32_t *ret_at, uint32_t *ret_size);
void smb1_write_request(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_head *head,
    struct cur c, uint32_t size, uint32_t *ret_at, uint32_t *ret_size);
void smb1_read_response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_head *head,
    struct cur c, uint32_t size, uint32_t *ret_at, uint32_t *ret_size);

/* smb1_file.c */
/* One command of a chain. */
struct smb1_command {
	struct slice message; /* all of it */
	struct smb_head head; /* with this command's number */
	struct cur words, bytes;
	unsigned count; /* words */
};
struct smb_file *smb1_file_of(struct smb_state *state, uint16_t fid);
void smb1_write(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb1_command *cmd);
void smb1_read(struct cc_ctx *ctx, struct smb_state *state, struct smb1_command *cmd);
void smb1_read_answer(
    struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb1_command *cmd, struct smb_request *req);

/* smb1_trans.c */
void smb1_trans_request(struct cc_ctx *ctx, struct smb_state *state, const struct smb_head *head, enum cc_dir dir,
    struct slice message, struct cur words);
void smb1_trans_response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct slice message,
    struct cur words, struct smb_request *req);
void smb1_key(uint16_t fid, uint8_t ret_key[16]);

/* auth.c: the security blob of a session setup. */
void smb_auth(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct slice blob);
void smb_auth_bare(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, bool user, uint16_t lm, uint16_t nt);

/* text.c */
/* UTF-16LE, or bytes as they are, to UTF-8 of at most SMB_NAME_MAX bytes. */
struct slice smb_text(struct slice raw, bool unicode, char room[SMB_NAME_MAX]);
/* The next NUL-terminated text of a message; two-byte text begins at an even place of it. */
struct slice smb_next_text(struct cur *c, struct slice message, bool unicode, char room[SMB_NAME_MAX]);
void smb_guid_text(const uint8_t guid[16], char ret_text[37]);
uint64_t smb_time(uint64_t filetime); /* seconds since 1970, 0: none */

/* words.c; room where there is no word. */
const char *smb_command_text(const struct smb_head *head, char room[8]);
const char *smb_status_text(uint32_t status); /* NULL: none */
const char *smb2_dialect_text(uint16_t dialect, char room[8]);
const char *smb2_function_text(uint32_t code, char room[12]);
const char *smb_disposition_text(uint32_t disposition);

#endif
