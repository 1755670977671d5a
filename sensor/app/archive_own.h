/*
 * What the files of archives share: an archive that is being read, and its entries.  Nobody outside includes it.
 */
#ifndef APP_ARCHIVE_OWN_H
#define APP_ARCHIVE_OWN_H

#include <zlib.h>

#include "app/own.h"

enum {
	ARCHIVE_NAME_MAX = 1024,
	ARCHIVE_HEAD_MAX = 30 + ARCHIVE_NAME_MAX + 4096, /* of a ZIP's entry */
	ARCHIVE_TAR_BLOCK = 512,
};

enum archive_state { IN_HEAD, IN_STORED, IN_DEFLATED, IN_SKIP, IN_UNKNOWN, IN_TAIL, IN_GZIP, IN_TAR, IN_NOTHING };

struct archive {
	uint8_t kind;              /* enum file_archive */
	uint8_t state;
	uint32_t odd;              /* bits by enum archive_odd */
	uint64_t in, out;          /* bytes of the archive, and of its entries */
	size_t kept;               /* of entries' contents */
	uint32_t members;
	uint32_t locals, listed;   /* ZIP: entries that came, and those that its directory names */
	struct file *first, *last; /* entries, by file.next */
	struct file *entry;        /* at hand; the last, or NULL */
	bool inflating;
	uint16_t flags, method;
	uint32_t crc, crc_should;
	uint64_t left;             /* IN_STORED, IN_SKIP: bytes; IN_DEFLATED: as announced, UINT64_MAX: not */
	uint64_t size;             /* unpacked, as announced; UINT64_MAX: not */
	uint64_t took;             /* IN_UNKNOWN: bytes of it */
	uint32_t pad;              /* IN_TAR: bytes up to the next block */
	uint8_t naming;            /* IN_TAR: these data are the next entry's name, enum tar_naming */
	uint32_t name_size;        /* IN_TAR: of the next entry's, where a block before it has it */
	uint8_t name[ARCHIVE_NAME_MAX];
	uint32_t head_size;        /* bytes in head */
	z_stream z;
	gz_header gz;
	struct pool *pool;
	uint8_t gz_name[256];
	uint8_t head[ARCHIVE_HEAD_MAX];
};

void archive_note(struct archive *archive, enum archive_odd what);
bool archive_entry_open(struct app *app, struct archive *archive, const struct file *file, struct slice name);
/* Unpacked bytes.  false: it is a bomb, or more than is wanted. */
bool archive_entry_bytes(struct app *app, struct archive *archive, struct slice bytes);
void archive_entry_end(struct archive *archive);

/* archive_names.c: code page 437 to UTF-8; out has three bytes for each of name. */
size_t archive_cp437(struct slice name, uint8_t *out);

/* archive_tar.c */
bool archive_is_tar(const uint8_t block[ARCHIVE_TAR_BLOCK]);
void archive_take_tar(struct app *app, struct archive *archive, const struct file *file, struct slice *in);

#endif
