/*
 * What a connection has to remember: requests that wait for their answer, trees by their id, and the transactions that
 * both belong to.  All lists are short and bounded; the oldest entry goes first, and its transaction is told as it is.
 */
#include <stdio.h>

#include "app/smb/own.h"

struct smb_name
smb_name_new(struct cc_ctx *ctx, struct slice text)
{
	struct smb_name name = {.p = NULL};

	if (text.size == 0 || text.size > SMB_NAME_MAX)
		return name;
	name.p = cc_take(ctx, text.size);
	if (name.p == NULL)
		return name;
	memcpy(name.p, text.p, text.size);
	name.size = (uint32_t)text.size;
	return name;
}

void
smb_name_free(struct cc_ctx *ctx, struct smb_name *name)
{
	cc_give(ctx, name->p, name->size);
	*name = (struct smb_name){.p = NULL};
}

/* ---- transactions ---- */

struct cc_tx *
smb_tx_open(struct cc_ctx *ctx, const struct smb_head *head)
{
	struct cc_tx *tx = cc_tx_new(ctx);
	char room[8];

	if (tx == NULL)
		return NULL;
	smb_tx_tree(tx, head->session, head->tree);
	cc_put_uint(ctx, tx, SMB_F_ID, tx->id + 1);
	cc_put_text(ctx, tx, SMB_F_COMMAND, smb_command_text(head, room));
	return tx;
}

void
smb_tx_tree(struct cc_tx *tx, uint64_t session, uint32_t tree)
{
	struct smb_tx *own = tx != NULL ? tx->own : NULL;

	if (own == NULL)
		return;
	own->session = session;
	own->tree = tree;
}

static void
put_status(struct cc_ctx *ctx, struct cc_tx *tx, const struct smb_head *head)
{
	const char *name;
	char text[32];

	if (head->dos) { /* class and code of the days before NT */
		unsigned class = head->status & 0xff, code = head->status >> 16;

		snprintf(text, sizeof(text), "UNKNOWN_%02x_%04x", class, code);
		cc_put_text(ctx, tx, SMB_F_STATUS, text);
		snprintf(text, sizeof(text), "0x%04x", code);
		cc_put_text(ctx, tx, SMB_F_STATUS_CODE, text);
		return;
	}
	name = smb_status_text(head->status);
	if (name != NULL)
		cc_put_text(ctx, tx, SMB_F_STATUS, name);
	snprintf(text, sizeof(text), "0x%x", head->status);
	cc_put_text(ctx, tx, SMB_F_STATUS_CODE, text);
}

void
smb_tx_close(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, const struct smb_head *head)
{
	const struct smb_tx *own;

	if (tx == NULL)
		return;
	own = tx->own;
	cc_put_text(ctx, tx, SMB_F_DIALECT, state->dialect_text[0] != '\0' ? state->dialect_text : "unknown");
	cc_put_uint(ctx, tx, SMB_F_SESSION, own->session);
	cc_put_uint(ctx, tx, SMB_F_TREE, own->tree);
	if (head != NULL && head->response)
		put_status(ctx, tx, head);
	cc_tx_done(ctx, tx);
}

/* ---- requests ---- */

static void
request_unlink(struct smb_state *state, struct smb_request *req)
{
	struct smb_request **link = &state->requests;

	while (*link != NULL && *link != req)
		link = &(*link)->next;
	if (*link != NULL)
		*link = req->next;
	state->request_count--;
}

struct smb_request *
smb_request_new(struct cc_ctx *ctx, struct smb_state *state, const struct smb_head *head, struct cc_tx *tx)
{
	struct smb_request *req, *oldest = state->requests;

	if (state->request_count >= SMB_REQUESTS_MAX) {
		while (oldest->next != NULL)
			oldest = oldest->next;
		if (!(state->reported >> SMB_TOO_MANY_TRANSACTIONS & 1))
			smb_report(ctx, state, oldest->tx, SMB_TOO_MANY_TRANSACTIONS);
		smb_request_end(ctx, state, oldest, NULL);
	}
	req = cc_take(ctx, sizeof(*req));
	if (req == NULL) {
		smb_tx_close(ctx, state, tx, NULL);
		return NULL;
	}
	req->id = head->id;
	req->session = head->session;
	req->tree = head->tree;
	req->command = head->command;
	req->two = head->two;
	req->tx = tx;
	req->next = state->requests;
	state->requests = req;
	state->request_count++;
	return req;
}

