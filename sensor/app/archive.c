/*
 * Archives among files, opened one level while they come: ZIP (APPNOTE 6.3: stored and deflated entries, ZIP64, data
 * descriptors), gzip (RFC 1952), and tar (archive_tar.c).  Bytes of the archive come in, its entries go out as files
 * of their own when the archive is over and its hash is known.
 *
 * A ZIP is read forwards by its local headers, not by the directory at its end: what an unpacker on the way would
 * see, and what needs no buffer; of the directory the entries are counted.  What an attacker could try here: entries
 * that grow without bound, or without number, lengths and checksums that lie, a directory with other entries (many
 * over the same bytes, or none of one that is there).  Number, bytes and ratio are bounded for an archive, archives
 * being read for a worker; a lie is named, and ends the reading.  An archive within an archive stays closed.  One
 * thread, a worker's; all memory is the pool's.
 */
#include "app/archive_own.h"

#define BLOCK_HEAD 16
#define OUT_SIZE 16384
#define EXTRA_MAX 4096
#define TAIL_MAX 28          /* a descriptor, and the signature behind it */
#define LOCAL 0x04034b50u
#define LISTED 0x02014b50u
#define LISTED_SIZE 46
#define DIRECTORY_END 0x06054b50u
#define DIRECTORY_END64 0x06064b50u

enum { FLAG_ENCRYPTED = 1, FLAG_DESCRIPTOR = 8, FLAG_UTF8 = 2048 };

static void *
z_take(void *opaque, unsigned items, unsigned size)
{
	size_t all = (size_t)items * size + BLOCK_HEAD;
	size_t *block = pool_take(opaque, all);

	if (block == NULL)
		return NULL;
	*block = all;
	return (uint8_t *)block + BLOCK_HEAD;
}

static void
z_give(void *opaque, void *p)
{
	size_t *block = (size_t *)(void *)((uint8_t *)p - BLOCK_HEAD);

	pool_give(opaque, block, *block);
}

void
archive_note(struct archive *archive, enum archive_odd what)
{
	archive->odd |= 1u << what;
}

/* ---- entries ---- */

bool
archive_entry_open(struct app *app, struct archive *archive, const struct file *file, struct slice name)
{
	struct file *entry;

	if (archive->members >= app->conf->files_archive_members) {
		archive_note(archive, ARCHIVE_TOO_MANY);
		return false;
	}
	entry = file_new(app, name, file->pub.last);
	if (entry == NULL)
		return false;
	archive->members++;
	entry->pub.archive = (enum file_archive)archive->kind;
	if (archive->last != NULL)
		archive->last->next = entry;
	else
		archive->first = entry;
	archive->last = archive->entry = entry;
	archive->crc = (uint32_t)crc32(0, NULL, 0);
	return true;
}

/* Unpacked bytes.  false: it is a bomb, or more than is wanted. */
bool
archive_entry_bytes(struct app *app, struct archive *archive, struct slice bytes)
{
	const struct conf *conf = app->conf;
	struct file *entry = archive->entry;
	size_t kept = file_kept(entry);

	if (bytes.size == 0)
		return true;
	archive->out += bytes.size;
	if (archive->out > conf->files_archive_bytes ||
	    (archive->out > conf->files_archive_bomb && archive->out / conf->files_archive_ratio > archive->in)) {
		archive_note(archive, ARCHIVE_BOMB);
		return false;
	}
	if (archive->kept >= conf->files_archive_memory)
		file_keep_no_more(entry); /* of the rest, hashes alone */
	archive->crc = (uint32_t)crc32(archive->crc, bytes.p, (uInt)bytes.size);
	file_bytes(app, entry, bytes);
	archive->kept += file_kept(entry) - kept;
	app_count_add(app, APP_ARCHIVE_BYTES, bytes.size);
	return true;
}

void
archive_entry_end(struct archive *archive)
{
	archive->entry->pub.state = FILE_WHOLE; /* as far as the archive has it; closed with the archive */
	archive->entry = NULL;
}

/* ---- deflate ---- */

static bool
inflate_begin(struct archive *archive, int bits)
{
	archive->z = (z_stream){.zalloc = z_take, .zfree = z_give, .opaque = archive->pool};
	archive->inflating = inflateInit2(&archive->z, bits) == Z_OK;
	return archive->inflating;
}

