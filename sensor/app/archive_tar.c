/*
 * tar (POSIX.1-1988 "ustar", GNU's long names, POSIX.1-2001's "path" of an extended header): files in blocks of 512
 * bytes.
 *
 * In: the archive's bytes as they come.  Out: entries.  What an attacker could try: sizes that are none, a chain of
 * headers without files; each header is a block of the archive, so the work is bounded by its bytes, and of a name that
 * stands in data ARCHIVE_NAME_MAX bytes are kept.  One thread.
 */
#include "app/archive_own.h"

enum tar_naming { NAMING_NOT, NAMING_GNU, NAMING_POSIX };

/* Octal digits, or GNU's form for large ones: the first bit set, the rest a number. */
static bool
number(const uint8_t *p, size_t size, uint64_t *ret_number)
{
	uint64_t n = 0;
	size_t i = 0;

	if ((p[0] & 0x80) != 0) {
		for (i = size - 8; i < size; i++)
			n = n << 8 | p[i];
		*ret_number = n;
		return n >> 56 == 0;
	}
	while (i < size && p[i] == ' ')
		i++;
	for (; i < size && p[i] >= '0' && p[i] <= '7'; i++)
		n = n << 3 | (uint64_t)(p[i] - '0');
	*ret_number = n;
	return i == size || p[i] == ' ' || p[i] == '\0';
}

/*
 *  name 100  mode 8  uid 8  gid 8  size 12  time 12  sum 8  type 1  link 100  "ustar" 6  version 2
 *  user 32  group 32  major 8  minor 8  prefix 155  12
 */
static bool
sum_right(const uint8_t *block)
{
	uint64_t said, sum = 0;

	for (unsigned i = 0; i < ARCHIVE_TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	return number(block + 148, 8, &said) && said == sum;
}

bool
archive_is_tar(const uint8_t block[ARCHIVE_TAR_BLOCK])
{
	return memcmp(block + 257, "ustar", 5) == 0 && sum_right(block);
}

static struct slice
text_of(const uint8_t *p, size_t size)
{
	const uint8_t *nul = memchr(p, 0, size);

	return slice_of(p, nul != NULL ? (size_t)(nul - p) : size);
}

/* The entry's name: of the block before it, or prefix and name. */
static struct slice
name_of(struct archive *archive)
{
	const uint8_t *block = archive->head;
	struct slice name = text_of(block, 100), prefix = text_of(block + 345, 155);
	bool posix = memcmp(block + 257, "ustar\0", 6) == 0;

	if (archive->name_size > 0)
		return slice_of(archive->name, archive->name_size);
	if (!posix || prefix.size == 0)
		return name;
	memcpy(archive->name, prefix.p, prefix.size);
	archive->name[prefix.size] = '/';
	memcpy(archive->name + prefix.size + 1, name.p, name.size);
	return slice_of(archive->name, prefix.size + 1 + name.size);
}

static void
end(struct archive *archive, bool malformed)
{
	if (malformed)
		archive_note(archive, ARCHIVE_MALFORMED);
	archive->left = 0;
	archive->state = IN_NOTHING;
}

static void
take_block(struct app *app, struct archive *archive, const struct file *file)
{
	const uint8_t *block = archive->head;
	uint8_t type = block[156];
	uint64_t size;

	if (block[0] == 0 && text_of(block, ARCHIVE_TAR_BLOCK).size == 0 && block[148] == 0) { /* the last blocks */
		end(archive, false);
		return;
	}
	if (!sum_right(block) || !number(block + 124, 12, &size)) {
		end(archive, true);
		return;
	}
	archive->left = size;
	archive->pad = (uint32_t)(-size & (ARCHIVE_TAR_BLOCK - 1));
	archive->naming = type == 'L' ? NAMING_GNU : type == 'x' ? NAMING_POSIX : NAMING_NOT;
	if (archive->naming != NAMING_NOT) {
		archive->name_size = 0;
		return;
	}
	if (type == 'g' || type == 'K')
		return; /* of all entries, or a link's end: the name before it stays */
	if (type == '1' || type == '2' || type == '5')
		archive->left = archive->pad = 0; /* links and directories have no data, whatever they say */
	if (type == '0' || type == '\0' || type == '7') {
		if (!archive_entry_open(app, archive, file, name_of(archive)))
			end(archive, false);
		else if (size == 0)
			archive_entry_end(archive);
	}
	archive->name_size = 0;
}

/* "LENGTH path=VALUE\n" among the records of an extended header. */
static struct slice
path_of(struct slice records)
{
	static const char key[] = " path=";

	for (size_t i = 0; i + sizeof(key) - 1 < records.size; i++) {
		struct slice value = slice_of(records.p + i + sizeof(key) - 1, records.size - i - (sizeof(key) - 1));
		const uint8_t *lf;

		if (memcmp(records.p + i, key, sizeof(key) - 1) != 0)
			continue;
		lf = memchr(value.p, '\n', value.size);
		return slice_of(value.p, lf != NULL ? (size_t)(lf - value.p) : value.size);
	}
	return slice_of(NULL, 0);
}

static void
data_over(struct archive *archive)
{
	struct slice name;

	if (archive->naming == NAMING_NOT) {
		if (archive->entry != NULL)
			archive_entry_end(archive);
		return;
	}
	name = archive->naming == NAMING_GNU ? text_of(archive->name, archive->name_size)
					     : path_of(slice_of(archive->name, archive->name_size));
	if (name.size > 0)
		memmove(archive->name, name.p, name.size);
	archive->name_size = (uint32_t)name.size;
	archive->naming = NAMING_NOT;
}

static void
take_data(struct app *app, struct archive *archive, struct slice bytes)
{
	archive->left -= bytes.size;
	if (archive->naming != NAMING_NOT) {
		size_t room = ARCHIVE_NAME_MAX - archive->name_size, n = bytes.size < room ? bytes.size : room;

		memcpy(archive->name + archive->name_size, bytes.p, n);
		archive->name_size += (uint32_t)n;
	} else if (archive->entry != NULL && !archive_entry_bytes(app, archive, bytes)) {
		end(archive, false);
		return;
	}
	if (archive->left == 0)
		data_over(archive);
}

void
archive_take_tar(struct app *app, struct archive *archive, const struct file *file, struct slice *in)
{
	size_t n;

	if (archive->left > 0) {
		n = archive->left < in->size ? (size_t)archive->left : in->size;
		take_data(app, archive, slice_of(in->p, n));
	} else if (archive->pad > 0) {
		n = archive->pad < in->size ? archive->pad : in->size;
		archive->pad -= (uint32_t)n;
	} else {
		n = ARCHIVE_TAR_BLOCK - archive->head_size;
		if (n > in->size)
			n = in->size;
		memcpy(archive->head + archive->head_size, in->p, n);
		archive->head_size += (uint32_t)n;
		if (archive->head_size == ARCHIVE_TAR_BLOCK) {
			archive->head_size = 0;
			take_block(app, archive, file);
		}
	}
	*in = slice_of(in->p + n, in->size - n);
}
