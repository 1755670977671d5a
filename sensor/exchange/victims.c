/*
 * Whose address is ours, and what stands for it outside.  See victims.h.
 *
 * The list of networks is a text file, a line a network: "prefix,sector,criticality", '#' begins a comment.  It is read
 * whole into a new table that takes the old one's place only if all of it is right.  The courier's thread.
 */
#include "exchange/victims.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "indicate/indicate.h"

#define SECRET 32
#define LINE_MAX_BYTES 1024
#define CLASSES_MAX 4096 /* different pairs of sector and criticality */
#define LABEL_MAX 64

struct class {
	char sector[LABEL_MAX], criticality[LABEL_MAX];
};

/* One reading of the list. */
struct networks {
	struct prefixes *prefixes; /* the word: index into class */
	struct class *class;
	uint32_t classes;
};

struct victims {
	const struct conf *conf;
	struct home *home;
	char *list_path; /* NULL: none */
	struct timespec list_time;
	off_t list_size;
	struct networks networks;
	uint8_t secret[SECRET];
	struct pan *pan; /* of the period at hand */
	uint64_t period;
};

static enum cc_status __attribute__((format(printf, 3, 4)))
because(char **ret_why, enum cc_status st, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_why, format, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return st;
}

/* ---- the secret ---- */

static enum cc_status read_secret(const char *path, uint8_t ret_secret[SECRET], char **ret_why);

static enum cc_status
make_secret(const char *path, uint8_t ret_secret[SECRET], char **ret_why)
{
	char *dir = strdup(path), hex[2 * SECRET + 2], part[4200];
	int fd;
	bool good, first = true;

	if (dir == NULL || RAND_bytes(ret_secret, SECRET) != 1) {
		free(dir);
		return CC_NOMEM;
	}
	if (strrchr(dir, '/') != NULL) {
		*strrchr(dir, '/') = '\0';
		(void)dirs_make(dir, 0700);
	}
	free(dir);
	hex_text(slice_of(ret_secret, SECRET), hex);
	hex[2 * SECRET] = '\n';
	/* Whole or not at all: another sensor that shares the file may start in this very moment, and be first. */
	snprintf(part, sizeof(part), "%s.%d", path, (int)getpid());
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return because(ret_why, CC_IO, "victims.key: %s: %s", part, strerror(errno));
	good = write(fd, hex, 2 * SECRET + 1) == 2 * SECRET + 1 && fsync(fd) == 0;
	good = close(fd) == 0 && good;
	if (good && link(part, path) != 0) {
		good = errno == EEXIST;
		first = false;
	}
	(void)unlink(part);
	if (!good)
		return because(ret_why, CC_IO, "victims.key: %s could not be written", path);
	if (!first)
		return read_secret(path, ret_secret, ret_why);
	log_notice("%s is new: the secret behind pseudonyms, keep it safe", path);
	return CC_OK;
}

/* 64 hexadecimal digits in a file that nobody else can read. */
static enum cc_status
read_secret(const char *path, uint8_t ret_secret[SECRET], char **ret_why)
{
	char text[2 * SECRET + 2];
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	ssize_t got;
	enum cc_status st = CC_OK;

	if (fd < 0 && errno == ENOENT)
		return make_secret(path, ret_secret, ret_why);
	if (fd < 0)
		return because(ret_why, CC_IO, "victims.key: %s: %s", path, strerror(errno));
	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || (about.st_mode & 077) != 0 ||
	    about.st_uid != geteuid()) {
		close(fd);
		return because(ret_why, CC_DENIED,
		    "victims.key: %s: others can read it, or it is another's: chown it, then chmod 600 %s", path, path);
	}
	got = read(fd, text, sizeof(text));
	close(fd);
	if (got < 2 * SECRET || hex_parse(slice_of(text, 2 * SECRET), ret_secret, SECRET) != CC_OK ||
	    (got > 2 * SECRET && text[2 * SECRET] != '\n'))
		st = because(ret_why, CC_BAD, "victims.key: %s: 64 hexadecimal digits are wanted", path);
	OPENSSL_cleanse(text, sizeof(text));
	return st;
}

/* The key of a sharing group and period. */
static bool
derive(const struct victims *victims, uint64_t period, uint8_t ret_key[32])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	char info[256];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)victims->secret, SECRET),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, 0),
	    OSSL_PARAM_construct_end(),
	};
	bool good;

	params[2].data_size = (size_t)snprintf(
	    info, sizeof(info), "concert victims|%s|%llu", victims->conf->victims_group, (unsigned long long)period);
	good = ctx != NULL && EVP_KDF_derive(ctx, ret_key, 32, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return good;
}

static struct pan *
pan_of(struct victims *victims, uint64_t period)
{
	uint8_t key[32];

	if (victims->pan != NULL && victims->period == period)
		return victims->pan;
	pan_free(victims->pan);
	victims->pan = derive(victims, period, key) ? pan_new(key) : NULL;
	victims->period = period;
	OPENSSL_cleanse(key, sizeof(key));
	return victims->pan;
}

/* ---- the list of networks ---- */

