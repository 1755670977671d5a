/*
 * What librdkafka says is wrong, in the words of the operator: cause and remedy.
 *
 * A broker's certificate that we refuse comes as one and the same text whatever is wrong with it, so that the callback
 * of its verification notes it (threads of librdkafka).  One of ours that the broker refuses comes as a TLS alert, the
 * same for a wrong authority, an end that has come, and a revocation: our own file tells which of it can be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "output/kafka_own.h"

/* ---- the broker's certificate ---- */

static void
note(struct output_kafka_peer *peer, const char *text)
{
	while (atomic_flag_test_and_set(&peer->busy))
		;
	snprintf(peer->why, sizeof(peer->why), "%s", text);
	atomic_flag_clear(&peer->busy);
}

static void
date_text(const ASN1_TIME *time, char text[40])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(text, 40, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, 40, "an unreadable date");
}

/* "kafka1.example 127.0.0.1": whom it is for. */
static void
hosts_text(X509 *x, char *text, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	struct buf out;

	buf_over(&out, text, size - 1);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *s = name->type == GEN_DNS ? name->d.dNSName : NULL;

		if (s != NULL)
			buf_printf(&out, " %.*s", ASN1_STRING_length(s), (const char *)ASN1_STRING_get0_data(s));
		else if (name->type == GEN_IPADD && name->d.iPAddress->length == 4)
			buf_printf(&out, " %u.%u.%u.%u", name->d.iPAddress->data[0], name->d.iPAddress->data[1],
			    name->d.iPAddress->data[2], name->d.iPAddress->data[3]);
	}
	text[out.size] = '\0';
	GENERAL_NAMES_free(names);
}

static void
refusal_text(X509 *x, int error, const char *broker, char *text, size_t size)
{
	char subject[100] = "?", issuer[100] = "?", date[40], hosts[128];

	X509_NAME_oneline(X509_get_subject_name(x), subject, sizeof(subject));
	X509_NAME_oneline(X509_get_issuer_name(x), issuer, sizeof(issuer));
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		date_text(X509_get0_notAfter(x), date);
		snprintf(text, size, "the certificate of %.60s (%s) ended on %s: its owner must renew it", broker,
		    subject, date);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		date_text(X509_get0_notBefore(x), date);
		snprintf(text, size, "the certificate of %.60s (%s) begins on %s: is our clock right?", broker, subject,
		    date);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		hosts_text(x, hosts, sizeof(hosts));
		snprintf(text, size,
		    "unknown host: the certificate of %.60s (%s) is for%s: another machine answers, or exchange.to has "
		    "another name for it",
		    broker, subject, hosts[0] != '\0' ? hosts : " no host");
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		snprintf(text, size,
		    "wrong CA: the certificate of %.60s (%s) was issued by %s, who is not in kafka.ssl.ca.location",
		    broker, subject, issuer);
		break;
	default:
		snprintf(text, size, "the certificate of %.60s (%s): %s", broker, subject,
		    X509_verify_cert_error_string(error));
		break;
	}
}

int
kafka_on_certificate(rd_kafka_t *rk, const char *broker_name, int32_t broker_id, int *x509_error, int depth,
    const char *der, size_t size, char *text, size_t text_size, void *opaque)
{
	const unsigned char *p = (const unsigned char *)der;
	char why[400];
	X509 *x;

	(void)rk;
	(void)broker_id;
	(void)depth;
	if (*x509_error == X509_V_OK)
		return 1;
	x = d2i_X509(NULL, &p, (long)size);
	if (x == NULL)
		snprintf(why, sizeof(why), "the certificate of %.60s can't be read", broker_name);
	else
		refusal_text(x, *x509_error, broker_name, why, sizeof(why));
	X509_free(x);
	if (opaque != NULL)
		note(opaque, why);
	snprintf(text, text_size, "%s", why);
	return 0;
}

/* ---- words ---- */

enum { CAUSE_OTHER = 1000, CAUSE_AWAY, CAUSE_NAME, CAUSE_PEER, CAUSE_CREDENTIALS, CAUSE_NO_CERTIFICATE,
    CAUSE_OURS_ENDED,
	CAUSE_OURS_REFUSED, CAUSE_CONNECTION, CAUSE_ACL_TOPIC, CAUSE_ACL_CLUSTER, CAUSE_TOPIC, CAUSE_PLAINTEXT };

