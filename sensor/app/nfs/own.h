/* What nfs's files share: messages of ONC RPC, calls that wait for replies, files and their names.  Nobody outside
 * includes it. */
#ifndef NFS_OWN_H
#define NFS_OWN_H

#include "base/base.h"
#include "concert/parser.h"

#define NFS_HANDLE_MAX 128
#define NFS_RPC_SIZE 24         /* bytes that tell a call of ours: mark, xid, type, RPC's version, program, version */
#define NFS_OPS_MAX 64          /* of one compound that are looked at; */
#define NFS_OPS_CREDIBLE 4096   /* more than servers take by far */

enum rpc_auth { RPC_NULL, RPC_UNIX, RPC_SHORT, RPC_DES, RPC_KERB, RPC_RSA, RPC_GSS };

/* What a procedure does, whatever number a version gives it. */
enum nfs_act {
	ACT_NONE, ACT_LOOKUP, ACT_READ, ACT_WRITE, ACT_MAKE, ACT_REMOVE, ACT_RENAME, ACT_LINK, ACT_COMMIT, ACT_HANDLE,
};

enum {
	NFS_F_VERSION, NFS_F_PROCEDURE, NFS_F_FILE, NFS_F_HASH, NFS_F_ID, NFS_F_FILE_TX, NFS_F_TYPE, NFS_F_STATUS,
	NFS_F_FROM, NFS_F_TO, NFS_F_READ_FIRST, NFS_F_READ_LAST, NFS_F_READ_XID, NFS_F_READ_CHUNKS, NFS_F_WRITE_FIRST,
	NFS_F_WRITE_LAST, NFS_F_WRITE_XID, NFS_F_WRITE_CHUNKS, NFS_F_XID, NFS_F_RPC_STATUS, NFS_F_AUTH, NFS_F_MACHINE,
	NFS_F_UID, NFS_F_GID, NFS_F_OPS, NFS_F_VERSION_NUM, NFS_F_PROC_NUM,
	NFS_F_COUNT,
};

enum {
	NFS_MALFORMED, NFS_TOO_MANY_CALLS, NFS_RECORD_LONG, NFS_TOO_MANY_FILES, NFS_HOLE, NFS_NO_CALL, NFS_DENIED,
	NFS_ROOT, NFS_ODD_COUNT,
};

enum { NFS_FRAME_RPC, NFS_FRAME_HDR, NFS_FRAME_CREDS, NFS_FRAME_DATA, NFS_FRAME_PDU, NFS_FRAME_STATUS,
    NFS_FRAME_PDU4, NFS_FRAME_HDR4, NFS_FRAME_OPS4, NFS_FRAME_STATUS4, NFS_FRAME_COUNT };

/* A message as far as RPC goes; slices borrow. */
struct rpc_call {
	uint32_t xid, version, procedure, auth;
	bool has_user;              /* AUTH_UNIX */
	struct slice machine;
	uint32_t uid, gid;
	bool sealed;                /* RPCSEC_GSS with privacy, or what sets it up: no arguments to read */
	bool wrapped;               /* RPCSEC_GSS with integrity: so are the results */
	struct slice creds;
	struct cur args;
};

struct rpc_reply {
	uint32_t xid, denied, accept;
	struct cur results;
};

/* A handle, and the name that somebody looked it up by. */
struct nfs_name {
	struct nfs_name *next;      /* newest first */
	uint16_t handle_size, size;
	uint8_t bytes[];            /* handle, name */
};

/* Bytes of a file that came before those that lead to them. */
struct nfs_piece {
	struct nfs_piece *next;
	uint64_t offset;
	uint32_t size;
	uint8_t bytes[];
};

/* One direction of a file: what is read of it, or what is written. */
struct nfs_file {
	struct nfs_file *next;      /* used last first */
	struct cc_tx *tx;
	struct cc_file *file;
	enum cc_dir dir;
	uint8_t version;
	uint16_t handle_size;
	uint8_t handle[NFS_HANDLE_MAX];
	uint64_t at;                /* so far it is told */
	uint64_t size;              /* as the server said it last */
	bool has_size, gap;
	uint32_t chunks, last_xid;
	struct nfs_piece *pieces;   /* by offset */
	uint32_t piece_count, piece_bytes;
};