static void
networks_free(struct networks *networks)
{
	prefixes_free(networks->prefixes);
	free(networks->class);
	*networks = (struct networks){0};
}

static bool
label_fits(const char *text)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++) {
		if ((uint8_t)text[i] < 0x20 || text[i] == '"')
			return false;
	}
	return size < LABEL_MAX && utf8_valid(slice_of(text, size));
}

static uint32_t
class_of(struct networks *networks, const char *sector, const char *criticality)
{
	uint32_t i = 0;

	while (i < networks->classes && (strcmp(networks->class[i].sector, sector) != 0 ||
					    strcmp(networks->class[i].criticality, criticality) != 0))
		i++;
	if (i == networks->classes && i < CLASSES_MAX) {
		snprintf(networks->class[i].sector, LABEL_MAX, "%s", sector);
		snprintf(networks->class[i].criticality, LABEL_MAX, "%s", criticality);
		networks->classes++;
	}
	return i;
}

static char *
trimmed(char *text)
{
	size_t size;

	text += strspn(text, " \t");
	for (size = strlen(text); size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL; size--)
		text[size - 1] = '\0';
	return text;
}

/* NULL: the line is in; else what is wrong with it. */
static const char *
add_line(struct networks *networks, char *line)
{
	char *sector, *criticality = NULL, *end = strchr(line, '#');
	struct cc_prefix prefix;
	enum cc_status st;
	uint32_t class;

	if (end != NULL)
		*end = '\0';
	line = trimmed(line);
	if (*line == '\0')
		return NULL;
	sector = strchr(line, ',');
	if (sector != NULL) {
		*sector++ = '\0';
		criticality = strchr(sector, ',');
	}
	if (criticality != NULL)
		*criticality++ = '\0';
	if (cc_prefix_parse(trimmed(line), &prefix) != CC_OK)
		return "no address prefix";
	sector = sector != NULL ? trimmed(sector) : line + strlen(line);
	criticality = criticality != NULL ? trimmed(criticality) : line + strlen(line);
	if (!label_fits(sector) || !label_fits(criticality))
		return "sector and criticality are words of at most 63 bytes";
	class = class_of(networks, sector, criticality);
	if (class == CLASSES_MAX)
		return "more than 4,096 different sectors and criticalities";
	st = prefixes_add(networks->prefixes, &prefix, class);
	return st == CC_OK ? NULL : st == CC_FULL ? "more networks than victims.networks_max" : "no memory";
}

static enum cc_status
read_networks(const struct victims *victims, struct networks *ret_networks, char **ret_why)
{
	struct networks networks = {.prefixes = prefixes_new(victims->conf->victims_networks_max),
	    .class = calloc(CLASSES_MAX, sizeof(struct class))};
	FILE *file = fopen(victims->list_path, "re");
	char line[LINE_MAX_BYTES];
	unsigned number = 0;
	enum cc_status st = CC_OK;

	if (file == NULL)
		st = because(ret_why, CC_IO, "victims.networks: %s: %s", victims->list_path, strerror(errno));
	else if (networks.prefixes == NULL || networks.class == NULL)
		st = CC_NOMEM;
	while (st == CC_OK && fgets(line, sizeof(line), file) != NULL) {
		const char *wrong;

		number++;
		wrong = strchr(line, '\n') == NULL && !feof(file) ? "the line is too long" : add_line(&networks, line);
		if (wrong != NULL)
			st = because(ret_why, CC_BAD, "%s:%u: %s", victims->list_path, number, wrong);
	}
	if (st == CC_OK && ferror(file))
		st = because(ret_why, CC_IO, "victims.networks: %s: %s", victims->list_path, strerror(errno));
	if (file != NULL)
		fclose(file);
	if (st != CC_OK) {
		networks_free(&networks);
		return st;
	}
	*ret_networks = networks;
	return CC_OK;
}

static bool
list_changed(struct victims *victims)
{
	struct stat about;

	if (victims->list_path == NULL || stat(victims->list_path, &about) != 0 ||
	    (about.st_size == victims->list_size && about.st_mtim.tv_sec == victims->list_time.tv_sec &&
		about.st_mtim.tv_nsec == victims->list_time.tv_nsec))
		return false;
	victims->list_size = about.st_size;
	victims->list_time = about.st_mtim;
	return true;
}

void
victims_refresh(struct victims *victims)
{
	struct networks networks;
	char *why = NULL;

	if (!list_changed(victims))
		return;
	if (read_networks(victims, &networks, &why) != CC_OK) {
		log_error("victims.networks: the list of before stays: %s", why != NULL ? why : "no memory");
		free(why);
		return;
	}
	networks_free(&victims->networks);
	victims->networks = networks;
	log_notice("victims.networks: %zu networks read again", prefixes_count(networks.prefixes));
}

/* ---- opening ---- */

static bool
group_fits(const char *group)
{
	size_t size = strlen(group);

	return size > 0 && size <= 64 && strspn(group, "abcdefghijklmnopqrstuvwxyz0123456789.-") == size;
}

