/*
 * Procedures of NFS versions 2 (RFC 1094) and 3 (RFC 1813): arguments and results.  Bytes in, slices of them out; no
 * state.
 *
 * Of each only what names a file, makes one or carries its bytes.  A handle has 32 bytes in version 2, up to 64 in 3.
 */
#include "app/nfs/own.h"

#define NAME_MAX_WIRE 65536
#define ATTR2_SIZE 68
#define ATTR3_SIZE 84

enum nfs_act
nfs_act_of(unsigned version, uint32_t procedure)
{
	static const uint8_t v2[] = {ACT_NONE, ACT_HANDLE, ACT_HANDLE, ACT_NONE, ACT_LOOKUP, ACT_HANDLE, ACT_READ,
	    ACT_NONE, ACT_WRITE, ACT_MAKE, ACT_REMOVE, ACT_RENAME, ACT_LINK, ACT_MAKE, ACT_MAKE, ACT_REMOVE, ACT_HANDLE,
	    ACT_HANDLE};
	static const uint8_t v3[] = {ACT_NONE, ACT_HANDLE, ACT_HANDLE, ACT_LOOKUP, ACT_HANDLE, ACT_HANDLE, ACT_READ,
	    ACT_WRITE, ACT_MAKE, ACT_MAKE, ACT_MAKE, ACT_MAKE, ACT_REMOVE, ACT_REMOVE, ACT_RENAME, ACT_LINK, ACT_HANDLE,
	    ACT_HANDLE, ACT_HANDLE, ACT_HANDLE, ACT_HANDLE, ACT_COMMIT};

	if (version == 2)
		return procedure < sizeof(v2) ? (enum nfs_act)v2[procedure] : ACT_NONE;
	return procedure < sizeof(v3) ? (enum nfs_act)v3[procedure] : ACT_NONE;
}

static struct slice
handle(unsigned version, struct cur *c)
{
	return version == 2 ? cur_take(c, 32) : xdr_opaque(c, 64);
}

static uint64_t
offset(unsigned version, struct cur *c)
{
	return version == 2 ? cur_u32(c) : cur_u64(c);
}

/* size | bytes: as many as are here, for the others come. */
bool
nfs_data_read(struct cur *c, struct nfs_data *data)
{
	data->size = cur_u32(c);
	if (c->bad)
		return false;
	data->is = true;
	data->bytes = cur_take(c, data->size < cur_left(c) ? data->size : cur_left(c));
	if (data->bytes.size == data->size) {
		size_t fill = (4 - data->size % 4) % 4;

		cur_skip(c, fill < cur_left(c) ? fill : cur_left(c));
	}
	return true;
}

bool
nfs_args_read(unsigned version, uint32_t procedure, struct cur *c, struct nfs_args *args)
{
	args->act = nfs_act_of(version, procedure);
	args->procedure = procedure;
	if (args->act == ACT_NONE)
		return true;
	args->handle = handle(version, c);
	switch (args->act) {
	case ACT_LOOKUP:
	case ACT_MAKE:
	case ACT_REMOVE:
		args->name = xdr_opaque(c, NAME_MAX_WIRE);
		break;
	case ACT_RENAME:
		args->name = xdr_opaque(c, NAME_MAX_WIRE);
		(void)handle(version, c);
		args->to = xdr_opaque(c, NAME_MAX_WIRE);
		break;
	case ACT_LINK:
		(void)handle(version, c);
		args->name = xdr_opaque(c, NAME_MAX_WIRE);
		break;
	case ACT_READ:
		args->offset = offset(version, c);
		cur_skip(c, 4);
		break;
	case ACT_WRITE:
		if (version == 2)
			cur_skip(c, 4);
		args->data.offset = offset(version, c);
		cur_skip(c, version == 2 ? 4 : 8);
		if (!nfs_data_read(c, &args->data))
			return false;
		break;
	default:
		break;
	}
	return !c->bad;
}

/* The file's size out of its attributes: type, mode, links, owner, group, size. */
static void
attributes(unsigned version, struct cur *c, struct nfs_results *res)
{
	if (version != 2 && cur_u32(c) == 0)
		return;
	cur_skip(c, 20);
	res->size = offset(version, c);
	cur_skip(c, version == 2 ? ATTR2_SIZE - 24 : ATTR3_SIZE - 28);
	res->has_size = !c->bad;
}

bool
nfs_results_read(const struct nfs_call *call, struct cur *c, struct nfs_results *res)
{
	unsigned v = call->version;

	if (call->procedure == 0)
		return true;
	res->status = cur_u32(c);
	if (res->status != 0 || c->bad)
		return !c->bad;
	switch (call->act) {
	case ACT_LOOKUP:
		res->handle = handle(v, c);
		break;
	case ACT_MAKE:
		if (v == 2 ? call->procedure == 13 : cur_u32(c) == 0)
			break; /* without a handle */
		res->handle = handle(v, c);
		break;
	case ACT_READ:
		attributes(v, c, res);
		if (v != 2) {
			cur_skip(c, 4);
			res->eof = cur_u32(c) != 0;
		}
		res->data.offset = call->offset;
		return nfs_data_read(c, &res->data);
	case ACT_WRITE:
		if (v != 2 && cur_u32(c) != 0)
			cur_skip(c, 24);
		attributes(v, c, res);
		break;
	default:
		break;
	}
	return !c->bad;
}