/* A call whose reply has not come. */
struct nfs_call {
	struct nfs_call *next;      /* newest first */
	struct cc_tx *tx;           /* NULL: none of its own */
	uint32_t xid, procedure;
	uint8_t version, act;
	bool sealed, wrapped;
	uint64_t offset;            /* READ */
	uint16_t handle_size, name_size;
	uint8_t bytes[];            /* handle: of what is read or written; name: that the reply's handle gets */
};

struct nfs_side {
	uint64_t skip;              /* of a fragment, that nobody wants */
	uint64_t left, offset;      /* file bytes to come in this record, and where in the file they belong */
	struct nfs_file *file;      /* whose; NULL: nobody's */
	bool lost;                  /* bytes are missing: the next record is looked for */
	bool more;                  /* the record has more fragments */
	uint8_t *kept;              /* what came of a record in fragments */
	uint32_t kept_size;
	bool kept_cut;
};

struct nfs_state {
	struct nfs_side side[2];
	struct nfs_call *calls;
	struct nfs_name *names;
	struct nfs_file *files;
	uint32_t call_count, name_count, file_count;
	uint32_t told;              /* bits of anomalies that are told once a flow */
	uint64_t tx_count;
};

/* What a call or a reply came to. */
struct nfs_data {
	bool is;                    /* file bytes are here: */
	uint64_t offset;
	uint32_t size;              /* as announced */
	struct slice bytes;         /* as far as they are here */
};

struct nfs_args {
	enum nfs_act act;
	struct slice handle, name, to;
	uint64_t offset;
	struct nfs_data data;
	uint32_t procedure;         /* version 4: the operation that matters most */
	uint32_t op[NFS_OPS_MAX];
	unsigned op_count;
	bool close;
};

struct nfs_results {
	uint32_t status;
	struct slice handle;        /* of what was looked up or made */
	bool has_size, eof;
	uint64_t size;              /* of the file */
	struct nfs_data data;
};

/* rpc.c */
enum cc_status rpc_call_read(struct slice in, struct rpc_call *ret_call);   /* CC_BAD: no call of NFS; CC_MORE */
enum cc_status rpc_reply_read(struct slice in, struct rpc_reply *ret_reply);
struct slice xdr_opaque(struct cur *c, size_t most);

/* proc.c: versions 2 and 3; false: not as it should be, what was right is there */
bool nfs_args_read(unsigned version, uint32_t procedure, struct cur *c, struct nfs_args *args);
bool nfs_results_read(const struct nfs_call *call, struct cur *c, struct nfs_results *res);
enum nfs_act nfs_act_of(unsigned version, uint32_t procedure);
bool nfs_data_read(struct cur *c, struct nfs_data *data);

/* v4.c */
bool nfs4_args_read(struct cur *c, struct nfs_args *args);
bool nfs4_results_read(struct cur *c, struct nfs_results *res);

/* words.c */
const char *nfs_procedure_text(unsigned version, uint32_t procedure);
const char *nfs_status_text(uint32_t status);

/* table.c */
void nfs_name_put(struct cc_ctx *ctx, struct nfs_state *state, struct slice handle, struct slice name);
struct slice nfs_name_of(struct nfs_state *state, struct slice handle);
void nfs_names_free(struct cc_ctx *ctx, struct nfs_state *state);
struct nfs_call *nfs_call_find(struct nfs_state *state, uint32_t xid);
/* NULL: no memory. */
struct nfs_call *nfs_call_new(struct cc_ctx *ctx, struct nfs_state *state, struct slice handle, struct slice name);
void nfs_call_remove(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_call *call);

void nfs_calls_free(struct cc_ctx *ctx, struct nfs_state *state); /* their transactions are the core's by then */

/* file.c */
struct nfs_file *nfs_file_find(struct nfs_state *state, struct slice handle, enum cc_dir dir);
struct nfs_file *nfs_file_use(struct cc_ctx *ctx, struct nfs_state *state, struct slice handle, enum cc_dir dir,
    unsigned version, uint32_t xid);
void nfs_file_bytes(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_file *file, uint64_t offset,
    struct slice bytes);
void nfs_file_size(struct nfs_file *file, uint64_t size);
/* closed: its user said so. */
void nfs_file_close(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_file *file, bool closed);

void nfs_files_free(struct cc_ctx *ctx, struct nfs_state *state); /* transactions and files are the core's by then */

/* nfs.c */
void nfs_report(struct cc_ctx *ctx, struct nfs_state *state, struct cc_tx *tx, unsigned anomaly); /* once a flow */
void nfs_put_hash(struct cc_ctx *ctx, struct cc_tx *tx, struct slice handle);

#endif