struct smb_request *
smb_request_find(struct smb_state *state, const struct smb_head *head)
{
	struct smb_request *req;

	for (req = state->requests; req != NULL; req = req->next)
		if (req->id == head->id && req->two == head->two && req->command == head->command)
			return req;
	/* A server may answer SMB 1's negotiation with SMB 2's (MS-SMB2, 3.3.5.3). */
	if (head->two && head->command == SMB2_NEGOTIATE)
		for (req = state->requests; req != NULL; req = req->next)
			if (!req->two && req->command == SMB1_NEGOTIATE)
				return req;
	return NULL;
}

/* What a tree connect asked for: rules look at it there alone, not in what is done on the share later. */
void
smb_put_share(struct cc_ctx *ctx, const struct smb_request *req, bool pipe)
{
	struct slice name = smb_name_slice(&req->name);

	cc_put(ctx, req->tx, pipe ? SMB_F_NAMED_PIPE : SMB_F_SHARE, name);
	if (!pipe)
		cc_put(ctx, req->tx, SMB_F_CONNECTED, name);
}

void
smb_request_end(struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, const struct smb_head *head)
{
	bool connect = req->command == (req->two ? SMB2_TREE_CONNECT : SMB1_TREE_CONNECT);

	request_unlink(state, req);
	if (head == NULL && connect && req->name.size > 0) {
		smb_put_share(ctx, req, false);
		if (req->two)
			cc_put_text(ctx, req->tx, SMB_F_SHARE_TYPE, "UNKNOWN");
	}
	smb_tx_close(ctx, state, req->tx, head);
	smb_name_free(ctx, &req->name);
	cc_give(ctx, req, sizeof(*req));
}

/* ---- trees ---- */

struct smb_tree *
smb_tree_find(struct smb_state *state, uint64_t session, uint32_t id)
{
	struct smb_tree *tree;

	for (tree = state->trees; tree != NULL; tree = tree->next)
		if (tree->id == id && tree->session == session)
			return tree;
	return NULL;
}

static void
tree_free(struct cc_ctx *ctx, struct smb_state *state, struct smb_tree *tree)
{
	struct smb_tree **link = &state->trees;

	while (*link != NULL && *link != tree)
		link = &(*link)->next;
	if (*link != NULL)
		*link = tree->next;
	state->tree_count--;
	smb_name_free(ctx, &tree->name);
	cc_give(ctx, tree, sizeof(*tree));
}

void
smb_tree_drop(struct cc_ctx *ctx, struct smb_state *state, uint64_t session, uint32_t id)
{
	struct smb_tree *tree = smb_tree_find(state, session, id);

	if (tree != NULL)
		tree_free(ctx, state, tree);
}

void
smb_tree_add(struct cc_ctx *ctx, struct smb_state *state, uint64_t session, uint32_t id, struct slice name, bool pipe)
{
	struct smb_tree *tree, *oldest = state->trees;

	smb_tree_drop(ctx, state, session, id);
	if (state->tree_count >= SMB_TREES_MAX) {
		for (oldest = state->trees; oldest->next != NULL;)
			oldest = oldest->next;
		tree_free(ctx, state, oldest);
	}
	tree = cc_take(ctx, sizeof(*tree));
	if (tree == NULL)
		return;
	tree->session = session;
	tree->id = id;
	tree->pipe = pipe;
	tree->name = smb_name_new(ctx, name);
	tree->next = state->trees;
	state->trees = tree;
	state->tree_count++;
}

void
smb_table_close(struct cc_ctx *ctx, struct smb_state *state)
{
	while (state->requests != NULL) {
		struct smb_request *oldest = state->requests;

		while (oldest->next != NULL)
			oldest = oldest->next;
		smb_request_end(ctx, state, oldest, NULL);
	}
	while (state->trees != NULL)
		tree_free(ctx, state, state->trees);
}
