/*
 * The files of a Kafka client's TLS: kafka.ssl.ca.location, kafka.ssl.certificate.location, kafka.ssl.key.location, all
 * PEM.
 *
 * Looked at before librdkafka reads them, since its own words for what is wrong are OpenSSL's: which file, what is
 * wrong with it, what is to be done.  Looked at again while running: a certificate that ends is spoken of before and
 * after, and one that is replaced is noticed.  A certificate out of its time is no error here: messages wait, and it
 * can be replaced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "output/kafka_own.h"

#define TELL_EVERY (24 * 3600 * NS_PER_S)

static const char *const key_name[KAFKA_PEM_FILES] = {
    [KAFKA_PEM_CA] = "ssl.ca.location",
    [KAFKA_PEM_CERTIFICATE] = "ssl.certificate.location",
    [KAFKA_PEM_KEY] = "ssl.key.location",
};

static enum cc_status
refuse(const struct kafka_pem *pem, int which, const char *text, char **ret_why)
{
	ERR_clear_error();
	if (asprintf(ret_why, "kafka.%s: %s: %s", key_name[which], pem->path[which], text) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

static uint64_t
ns_of(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) == 1 && timegm(&tm) > 0 ? (uint64_t)timegm(&tm) * NS_PER_S : 0;
}

static enum cc_status
read_ca(struct kafka_pem *pem, FILE *file, char **ret_why)
{
	unsigned count = 0, alive = 0;
	uint64_t until = 0;
	char text[200], time[40];
	X509 *x;

	while ((x = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
		count++;
		until = ns_of(X509_get0_notAfter(x));
		alive += until > time_now();
		X509_free(x);
	}
	ERR_clear_error();
	if (count == 0)
		return refuse(pem, KAFKA_PEM_CA, "holds no certificate in PEM (BEGIN CERTIFICATE)", ret_why);
	if (alive == 0) {
		snprintf(text, sizeof(text),
		    "its certificate ended on %.19s: no broker's certificate can be checked by it",
		    time_rfc3339_text(until, time));
		log_error("kafka.ssl.ca.location: %s: %s", pem->path[KAFKA_PEM_CA], text);
	}
	return CC_OK;
}

static enum cc_status
read_certificate(struct kafka_pem *pem, FILE *file, X509 **ret_certificate, char **ret_why)
{
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);

	if (x == NULL)
		return refuse(pem, KAFKA_PEM_CERTIFICATE, "holds no certificate in PEM (BEGIN CERTIFICATE)", ret_why);
	pem->from = ns_of(X509_get0_notBefore(x));
	pem->until = ns_of(X509_get0_notAfter(x));
	X509_NAME_oneline(X509_get_subject_name(x), pem->subject, sizeof(pem->subject));
	X509_NAME_oneline(X509_get_issuer_name(x), pem->issuer, sizeof(pem->issuer));
	*ret_certificate = x;
	return CC_OK;
}

/* OpenSSL would ask at the terminal. */
static int
password(char *buf, int size, int writes, void *ctx)
{
	const char *text = ctx;
	size_t length = text != NULL ? strlen(text) : 0;

	(void)writes;
	if (length == 0 || length > (size_t)size)
		return -1;
	memcpy(buf, text, length);
	return (int)length;
}

static enum cc_status
read_key(const struct conf *conf, struct kafka_pem *pem, FILE *file, X509 *certificate, char **ret_why)
{
	const struct stat *about = &pem->seen[KAFKA_PEM_KEY];
	const char *secret = conf_map_get(&conf->kafka, "ssl.key.password");
	enum cc_status st = CC_OK;
	EVP_PKEY *key;
	char text[200];

	if ((about->st_mode & 077) != 0) {
		snprintf(text, sizeof(text),
		    "others may read it (mode %04o): chmod 600, and think of it as known if they could have",
		    about->st_mode & 07777);
		return refuse(pem, KAFKA_PEM_KEY, text, ret_why);
	}
	key = PEM_read_PrivateKey(file, NULL, password, (void *)(uintptr_t)secret);
	if (key == NULL)
		return refuse(pem, KAFKA_PEM_KEY,
		    secret != NULL ? "holds no private key in PEM, or kafka.ssl.key.password is not its password"
				   : "holds no private key in PEM (one with a password wants kafka.ssl.key.password)",
		    ret_why);
	if (certificate != NULL && X509_check_private_key(certificate, key) != 1)
		st = refuse(pem, KAFKA_PEM_KEY,
		    "is not the key of kafka.ssl.certificate.location: not ours, or only one was replaced", ret_why);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return st;
}

