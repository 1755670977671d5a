/*
 * Files on their way: hashed as they come, kept at the front as far as somebody wants to look at them, typed by
 * libmagic when they close.
 *
 * The content grows by doubling, from the pool, up to files.content_limit; when that or memory is used up the file
 * goes on with its hashes only.  Who keeps a closed file beyond its batch (a scan) holds it; the last one to drop it
 * frees it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "app/own.h"

#define CONTENT_FIRST 4096     /* bytes of content taken at first */
#define CONTENT_STEP 32768     /* growth that is worth an event */
#define HEAD_SIZE 8192         /* libmagic sees no more than this, whether content is kept or not */
#define NAME_MAX_SIZE 1024

struct file *
file_new(struct app *app, struct slice name, uint64_t now)
{
	size_t name_size = name.size < NAME_MAX_SIZE ? name.size : NAME_MAX_SIZE;
	struct file *file = app_take(app, sizeof(*file) + name_size);

	if (file == NULL)
		return NULL;
	file->name_room = (uint32_t)name_size;
	if (name_size > 0)
		memcpy(file + 1, name.p, name_size);
	file->pub.name = slice_of(file + 1, name_size);
	file->pub.first = file->pub.last = now;
	file->pub.digest.which = app->wants.digests;
	if (app->wants.digests != 0)
		digest_open(&file->pub.digest, app->wants.digests);
	return file;
}

void
file_attach(struct cc_ctx *ctx, struct file *file, struct cc_tx *tx, enum cc_dir dir)
{
	app_count_add(ctx->app, APP_FILES, 1);
	file->pub.parser = ctx->own->parser;
	file->pub.dir = dir;
	file->pub.id = ctx->app->file_next++;
	if (tx != NULL) {
		file->pub.tx = tx;
		file->pub.tx_id = tx->id;
		file->tx_next = ((struct tx *)tx)->files;
		((struct tx *)tx)->files = file;
	}
	file->flow = ctx->own;
	file->next = ctx->own->files;
	ctx->own->files = file;
}

struct cc_file *
cc_file_open(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice name)
{
	struct file *file = file_new(ctx->app, name, ctx->now);

	if (file == NULL)
		return NULL;
	file_attach(ctx, file, tx, dir);
	return &file->pub;
}

void
cc_file_range(struct cc_file *file, uint64_t start, uint64_t end)
{
	if (file != NULL) {
		file->ranged = true;
		file->range_start = start;
		file->range_end = end;
	}
}

void
cc_file_envelope(struct cc_file *file, bool is_one)
{
	if (file != NULL) {
		file->late = file->envelope && !is_one;
		file->envelope = is_one;
	}
}

void
cc_file_part(struct cc_file *file)
{
	if (file != NULL)
		file->part = true;
}

static void
tell(struct cc_ctx *ctx, enum event_kind kind, struct file *file)
{
	struct event event = {.kind = kind, .dir = file->pub.dir, .tx = file->pub.tx, .file = &file->pub,
	    .parser = file->pub.parser};

	event_push(ctx, &event);
}

/* Room for size bytes of content in all; false: it stays as it is. */
static bool
content_grow(struct app *app, struct file *file, size_t size)
{
	size_t room = file->pub.content_room == 0 ? CONTENT_FIRST : file->pub.content_room;
	uint8_t *grown;

	while (room < size)
		room *= 2;
	room = pool_room(room);
	grown = pool_take(app->pool, room);
	if (grown == NULL) {
		app_count_add(app, APP_NOMEM, 1);
		return false;
	}
	if (file->pub.content_size > 0)
		memcpy(grown, file->content, file->pub.content_size);
	pool_give(app->pool, file->content, file->pub.content_room);
	file->content = grown;
	file->pub.content = grown;
	file->pub.content_room = room;
	return true;
}

static void
content_add(struct app *app, struct file *file, struct slice bytes)
{
	size_t limit = app->conf->files_content_limit;
	size_t left = limit > file->pub.content_size ? limit - file->pub.content_size : 0;
	size_t size = bytes.size < left ? bytes.size : left;

	if (file->pub.content_cut)
		return;
	if (size < bytes.size)
		file->pub.content_cut = true;
	if (size == 0)
		return;
	if (file->pub.content_size + size > file->pub.content_room &&
	    !content_grow(app, file, file->pub.content_size + size)) {
		file->pub.content_cut = true;
		return;
	}
	memcpy(file->content + file->pub.content_size, bytes.p, size);
	file->pub.content_size += size;
}

size_t
file_kept(const struct file *file)
{
	return file->pub.content_room + (file->head != NULL ? HEAD_SIZE : 0);
}

void
file_keep_no_more(struct file *file)
{
	file->pub.content_cut = true;
	if (file->head == NULL)
		file->head_size = HEAD_SIZE;
}

/* The first bytes for libmagic, where the content isn't kept. */
static void
head_add(struct app *app, struct file *file, struct slice bytes)
{
	size_t size = HEAD_SIZE - file->head_size;

	if (size == 0)
		return;
	if (file->head == NULL) {
		file->head = pool_take(app->pool, HEAD_SIZE);
		if (file->head == NULL) {
			app_count_add(app, APP_NOMEM, 1);
			return;
		}
	}
	if (size > bytes.size)
		size = bytes.size;
	memcpy(file->head + file->head_size, bytes.p, size);
	file->head_size += (uint32_t)size;
}

void
file_bytes(struct app *app, struct file *file, struct slice bytes)
{
	struct cc_file *pub = &file->pub;

	pub->size += bytes.size;
	app_count_add(app, APP_FILE_BYTES, bytes.size);
	if (pub->digest.which != 0 && !pub->gap)
		digest_add(&pub->digest, bytes);
	if (app->wants.content)
		content_add(app, file, bytes);
	else if (app->wants.magic)
		head_add(app, file, bytes);
}