static void
inflate_finish(struct archive *archive)
{
	if (archive->inflating)
		(void)inflateEnd(&archive->z);
	archive->inflating = false;
}

/* CC_OK: the stream has ended, *in behind it; CC_MORE; CC_BAD: broken, or a bound is reached. */
static enum cc_status
inflate_some(struct app *app, struct archive *archive, struct slice *in)
{
	uint8_t out[OUT_SIZE];
	int st = Z_OK;

	archive->z.next_in = (Bytef *)(uintptr_t)in->p;
	archive->z.avail_in = (uInt)in->size;
	do {
		archive->z.next_out = out;
		archive->z.avail_out = sizeof(out);
		st = inflate(&archive->z, Z_NO_FLUSH);
		if (!archive_entry_bytes(app, archive, slice_of(out, sizeof(out) - archive->z.avail_out)))
			return CC_BAD;
	} while (st == Z_OK && (archive->z.avail_in > 0 || archive->z.avail_out == 0));
	*in = slice_of(in->p + (in->size - archive->z.avail_in), archive->z.avail_in);
	if (st == Z_STREAM_END)
		return CC_OK;
	if (st != Z_OK && st != Z_BUF_ERROR) {
		archive_note(archive, ARCHIVE_MALFORMED);
		return CC_BAD;
	}
	return CC_MORE;
}

/* ---- ZIP ---- */

struct local {
	uint64_t packed, size;
	uint32_t crc;
	struct slice name;
	bool directory;
};

/* ZIP64: sizes that don't fit stand in an extra field, in the order of those that are missing. */
static void
read_extra(struct cur extra, struct local *local)
{
	while (cur_left(&extra) >= 4) {
		uint16_t id = cur_u16le(&extra), size = cur_u16le(&extra);
		struct slice bytes = cur_take(&extra, size);
		struct cur c = cur_slice(bytes);

		if (extra.bad)
			return;
		if (id != 1)
			continue;
		if (local->size == UINT32_MAX)
			local->size = cur_u64le(&c);
		if (local->packed == UINT32_MAX)
			local->packed = cur_u64le(&c);
		return;
	}
}

/*
 * An entry of the directory, which is passed over.
 *
 *  signature 4  made by 2  version 2  flags 2  method 2  time 2  date 2  crc 4  packed 4  size 4
 *  name size 2  extra size 2  comment size 2  disk 2  attributes 6  place 4  name  extra  comment
 */
static enum cc_status
read_listed(struct archive *archive)
{
	struct cur c = cur_of(archive->head, archive->head_size);
	uint64_t sizes;

	cur_skip(&c, 28);
	sizes = cur_u16le(&c);
	sizes += cur_u16le(&c);
	sizes += cur_u16le(&c);
	cur_skip(&c, 12);
	if (c.bad)
		return CC_MORE;
	archive->listed++;
	archive->head_size = 0;
	archive->flags = 0;
	archive->entry = NULL;
	archive->left = sizes;
	archive->state = IN_SKIP;
	return CC_OK;
}

/*
 *  signature 4  version 2  flags 2  method 2  time 2  date 2  crc 4  packed 4  size 4  name size 2
 *  extra size 2  name  extra
 *
 * CC_END: what comes is no entry, so the entries are over.
 */
