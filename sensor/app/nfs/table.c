/*
 * What a flow of NFS remembers: calls that wait for their replies, and which name a handle was looked up by.  Both
 * bounded; the one that was used the longest ago makes room.
 */
#include "app/nfs/own.h"

/* ---- names ---- */

static struct nfs_name *
name_find(struct nfs_state *state, struct slice handle)
{
	struct nfs_name *name, **link;

	for (link = &state->names; (name = *link) != NULL; link = &name->next) {
		if (!slice_eq(slice_of(name->bytes, name->handle_size), handle))
			continue;
		*link = name->next;
		name->next = state->names;
		state->names = name;
		return name;
	}
	return NULL;
}

static void
name_free(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_name *name)
{
	state->name_count--;
	cc_give(ctx, name, sizeof(*name) + name->handle_size + name->size);
}

static void
drop_last_name(struct cc_ctx *ctx, struct nfs_state *state)
{
	struct nfs_name **link = &state->names, *last;

	while ((*link)->next != NULL)
		link = &(*link)->next;
	last = *link;
	*link = NULL;
	name_free(ctx, state, last);
}

void
nfs_name_put(struct cc_ctx *ctx, struct nfs_state *state, struct slice handle, struct slice name)
{
	struct nfs_name *entry;

	if (handle.size == 0 || handle.size > NFS_HANDLE_MAX || name.size == 0)
		return;
	entry = name_find(state, handle);
	if (entry != NULL) {
		if (slice_eq(slice_of(entry->bytes + entry->handle_size, entry->size), name))
			return;
		state->names = entry->next;
		name_free(ctx, state, entry);
	}
	if (state->name_count >= cc_limit(ctx, "nfs.names_limit"))
		drop_last_name(ctx, state);
	entry = cc_take(ctx, sizeof(*entry) + handle.size + name.size);
	if (entry == NULL)
		return;
	entry->handle_size = (uint16_t)handle.size;
	entry->size = (uint16_t)name.size;
	memcpy(entry->bytes, handle.p, handle.size);
	memcpy(entry->bytes + handle.size, name.p, name.size);
	entry->next = state->names;
	state->names = entry;
	state->name_count++;
}

struct slice
nfs_name_of(struct nfs_state *state, struct slice handle)
{
	struct nfs_name *name = handle.size > 0 ? name_find(state, handle) : NULL;

	return name != NULL ? slice_of(name->bytes + name->handle_size, name->size) : slice_of(NULL, 0);
}

void
nfs_names_free(struct cc_ctx *ctx, struct nfs_state *state)
{
	while (state->names != NULL) {
		struct nfs_name *name = state->names;

		state->names = name->next;
		name_free(ctx, state, name);
	}
}

/* ---- calls ---- */

struct nfs_call *
nfs_call_find(struct nfs_state *state, uint32_t xid)
{
	struct nfs_call *call = state->calls;

	while (call != NULL && call->xid != xid)
		call = call->next;
	return call;
}

void
nfs_call_remove(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_call *call)
{
	struct nfs_call **link = &state->calls;

	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
	state->call_count--;
	if (call->tx != NULL)
		cc_tx_done(ctx, call->tx);
	cc_give(ctx, call, sizeof(*call) + call->handle_size + call->name_size);
}

struct nfs_call *
nfs_call_new(struct cc_ctx *ctx, struct nfs_state *state, struct slice handle, struct slice name)
{
	struct nfs_call *call = state->calls;

	if (state->call_count >= cc_limit(ctx, "nfs.calls_limit")) {
		while (call->next != NULL)
			call = call->next;
		nfs_report(ctx, state, call->tx, NFS_TOO_MANY_CALLS);
		nfs_call_remove(ctx, state, call);
	}
	call = cc_take(ctx, sizeof(*call) + handle.size + name.size);
	if (call == NULL)
		return NULL;
	call->handle_size = (uint16_t)handle.size;
	call->name_size = (uint16_t)name.size;
	if (handle.size > 0)
		memcpy(call->bytes, handle.p, handle.size);
	if (name.size > 0)
		memcpy(call->bytes + handle.size, name.p, name.size);
	call->next = state->calls;
	state->calls = call;
	state->call_count++;
	return call;
}

void
nfs_calls_free(struct cc_ctx *ctx, struct nfs_state *state)
{
	while (state->calls != NULL) {
		state->calls->tx = NULL;
		nfs_call_remove(ctx, state, state->calls);
	}
}