static int
peer_refused(struct output_kafka_peer *peer, const char *what, char *text, size_t size)
{
	char why[400] = "";

	if (peer != NULL) {
		while (atomic_flag_test_and_set(&peer->busy))
			;
		snprintf(why, sizeof(why), "%s", peer->why);
		atomic_flag_clear(&peer->busy);
	}
	if (why[0] != '\0')
		snprintf(text, size, "TLS: %s", why);
	else
		snprintf(text, size,
		    "TLS: the broker's certificate is not from kafka.ssl.ca.location, or names another host: %s", what);
	return CAUSE_PEER;
}

/* The broker has ended the handshake: why can be read in our own file. */
static int
ours_refused(const struct conf *conf, const char *what, char *text, size_t size)
{
	struct kafka_pem pem;
	char *why = NULL, time[40];
	enum cc_status st = kafka_pem_read(conf, &pem, &why);

	free(why);
	if (st != CC_OK || pem.until == 0) {
		snprintf(text, size,
		    "TLS: the broker wants a client certificate and we have none: name it in "
		    "kafka.ssl.certificate.location, and its key in kafka.ssl.key.location (%s)",
		    what);
		return CAUSE_NO_CERTIFICATE;
	}
	if (pem.until <= time_now()) {
		snprintf(text, size,
		    "TLS: our certificate %s ended on %.19s: replace the file, it is picked up by itself",
		    pem.path[KAFKA_PEM_CERTIFICATE], time_rfc3339_text(pem.until, time));
		return CAUSE_OURS_ENDED;
	}
	if (pem.from > time_now()) {
		snprintf(text, size, "TLS: our certificate %s begins on %.19s only: is our clock right?",
		    pem.path[KAFKA_PEM_CERTIFICATE], time_rfc3339_text(pem.from, time));
		return CAUSE_OURS_ENDED;
	}
	snprintf(text, size,
	    "TLS: the broker refuses our certificate %s (%s): it does not know its issuer %s, or it was revoked: ask "
	    "who runs the broker (%s)",
	    pem.path[KAFKA_PEM_CERTIFICATE], pem.subject, pem.issuer, what);
	return CAUSE_OURS_REFUSED;
}

static int
connection(const struct conf *conf, struct output_kafka_peer *peer, const char *bootstrap, const char *what, char *text,
    size_t size)
{
	if (strstr(what, "certificate verify failed") != NULL)
		return peer_refused(peer, what, text, size);
	/* "sslv3 alert bad certificate", "certificate required", "certificate unknown": all of ours */
	if (strstr(what, "alert") != NULL && strstr(what, "certificate") != NULL)
		return ours_refused(conf, what, text, size);
	if (!kafka_uses_tls(conf) && (strstr(what, "Disconnected") != NULL || strstr(what, "SSL") != NULL)) {
		snprintf(
		    text, size, "no connection to %s: if it speaks TLS, drop exchange.insecure: %s", bootstrap, what);
		return CAUSE_PLAINTEXT;
	}
	snprintf(text, size, "no connection to %s: %s", bootstrap, what);
	return CAUSE_CONNECTION;
}

int
output_kafka_why(const struct conf *conf, struct output_kafka_peer *peer, const char *bootstrap, int error,
    const char *what, char *text, size_t size)
{
	switch ((rd_kafka_resp_err_t)error) {
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		snprintf(text, size, "no broker of %s can be reached", bootstrap);
		return CAUSE_AWAY;
	case RD_KAFKA_RESP_ERR__RESOLVE:
		snprintf(text, size, "the name of the broker can't be resolved: %s", what);
		return CAUSE_NAME;
	case RD_KAFKA_RESP_ERR__SSL:
		if (strstr(what, "alert") != NULL && strstr(what, "certificate") != NULL)
			return ours_refused(conf, what, text, size);
		if (strstr(what, "wrong version number") != NULL) {
			snprintf(text, size, "TLS: %s does not speak TLS on that port: %s", bootstrap, what);
			return CAUSE_PLAINTEXT;
		}
		return peer_refused(peer, what, text, size);
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		snprintf(text, size, "the broker does not take our credentials (kafka.sasl.*): %s", what);
		return CAUSE_CREDENTIALS;
	case RD_KAFKA_RESP_ERR__TRANSPORT:
		return connection(conf, peer, bootstrap, what, text, size);
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		snprintf(text, size,
		    "not allowed on the topic (ACL): who runs the broker must list it for us in partners.yaml: %s",
		    what);
		return CAUSE_ACL_TOPIC;
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		snprintf(text, size,
		    "not allowed to write idempotently (ACL): who runs the broker must list us in partners.yaml: %s",
		    what);
		return CAUSE_ACL_CLUSTER;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		snprintf(text, size, "a topic does not exist on %s: %s", bootstrap, what);
		return CAUSE_TOPIC;
	default:
		snprintf(text, size, "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)error), what);
		return CAUSE_OTHER + 100 + error;
	}
}