enum cc_status
victims_open(const struct conf *conf, const char *outdir, struct victims **ret_victims, char **ret_why)
{
	struct victims *victims = calloc(1, sizeof(*victims));
	char *key = dirs_under(outdir, conf->victims_key[0] != '\0' ? conf->victims_key : "keys/victims.key");
	enum cc_status st = victims != NULL && key != NULL ? CC_OK : CC_NOMEM;

	if (st == CC_OK && !group_fits(conf->victims_group))
		st = because(ret_why, CC_BAD,
		    "victims.group: '%s': lower-case letters, digits, dots and dashes are wanted", conf->victims_group);
	if (st == CC_OK) {
		victims->conf = conf;
		st = home_new(conf, &victims->home, ret_why);
	}
	if (st == CC_OK)
		st = read_secret(key, victims->secret, ret_why);
	if (st == CC_OK && conf->victims_networks[0] != '\0') {
		victims->list_path = dirs_under(outdir, conf->victims_networks);
		st = victims->list_path != NULL ? CC_OK : CC_NOMEM;
		if (st == CC_OK) {
			(void)list_changed(victims);
			st = read_networks(victims, &victims->networks, ret_why);
		}
	}
	free(key);
	if (st != CC_OK) {
		victims_close(victims);
		return st;
	}
	*ret_victims = victims;
	return CC_OK;
}

void
victims_close(struct victims *victims)
{
	if (victims == NULL)
		return;
	OPENSSL_cleanse(victims->secret, SECRET);
	pan_free(victims->pan);
	networks_free(&victims->networks);
	home_free(victims->home);
	free(victims->list_path);
	free(victims);
}

/* ---- questions ---- */

bool
victims_ours(const struct victims *victims, const struct cc_addr *addr)
{
	uint32_t class;

	if (victims == NULL)
		return false;
	return home_has(victims->home, addr) ||
	       (victims->networks.prefixes != NULL && prefixes_find(victims->networks.prefixes, addr, &class));
}

void
victims_sector(
    const struct victims *victims, const struct cc_addr *addr, const char **ret_sector, const char **ret_criticality)
{
	const struct networks *networks;
	uint32_t class;

	*ret_sector = *ret_criticality = NULL;
	if (victims == NULL)
		return;
	networks = &victims->networks;
	if (networks->prefixes == NULL || !prefixes_find(networks->prefixes, addr, &class))
		return;
	if (networks->class[class].sector[0] != '\0')
		*ret_sector = networks->class[class].sector;
	if (networks->class[class].criticality[0] != '\0')
		*ret_criticality = networks->class[class].criticality;
}

const char *
victims_pseudonym(struct victims *victims, const struct cc_addr *addr, uint64_t time, char ret_text[VICTIM_TEXT])
{
	bool four = cc_addr_is4(addr);
	struct cc_addr hidden;
	struct pan *pan;
	uint64_t period;
	char hex[33];

	if (victims == NULL)
		return NULL;
	period = time / victims->conf->victims_period;
	pan = pan_of(victims, period);
	if (pan == NULL)
		return NULL;
	hidden = pan_hide(pan, addr);
	hex_text(four ? slice_of(hidden.b + 12, 4) : slice_of(hidden.b, 16), hex);
	snprintf(ret_text, VICTIM_TEXT, "pan%d-%s-%llu-%s", four ? 4 : 6, victims->conf->victims_group,
	    (unsigned long long)period, hex);
	return ret_text;
}

enum cc_status
victims_reveal(struct victims *victims, struct slice text, struct cc_addr *ret_addr, const char **ret_why)
{
	char copy[VICTIM_TEXT], *hex, *number;
	uint8_t bytes[16];
	struct cc_addr hidden;
	struct pan *pan;
	uint64_t period;
	size_t size;

	*ret_why = "this is not a pseudonym: pan4-GROUP-PERIOD-8 digits or pan6-GROUP-PERIOD-32 digits";
	if (text.size >= sizeof(copy) || text.size < 6 ||
	    (memcmp(text.p, "pan4-", 5) != 0 && memcmp(text.p, "pan6-", 5) != 0))
		return CC_BAD;
	memcpy(copy, text.p, text.size);
	copy[text.size] = '\0';
	size = copy[3] == '4' ? 4 : 16;
	/* From the end: a group may have dashes. */
	hex = strrchr(copy, '-');
	*hex++ = '\0';
	number = strrchr(copy, '-');
	if (number == NULL || number <= copy + 4 || hex_parse(slice_str(hex), bytes, size) != CC_OK ||
	    uint_parse(number + 1, &period) != CC_OK)
		return CC_BAD;
	*number = '\0';
	if (strcmp(copy + 5, victims->conf->victims_group) != 0) {
		*ret_why = "it is of another sharing group than victims.group";
		return CC_BAD;
	}
	hidden = size == 4 ? cc_addr4(bytes) : cc_addr6(bytes);
	pan = pan_of(victims, period);
	if (pan == NULL)
		return CC_NOMEM;
	*ret_addr = pan_show(pan, &hidden);
	/* Every number is somebody's pseudonym: only ours are believed. */
	if (!victims_ours(victims, ret_addr)) {
		*ret_why = "it was not made here: what it stands for is no address of ours";
		return CC_BAD;
	}
	return CC_OK;
}