static enum cc_status
read_local(struct app *app, struct archive *archive, const struct file *file)
{
	struct cur c = cur_of(archive->head, archive->head_size);
	uint8_t text[ARCHIVE_NAME_MAX * 3];
	struct local local;
	uint32_t signature = cur_u32le(&c);
	uint16_t name_size, extra_size;
	struct cur extra;
	struct slice name;
	bool known;

	if (c.bad)
		return CC_MORE;
	if (signature == LISTED)
		return read_listed(archive);
	if (signature != LOCAL) {
		if ((signature & 0xffff) != 0x4b50)
			archive_note(archive, ARCHIVE_MALFORMED);
		else if ((signature == DIRECTORY_END || signature == DIRECTORY_END64) &&
			 archive->listed != archive->locals)
			archive_note(archive, ARCHIVE_CONTRADICTS);
		return CC_END;
	}
	cur_skip(&c, 2);
	archive->flags = cur_u16le(&c);
	archive->method = cur_u16le(&c);
	cur_skip(&c, 4);
	local.crc = cur_u32le(&c);
	local.packed = cur_u32le(&c);
	local.size = cur_u32le(&c);
	name_size = cur_u16le(&c);
	extra_size = cur_u16le(&c);
	if (c.bad)
		return CC_MORE;
	if (name_size > ARCHIVE_NAME_MAX || extra_size > EXTRA_MAX) {
		archive_note(archive, ARCHIVE_MALFORMED);
		return CC_END;
	}
	name = cur_take(&c, name_size);
	extra = cur_slice(cur_take(&c, extra_size));
	if (c.bad)
		return CC_MORE;
	archive->locals++;
	read_extra(extra, &local);
	local.directory = name.size > 0 && name.p[name.size - 1] == '/';
	if ((archive->flags & FLAG_UTF8) == 0)
		name = slice_of(text, archive_cp437(name, text));
	known = (archive->flags & FLAG_DESCRIPTOR) == 0 || local.packed > 0;
	archive->left = known ? local.packed : UINT64_MAX;
	archive->size = (archive->flags & FLAG_DESCRIPTOR) == 0 || local.size > 0 ? local.size : UINT64_MAX;
	archive->crc_should = local.crc;
	archive->entry = NULL;
	archive->took = 0;
	if (!(local.directory && local.packed == 0) && !archive_entry_open(app, archive, file, name))
		return CC_END;
	archive->head_size = 0;
	if (archive->entry == NULL) {
		archive->state = known ? IN_SKIP : IN_UNKNOWN;
		return CC_OK;
	}
	if ((archive->flags & FLAG_ENCRYPTED) != 0) {
		archive_note(archive, ARCHIVE_ENCRYPTED);
		archive->entry->pub.encrypted = true;
	}
	if (archive->entry->pub.encrypted || (archive->method != 0 && archive->method != 8)) {
		archive->entry->pub.unread = true;
		archive->entry->pub.size = archive->size != UINT64_MAX ? archive->size : 0;
		archive->entry = NULL;
		archive->state = known ? IN_SKIP : IN_UNKNOWN;
	} else if (archive->method == 8 && archive->left > 0) {
		archive->state = IN_DEFLATED;
		return inflate_begin(archive, -15) ? CC_OK : CC_END;
	} else if (known) {
		archive->state = IN_STORED;
	} else { /* nobody but the directory knows where it ends */
		archive_note(archive, ARCHIVE_MALFORMED);
		return CC_END;
	}
	return CC_OK;
}

/* How much more of a head to take: what it says of its size is known from its beginning on. */
static size_t
head_wants(const struct archive *archive)
{
	const uint8_t *h = archive->head;
	size_t size = 4;

	if (archive->head_size >= 4)
		size = h[2] == 1 && h[3] == 2 ? LISTED_SIZE : 30;
	if (archive->head_size >= size)
		size = 30u + (unsigned)(h[26] | h[27] << 8) + (unsigned)(h[28] | h[29] << 8);
	return size - archive->head_size;
}

static void
take_head(struct app *app, struct archive *archive, const struct file *file, struct slice *in)
{
	enum cc_status st = CC_MORE;

	while (st == CC_MORE && in->size > 0) {
		size_t want = head_wants(archive), n;

		n = want < in->size ? want : in->size;
		if (n > sizeof(archive->head) - archive->head_size) {
			archive_note(archive, ARCHIVE_MALFORMED);
			st = CC_END;
			break;
		}
		memcpy(archive->head + archive->head_size, in->p, n);
		archive->head_size += (uint32_t)n;
		*in = slice_of(in->p + n, in->size - n);
		st = read_local(app, archive, file);
	}
	if (st == CC_END)
		archive->state = IN_NOTHING;
}

/* What the entry was, against what was announced. */
static void
check_entry(struct archive *archive)
{
	if (archive->entry == NULL)
		return;
	if ((archive->flags & FLAG_DESCRIPTOR) == 0 &&
	    (archive->crc != archive->crc_should || archive->entry->pub.size != archive->size))
		archive_note(archive, ARCHIVE_CONTRADICTS);
	archive_entry_end(archive);
}

