/* What the files of the Kafka output share.  The courier's thread, unless a function says else. */
#ifndef OUTPUT_KAFKA_OWN_H
#define OUTPUT_KAFKA_OWN_H

#include <librdkafka/rdkafka.h>
#include <sys/stat.h>

#include "output/output.h"

/* kafka_conf.c */
bool kafka_uses_tls(const struct conf *conf);

/* kafka_pem.c: our own certificate, its key, and whom we believe */
enum { KAFKA_PEM_CA, KAFKA_PEM_CERTIFICATE, KAFKA_PEM_KEY, KAFKA_PEM_FILES };

struct kafka_pem {
	const char *path[KAFKA_PEM_FILES]; /* the configuration's; NULL: not named */
	struct stat seen[KAFKA_PEM_FILES];
	uint64_t from, until;              /* of our certificate, ns; 0: we have none */
	char subject[160], issuer[160];
	uint64_t told;                     /* when its end was spoken of last, ns */
	bool ended;                        /* and that it has come */
};
/* CC_BAD: a file is missing, broken, open to others, or key and certificate do not belong together: *ret_why (malloc).
 */
enum cc_status kafka_pem_read(const struct conf *conf, struct kafka_pem *ret_pem, char **ret_why);
bool kafka_pem_changed(const struct kafka_pem *pem); /* a file was replaced since it was read */
/* Logs that the certificate ends soon (once a day), or has ended (once). */
void kafka_pem_tell(const struct conf *conf, struct kafka_pem *pem, uint64_t now);

/* kafka_why.c: librdkafka's threads call it for every certificate of a broker's chain */
int kafka_on_certificate(rd_kafka_t *rk, const char *broker_name, int32_t broker_id, int *x509_error, int depth,
    const char *der, size_t size, char *text, size_t text_size, void *opaque);

#endif