static enum cc_status
open_file(struct kafka_pem *pem, int which, FILE **ret_file, char **ret_why)
{
	char text[200];

	*ret_file = fopen(pem->path[which], "re");
	if (*ret_file != NULL && fstat(fileno(*ret_file), &pem->seen[which]) == 0)
		return CC_OK;
	snprintf(text, sizeof(text), "%s%s", strerror(errno),
	    errno == EACCES ? ": the user that the sensor runs as must be able to read it" : "");
	if (*ret_file != NULL)
		fclose(*ret_file);
	*ret_file = NULL;
	return refuse(pem, which, text, ret_why);
}

enum cc_status
kafka_pem_read(const struct conf *conf, struct kafka_pem *ret_pem, char **ret_why)
{
	X509 *certificate = NULL;
	enum cc_status st = CC_OK;

	*ret_pem = (struct kafka_pem){.from = 0};
	for (int i = 0; i < KAFKA_PEM_FILES; i++)
		ret_pem->path[i] = conf_map_get(&conf->kafka, key_name[i]);
	for (int i = 0; i < KAFKA_PEM_FILES && st == CC_OK; i++) {
		FILE *file = NULL;

		/* A folder of authorities is OpenSSL's to read. */
		if (ret_pem->path[i] == NULL ||
		    (i == KAFKA_PEM_CA &&
			(strcmp(ret_pem->path[i], "probe") == 0 ||
			    (stat(ret_pem->path[i], &ret_pem->seen[i]) == 0 && S_ISDIR(ret_pem->seen[i].st_mode)))))
			continue;
		st = open_file(ret_pem, i, &file, ret_why);
		if (st != CC_OK)
			break;
		if (i == KAFKA_PEM_CA)
			st = read_ca(ret_pem, file, ret_why);
		else if (i == KAFKA_PEM_CERTIFICATE)
			st = read_certificate(ret_pem, file, &certificate, ret_why);
		else
			st = read_key(conf, ret_pem, file, certificate, ret_why);
		fclose(file);
	}
	X509_free(certificate);
	return st;
}

bool
kafka_pem_changed(const struct kafka_pem *pem)
{
	struct stat now;

	for (int i = 0; i < KAFKA_PEM_FILES; i++) {
		const struct stat *then = &pem->seen[i];

		/* One that is gone for a moment is being replaced. */
		if (pem->path[i] == NULL || stat(pem->path[i], &now) != 0)
			continue;
		if (now.st_ino != then->st_ino || now.st_size != then->st_size ||
		    now.st_mtim.tv_sec != then->st_mtim.tv_sec || now.st_mtim.tv_nsec != then->st_mtim.tv_nsec)
			return true;
	}
	return false;
}

void
kafka_pem_tell(const struct conf *conf, struct kafka_pem *pem, uint64_t now)
{
	const char *path = pem->path[KAFKA_PEM_CERTIFICATE];
	char time[40];

	if (pem->until == 0 || path == NULL)
		return;
	time_rfc3339_text(pem->until, time);
	if (now >= pem->until && !pem->ended) {
		log_error("kafka: our certificate %s ended on %.19s: brokers refuse it; replace the file, it is picked "
			  "up by itself",
		    path, time);
		pem->ended = true;
	} else if (now < pem->until && now + conf->exchange_expiry_warning >= pem->until &&
		   now >= pem->told + TELL_EVERY) {
		log_warning(
		    "kafka: our certificate %s ends on %.19s: have it renewed; a replaced file is picked up by itself",
		    path, time);
		pem->told = now;
	}
}