static void
entry_over(struct archive *archive)
{
	inflate_finish(archive);
	check_entry(archive);
	archive->head_size = 0;
	archive->state = (archive->flags & FLAG_DESCRIPTOR) != 0 ? IN_TAIL : IN_HEAD;
}

static void
take_stored(struct app *app, struct archive *archive, struct slice *in)
{
	struct slice some = slice_of(in->p, archive->left < in->size ? (size_t)archive->left : in->size);

	*in = slice_of(in->p + some.size, in->size - some.size);
	archive->left -= some.size;
	if (archive->state == IN_STORED && !archive_entry_bytes(app, archive, some))
		archive->state = IN_NOTHING;
	else if (archive->left == 0)
		entry_over(archive);
}

static void
take_deflated(struct app *app, struct archive *archive, struct slice *in)
{
	struct slice some = slice_of(in->p, archive->left < in->size ? (size_t)archive->left : in->size);
	size_t before = some.size;
	enum cc_status st = inflate_some(app, archive, &some);

	*in = slice_of(in->p + (before - some.size), in->size - (before - some.size));
	if (archive->left != UINT64_MAX)
		archive->left -= before - some.size;
	if (st == CC_BAD) {
		archive->state = IN_NOTHING;
	} else if (st == CC_OK) {
		if (archive->left != UINT64_MAX && archive->left > 0) { /* bytes that nobody unpacks */
			archive_note(archive, ARCHIVE_CONTRADICTS);
			check_entry(archive);
			inflate_finish(archive);
			archive->state = IN_SKIP;
			return;
		}
		entry_over(archive);
	} else if (archive->left == 0) { /* it goes on where the entry should end */
		archive_note(archive, ARCHIVE_CONTRADICTS);
		archive->state = IN_NOTHING;
	}
}

/*
 * The end of an entry whose size nobody knows and whose bytes can't be read: a descriptor that says how many there
 * were.
 *
 *  "PK" 7 8  crc 4  packed 4 or 8  size 4 or 8
 */
static void
take_unknown(struct archive *archive, struct slice *in)
{
	while (in->size > 0) {
		const uint8_t *h = archive->head;

		if (archive->head_size == 12) {
			memmove(archive->head, archive->head + 1, 11);
			archive->head_size = 11;
			archive->took++;
		}
		archive->head[archive->head_size++] = in->p[0];
		*in = slice_of(in->p + 1, in->size - 1);
		if (archive->head_size == 12 && h[0] == 'P' && h[1] == 'K' && h[2] == 7 && h[3] == 8 &&
		    ((uint32_t)h[8] | (uint32_t)h[9] << 8 | (uint32_t)h[10] << 16 | (uint32_t)h[11] << 24) ==
		    (uint32_t)archive->took) {
			archive->state = IN_TAIL;
			return;
		}
	}
}

/* A descriptor in one of its four forms, and behind it a signature, which tells which. */
static void
take_tail(struct archive *archive, struct slice *in)
{
	static const uint8_t forms[] = {12, 16, 20, 24};
	size_t n = TAIL_MAX - archive->head_size;

	if (n > in->size)
		n = in->size;
	memcpy(archive->head + archive->head_size, in->p, n);
	archive->head_size += (uint32_t)n;
	*in = slice_of(in->p + n, in->size - n);
	for (unsigned i = 0; i < sizeof(forms); i++) {
		const uint8_t *p = archive->head + forms[i];

		if (archive->head_size < forms[i] + 4u)
			return;
		if (p[0] == 'P' && p[1] == 'K' &&
		    ((p[2] == 3 && p[3] == 4) || (p[2] == 1 && p[3] == 2) || (p[2] == 5 && p[3] == 6) ||
			(p[2] == 6 && (p[3] == 6 || p[3] == 8)))) {
			archive->head_size -= forms[i];
			memmove(archive->head, p, archive->head_size);
			archive->state = IN_HEAD;
			return;
		}
	}
	archive_note(archive, ARCHIVE_MALFORMED);
	archive->state = IN_NOTHING;
}

/* ---- gzip ---- */