void
file_copy(struct app *app, struct file *file, const struct cc_file *from)
{
	const struct file *other = (const struct file *)from;

	if (from->content_size > 0)
		content_add(app, file, slice_of(from->content, from->content_size));
	if (other->head_size > 0)
		head_add(app, file, slice_of(other->head, other->head_size));
	file->pub.size = from->size;
	file->pub.first = from->first;
	file->pub.digest = from->digest;
	file->pub.content_cut = file->pub.content_cut || from->content_cut;
}

void
cc_file_data(struct cc_ctx *ctx, struct cc_file *pub, struct slice bytes)
{
	struct file *file = (struct file *)pub;

	if (file == NULL || bytes.size == 0)
		return;
	pub->last = ctx->now;
	file_bytes(ctx->app, file, bytes);
	if (file->archive != NULL)
		archive_bytes(ctx->app, file, bytes);
	else if (!file->no_archive && !pub->ranged && ctx->app->conf->files_archives > 0)
		archive_sniff(ctx->app, file, bytes);
	if (pub->content_size - file->told >= CONTENT_STEP) {
		file->told = pub->content_size;
		tell(ctx, EVENT_FILE_DATA, file);
	}
}

/* The content ends before the gap: nothing is to look adjoining that is not. */
void
cc_file_gap(struct cc_ctx *ctx, struct cc_file *pub, uint64_t size)
{
	(void)ctx;
	if (pub == NULL || size == 0)
		return;
	archive_gap((struct file *)pub);
	pub->gap = true;
	pub->size += size;
	pub->content_cut = true;
}

/*
 * libmagic takes about a millisecond for a text; the same files go by again and again.  So what it said is remembered
 * by a keyed hash of what it saw.
 */
static void
file_type(struct app *app, struct file *file)
{
	const uint8_t *p = file->content != NULL ? file->content : file->head;
	size_t size = file->content != NULL ? file->pub.content_size : file->head_size;
	struct app_type *known;
	const char *type;
	uint64_t hash;

	if (!app->wants.magic || p == NULL || size == 0)
		return;
	size = size < HEAD_SIZE ? size : HEAD_SIZE;
	hash = hash64(slice_of(p, size), app->type_seed);
	known = &app->types[hash % APP_TYPES];
	if (known->hash != hash) {
		type = magic_buffer(app->magic, p, size);
		snprintf(known->text, sizeof(known->text), "%s", type != NULL ? type : "");
		known->hash = hash;
		app_count_add(app, APP_FILES_TYPED, 1);
	}
	memcpy(file->pub.type, known->text, sizeof(known->text));
}

static void
head_free(struct app *app, struct file *file)
{
	pool_give(app->pool, file->head, HEAD_SIZE);
	file->head = NULL;
}

static void
list_remove(struct file **list, struct file *file)
{
	while (*list != NULL && *list != file)
		list = &(*list)->next;
	if (*list != NULL)
		*list = file->next;
}

void
cc_file_close(struct cc_ctx *ctx, struct cc_file *pub, bool whole)
{
	struct file *file = (struct file *)pub;
	struct app *app = ctx->app;
	unsigned which;

	if (file == NULL)
		return;
	which = pub->digest.which;
	pub->state = whole ? FILE_WHOLE : FILE_TRUNCATED;
	app_count_add(app, whole ? APP_FILES_WHOLE : APP_FILES_TRUNCATED, 1);
	if (pub->content_cut)
		app_count_add(app, APP_FILES_CUT, 1);
	if (!pub->gap && which != 0 &&
	    !pub->unread) { /* of a truncated file: as far as it was seen, as its state says */
		digest_close(&pub->digest, pub->md5, pub->sha1, pub->sha256);
		pub->has_md5 = (which & DIGEST_MD5) != 0;
		pub->has_sha1 = (which & DIGEST_SHA1) != 0;
		pub->has_sha256 = (which & DIGEST_SHA256) != 0;
	}
	file_type(app, file);
	head_free(app, file);
	list_remove(&file->flow->files, file);
	file->flow = NULL;
	file->closed = true;
	tell(ctx, EVENT_FILE_DONE, file);
	archive_close(ctx, file);
	file->next = (struct file *)ctx->batch->dead_file;
	ctx->batch->dead_file = pub;
}

void
file_close_all(struct cc_ctx *ctx)
{
	while (ctx->own->files != NULL)
		cc_file_close(ctx, &ctx->own->files->pub, false);
}

void
file_free(struct app *app, struct file *file)
{
	if (file->pub.tx != NULL) {
		struct tx *tx = (struct tx *)file->pub.tx;
		struct file **link = &tx->files;

		while (*link != NULL && *link != file)
			link = &(*link)->tx_next;
		if (*link != NULL)
			*link = file->tx_next;
		if (tx->kept && tx->files == NULL)
			tx_free(app, tx);
	}
	archive_free(app, file);
	head_free(app, file);
	pool_give(app->pool, file->content, file->pub.content_room);
	pool_give(app->pool, file, sizeof(*file) + file->name_room);
}

void
file_batch_end(struct app *app, struct file *file)
{
	file->next = NULL;
	file->freed = true;
	if (file->pub.holds == 0)
		file_free(app, file);
	else
		app_count_add(app, APP_FILES_HELD, 1);
}

void
file_hold(struct cc_file *file)
{
	file->holds++;
}

void
file_drop(struct app *app, struct cc_file *file)
{
	file->holds--;
	if (file->holds == 0 && ((struct file *)file)->freed)
		file_free(app, (struct file *)file);
}