/* Its own name, else the archive's without its ending. */
static struct slice
gzip_name(const struct archive *archive, const struct file *file)
{
	struct slice name = app_file_name(&file->pub);

	if (archive->gz.done == 1 && archive->gz_name[0] != 0)
		return slice_str((const char *)archive->gz_name);
	if (name.size > 3 && text_eq_nocase(slice_of(name.p + name.size - 3, 3), ".gz"))
		name.size -= 3;
	return name;
}

static void
take_gzip(struct app *app, struct archive *archive, const struct file *file, struct slice *in)
{
	enum cc_status st;

	if (archive->entry != NULL && archive->entry->pub.state == FILE_WHOLE && in->p[0] != 0x1f) { /* padding */
		archive->state = IN_NOTHING;
		return;
	}
	if (archive->entry == NULL) { /* the name is known before the first byte is out, or not at all */
		archive->z.next_in = (Bytef *)(uintptr_t)in->p;
		archive->z.avail_in = (uInt)in->size;
		archive->z.avail_out = 0;
		archive->z.next_out = archive->head;
		(void)inflate(&archive->z, Z_BLOCK);
		*in = slice_of(in->p + (in->size - archive->z.avail_in), archive->z.avail_in);
		if (archive->gz.done == 0 && in->size == 0)
			return;
		if (archive->gz.done == -1 || archive->gz.done == 0 ||
		    !archive_entry_open(app, archive, file, gzip_name(archive, file))) {
			if (archive->gz.done != 1)
				archive_note(archive, ARCHIVE_MALFORMED);
			archive->state = IN_NOTHING;
			return;
		}
	}
	st = inflate_some(app, archive, in);
	if (st == CC_BAD) {
		archive->state = IN_NOTHING;
	} else if (st == CC_OK) { /* another may follow, and goes on where this one ended */
		if (in->size > 0 && in->p[0] != 0x1f)
			archive->state = IN_NOTHING;
		else
			(void)inflateReset(&archive->z);
		archive->entry->pub.state = FILE_WHOLE;
	} else {
		archive->entry->pub.state = FILE_OPEN;
	}
}

/* ---- what the files' side calls ---- */

static struct archive *
archive_new(struct app *app, enum file_archive kind)
{
	struct archive *archive;

	if (app->archives >= app->conf->files_archives) {
		app_count_add(app, APP_ARCHIVES_REFUSED, 1);
		return NULL;
	}
	archive = app_take(app, sizeof(*archive));
	if (archive == NULL)
		return NULL;
	archive->kind = (uint8_t)kind;
	archive->pool = app->pool;
	archive->state = kind == ARCHIVE_GZIP ? IN_GZIP : kind == ARCHIVE_TAR ? IN_TAR : IN_HEAD;
	if (kind == ARCHIVE_GZIP) {
		archive->gz.name = archive->gz_name;
		archive->gz.name_max = sizeof(archive->gz_name) - 1;
		if (!inflate_begin(archive, 15 + 16) || inflateGetHeader(&archive->z, &archive->gz) != Z_OK)
			archive->state = IN_NOTHING;
	}
	app->archives++;
	app_count_add(app, APP_ARCHIVES, 1);
	return archive;
}

void
archive_bytes(struct app *app, struct file *file, struct slice in)
{
	struct archive *archive = file->archive;

	archive->in += in.size;
	while (in.size > 0 && archive->state != IN_NOTHING) {
		switch (archive->state) {
		case IN_HEAD:
			take_head(app, archive, file, &in);
			break;
		case IN_STORED:
		case IN_SKIP:
			take_stored(app, archive, &in);
			break;
		case IN_DEFLATED:
			take_deflated(app, archive, &in);
			break;
		case IN_UNKNOWN:
			take_unknown(archive, &in);
			break;
		case IN_TAIL:
			take_tail(archive, &in);
			break;
		case IN_TAR:
			archive_take_tar(app, archive, file, &in);
			break;
		default:
			take_gzip(app, archive, file, &in);
			break;
		}
		/* An entry of no bytes is over before one comes. */
		while ((archive->state == IN_STORED || archive->state == IN_SKIP) && archive->left == 0)
			entry_over(archive);
	}
	if (archive->state == IN_NOTHING)
		inflate_finish(archive);
}

static void
archive_begin(struct app *app, struct file *file, enum file_archive kind, struct slice first, struct slice bytes)
{
	file->archive = archive_new(app, kind);
	if (file->archive == NULL)
		return;
	archive_bytes(app, file, first);
	archive_bytes(app, file, bytes);
}

/* A tar is known by its first block.  The bytes before these are kept as content, or for the file's type. */
static void
sniff_tar(struct app *app, struct file *file, struct slice bytes)
{
	size_t before = file->pub.size >= bytes.size ? (size_t)(file->pub.size - bytes.size) : 0;
	struct slice first = file->pub.content_size > 0 ? slice_of(file->pub.content, file->pub.content_size)
							: slice_of(file->head, file->head_size);

	file->no_archive = first.size == 0 || file->pub.size >= ARCHIVE_TAR_BLOCK;
	if (first.size >= ARCHIVE_TAR_BLOCK && before < ARCHIVE_TAR_BLOCK && archive_is_tar(first.p))
		archive_begin(app, file, ARCHIVE_TAR, slice_of(first.p, before), bytes);
}

void
archive_sniff(struct app *app, struct file *file, struct slice bytes)
{
	struct slice all = bytes;

	while (file->sniffed < sizeof(file->sniff) && bytes.size > 0) {
		file->sniff[file->sniffed++] = bytes.p[0];
		bytes = slice_of(bytes.p + 1, bytes.size - 1);
	}
	if (file->sniffed < sizeof(file->sniff))
		return;
	file->no_archive = true;
	if (memcmp(file->sniff, "PK\3\4", 4) == 0) {
		archive_begin(app, file, ARCHIVE_ZIP, slice_of(file->sniff, sizeof(file->sniff)), bytes);
	} else if (memcmp(file->sniff, "\x1f\x8b\x08", 3) == 0) {
		archive_begin(app, file, ARCHIVE_GZIP, slice_of(file->sniff, sizeof(file->sniff)), bytes);
	} else {
		sniff_tar(app, file, all);
	}
}

void
archive_gap(struct file *file)
{
	struct archive *archive = file->archive;

	if (archive != NULL) {
		inflate_finish(archive);
		archive->state = IN_NOTHING;
	}
	file->no_archive = true;
}

void
archive_free(struct app *app, struct file *file)
{
	struct archive *archive = file->archive;

	if (archive == NULL)
		return;
	while (archive->first != NULL) {
		struct file *entry = archive->first;

		archive->first = entry->next;
		file_free(app, entry);
	}
	inflate_finish(archive);
	pool_give(app->pool, archive, sizeof(*archive));
	app->archives--;
	file->archive = NULL;
}

void
archive_close(struct cc_ctx *ctx, struct file *file)
{
	struct archive *archive = file->archive;
	bool whole = file->pub.state == FILE_WHOLE;

	if (archive == NULL)
		return;
	if (whole && archive->kind == ARCHIVE_GZIP && archive->state != IN_NOTHING && archive->entry != NULL &&
	    archive->entry->pub.state != FILE_WHOLE)
		archive_note(archive, ARCHIVE_MALFORMED);
	if (whole && archive->kind == ARCHIVE_TAR && archive->left > 0)
		archive_note(archive, ARCHIVE_MALFORMED);
	if (whole && archive->kind == ARCHIVE_ZIP && archive->state != IN_NOTHING)
		archive_note(archive, ARCHIVE_MALFORMED); /* without a directory */
	for (unsigned i = 0; i < ARCHIVE_ODD_COUNT; i++)
		if ((archive->odd >> i & 1) != 0)
			file_anomaly(ctx, file, i);
	while (archive->first != NULL) {
		struct file *entry = archive->first;
		bool all = entry->pub.state == FILE_WHOLE && !entry->pub.unread;

		archive->first = entry->next;
		entry->next = NULL;
		file_attach(ctx, entry, file->pub.tx, file->pub.dir);
		memcpy(entry->pub.archive_sha256, file->pub.sha256, 32);
		entry->pub.archive_hashed = file->pub.has_sha256 && whole;
		app_count_add(ctx->app, APP_ARCHIVE_MEMBERS, 1);
		cc_file_close(ctx, &entry->pub, all);
	}
	archive->last = archive->entry = NULL;
	archive_free(ctx->app, file);
}
