/*
 * Messages to Kafka by librdkafka: an idempotent producer that waits for all replicas and never gives up by itself.
 *
 * In: messages, each with a ticket and its lane.  Out: records with the CloudEvents headers, partition = lane mod
 * partitions, and a delivery report for every ticket.  librdkafka has threads of its own; all callbacks but the
 * partitioner run in poll().  The courier's one thread.
 *
 * Traps (librdkafka 2.0.2): an authorization that was taken away is 'not now', never 'drop'.  A fatal error ends the
 * producer: another is made, and the spool goes on from its cursor.  Headers go by producev(), as produceva() frees
 * them twice.
 */
#include "output/kafka_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TOPICS_MAX 32
#define LANE_BITS 16               /* of a message's opaque word; the rest is its ticket */
#define RETRY_NS (500 * NS_PER_MS) /* after an answer that will not change at once */
#define REMAKE_NS (1 * NS_PER_S)   /* between two producers */
#define PEM_NS (1 * NS_PER_S)      /* between two looks at the certificate */
#define RENEW_NS (5 * NS_PER_S)    /* the longest wait for what is in flight before a producer is made anew */

struct kafka_out {
	struct output_kafka_peer peer; /* first: librdkafka hands us to kafka_on_certificate() */
	const struct conf *conf;
	struct kafka_pem pem;
	uint64_t pem_looked;  /* at its files, monotonic */
	uint64_t renew_since; /* monotonic: they were replaced, and what is in flight is waited for; 0: no */
	char *bootstrap;
	cc_delivered_fn *fn;
	void *ctx;
	rd_kafka_t *rk; /* NULL: being made anew */
	rd_kafka_topic_t *topic[TOPICS_MAX];
	unsigned topic_count;
	size_t pending;
	bool fatal, pem_broken;
	uint64_t not_before; /* monotonic: no sending until then */
	uint64_t remake_at;
	rd_kafka_resp_err_t trouble; /* what the state tells of; NO_ERROR: all is well */
	int cause; /* output_kafka_why()'s number for it */
	bool delivered_any;
	char state[512];
};

/* ---- what is wrong, in words ---- */

/* Told once for each change.  That all brokers are down is the sum of what was told of each. */
static void
note_trouble(struct kafka_out *self, rd_kafka_resp_err_t error, const char *reason)
{
	bool told = self->trouble != RD_KAFKA_RESP_ERR_NO_ERROR;
	char text[480];
	int cause;

	if (told && error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		return;
	/* Of a certificate that has been replaced by now. */
	if (kafka_uses_tls(self->conf) && strstr(reason, "certificate") != NULL &&
	    (self->renew_since != 0 || kafka_pem_changed(&self->pem)))
		return;
	cause = output_kafka_why(self->conf, &self->peer, self->bootstrap, error, reason, text, sizeof(text));
	if (told && cause == self->cause)
		return;
	/* Beside a better word on the same connection that none can be had tells nothing. */
	if (told && self->trouble != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && error == RD_KAFKA_RESP_ERR__TRANSPORT &&
	    strstr(reason, "certificate") == NULL)
		return;
	snprintf(self->state, sizeof(self->state), "kafka: %.480s", text);
	log_warning("%s; messages wait in the spool", self->state);
	self->trouble = error;
	self->cause = cause;
}

static void
note_well(struct kafka_out *self)
{
	if (self->delivered_any && self->trouble == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	if (self->trouble != RD_KAFKA_RESP_ERR_NO_ERROR)
		log_notice("kafka: %s takes messages again", self->bootstrap);
	self->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
	self->delivered_any = true;
	snprintf(self->state, sizeof(self->state), "connected to %.400s", self->bootstrap);
}

/* ---- callbacks ---- */

static void
on_error(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
	struct kafka_out *self = opaque;
	char text[400] = "";

	if (error != RD_KAFKA_RESP_ERR__FATAL) {
		note_trouble(self, (rd_kafka_resp_err_t)error, reason);
		return;
	}
	note_trouble(self, rd_kafka_fatal_error(rk, text, sizeof(text)), text);
	self->fatal = true;
}

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
	struct kafka_out *self = opaque;
	uint64_t ticket = (uint64_t)(uintptr_t)msg->_private >> LANE_BITS;

	(void)rk;
	self->pending--;
	switch (msg->err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		note_well(self);
		self->fn(self->ctx, ticket, CC_OK);
		return;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		snprintf(self->state, sizeof(self->state), "kafka: the broker refuses a message: %s",
		    rd_kafka_err2str(msg->err));
		self->fn(self->ctx, ticket, CC_BAD);
		return;
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
		break;
	default:
		note_trouble(self, msg->err, rd_kafka_topic_name(msg->rkt));
		self->not_before = time_monotonic() + RETRY_NS;
		break;
	}
	self->fn(self->ctx, ticket, CC_IO);
}

/* Any thread of librdkafka's: the lane is in the message's opaque word.  It learns the number of partitions by itself.
 */
static int32_t
partition_of(const rd_kafka_topic_t *topic, const void *key, size_t key_size, int32_t partitions, void *topic_opaque,
    void *msg_opaque)
{
	uint64_t lane = (uintptr_t)msg_opaque & ((1u << LANE_BITS) - 1);

	(void)topic;
	(void)key;
	(void)key_size;
	(void)topic_opaque;
	return (int32_t)(lane % (uint64_t)partitions);
}

/* ---- opening, closing, making anew ---- */

static enum cc_status
make_producer(struct kafka_out *self, char **ret_why)
{
	rd_kafka_conf_t *rconf = output_kafka_conf(self->conf, self->bootstrap, false, ret_why);
	char text[512] = "";

	if (rconf == NULL)
		return *ret_why != NULL ? CC_BAD : CC_NOMEM;
	rd_kafka_conf_set_opaque(rconf, self);
	rd_kafka_conf_set_error_cb(rconf, on_error);
	rd_kafka_conf_set_dr_msg_cb(rconf, on_delivery);
	self->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rconf, text, sizeof(text));
	if (self->rk == NULL) {
		rd_kafka_conf_destroy(rconf);
		if (asprintf(ret_why, "kafka: %s", text) < 0)
			*ret_why = NULL;
		return CC_BAD;
	}
	self->fatal = false;
	return CC_OK;
}

/* What was not delivered is reported as such before the producer goes. */
static void
end_producer(struct kafka_out *self)
{
	if (self->rk == NULL)
		return;
	rd_kafka_purge(self->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	for (int i = 0; self->pending > 0 && i < 100; i++)
		rd_kafka_poll(self->rk, 10);
	for (unsigned i = 0; i < self->topic_count; i++)
		rd_kafka_topic_destroy(self->topic[i]);
	self->topic_count = 0;
	rd_kafka_destroy(self->rk);
	self->rk = NULL;
	/* Ticket 0 stands for those that were not even reported: all that is in flight is offered again. */
	if (self->pending > 0)
		self->fn(self->ctx, 0, CC_IO);
	self->pending = 0;
}

static void
kafka_close(void *ptr)
{
	struct kafka_out *self = ptr;

	if (self == NULL)
		return;
	end_producer(self);
	free(self->bootstrap);
	free(self);
}

static enum cc_status
kafka_open(const struct conf *conf, const char *target, cc_delivered_fn *fn, void *ctx, void **ret_self, char **ret_why)
{
	struct kafka_out *self;
	enum cc_status st;

	if (target[0] == '\0') {
		*ret_why = strdup("exchange.to: kafka: names no broker, as in kafka:HOST:PORT");
		return CC_BAD;
	}
	self = calloc(1, sizeof(*self));
	if (self == NULL)
		return CC_NOMEM;
	self->conf = conf;
	self->fn = fn;
	self->ctx = ctx;
	atomic_flag_clear(&self->peer.busy);
	self->bootstrap = strdup(target);
	st = self->bootstrap != NULL ? make_producer(self, ret_why) : CC_NOMEM;
	if (st != CC_OK) {
		kafka_close(self);
		return st;
	}
	if (kafka_uses_tls(conf)) {
		/* Read and found good a moment ago; this is for what becomes of them. */
		char *why = NULL;

		(void)kafka_pem_read(conf, &self->pem, &why);
		free(why);
		kafka_pem_tell(conf, &self->pem, time_now());
	} else {
		log_warning("kafka: exchange.insecure: anybody on the way to %s can read and change what is sent",
		    self->bootstrap);
	}
	snprintf(self->state, sizeof(self->state), "kafka: connecting to %.400s", self->bootstrap);
	*ret_self = self;
	return CC_OK;
}

/* ---- sending ---- */

static rd_kafka_topic_t *
topic_of(struct kafka_out *self, struct slice name)
{
	rd_kafka_topic_conf_t *tconf;
	rd_kafka_topic_t *topic;
	char text[250];

	for (unsigned i = 0; i < self->topic_count; i++) {
		if (slice_is(name, rd_kafka_topic_name(self->topic[i])))
			return self->topic[i];
	}
	if (self->topic_count == TOPICS_MAX || name.size >= sizeof(text))
		return NULL;
	memcpy(text, name.p, name.size);
	text[name.size] = '\0';
	/* A copy of what the operator's settings made of the default. */
	tconf = rd_kafka_default_topic_conf_dup(self->rk);
	if (tconf == NULL)
		return NULL;
	rd_kafka_topic_conf_set_partitioner_cb(tconf, partition_of);
	topic = rd_kafka_topic_new(self->rk, text, tconf);
	if (topic == NULL) {
		rd_kafka_topic_conf_destroy(tconf);
		return NULL;
	}
	self->topic[self->topic_count++] = topic;
	return topic;
}

static rd_kafka_headers_t *
headers_of(const struct cc_message *msg)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(msg->header_count);

	for (unsigned i = 0; headers != NULL && i < msg->header_count; i++) {
		const struct cc_header *h = &msg->header[i];

		if (rd_kafka_header_add(headers, h->name, -1, h->value.p, (ssize_t)h->value.size) !=
		    RD_KAFKA_RESP_ERR_NO_ERROR) {
			rd_kafka_headers_destroy(headers);
			return NULL;
		}
	}
	return headers;
}

static enum cc_status
kafka_send(void *ptr, const struct cc_message *msg, uint64_t ticket)
{
	struct kafka_out *self = ptr;
	rd_kafka_topic_t *topic;
	rd_kafka_headers_t *headers;
	rd_kafka_resp_err_t error;
	uintptr_t word = (uintptr_t)(ticket << LANE_BITS | (msg->lane & ((1u << LANE_BITS) - 1)));

	if (self->rk == NULL || self->fatal || self->renew_since != 0 || time_monotonic() < self->not_before)
		return CC_FULL;
	topic = topic_of(self, msg->topic);
	headers = topic != NULL ? headers_of(msg) : NULL;
	if (headers == NULL)
		return CC_FULL;
	error = rd_kafka_producev(self->rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
	    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(msg->key.p, msg->key.size),
	    RD_KAFKA_V_VALUE((void *)(uintptr_t)msg->value.p, msg->value.size), RD_KAFKA_V_HEADERS(headers),
	    RD_KAFKA_V_OPAQUE((void *)word), RD_KAFKA_V_END);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
		self->pending++;
		return CC_OK;
	}
	rd_kafka_headers_destroy(headers);
	if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return CC_FULL;
	if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
		snprintf(self->state, sizeof(self->state), "kafka: a message is above kafka.message.max.bytes");
		self->fn(self->ctx, ticket, CC_BAD);
		return CC_OK;
	}
	if (error == RD_KAFKA_RESP_ERR__FATAL) {
		self->fatal = true;
		return CC_FULL;
	}
	note_trouble(self, error, rd_kafka_topic_name(topic));
	self->not_before = time_monotonic() + RETRY_NS;
	return CC_FULL;
}

/*
 * The certificate's end is spoken of; files that were replaced are taken once they fit together.  What is in flight has
 * some time to come home, so that nothing is sent twice for it.
 */
static void
look_at_pem(struct kafka_out *self)
{
	uint64_t now = time_monotonic();
	struct kafka_pem fresh;
	char *why = NULL;

	if (!kafka_uses_tls(self->conf) || now < self->pem_looked + PEM_NS)
		return;
	self->pem_looked = now;
	kafka_pem_tell(self->conf, &self->pem, time_now());
	if (self->renew_since != 0 || !kafka_pem_changed(&self->pem))
		return;
	if (kafka_pem_read(self->conf, &fresh, &why) != CC_OK) {
		if (!self->pem_broken)
			log_error("%s; the old ones stay in use", why != NULL ? why : "kafka: no memory");
		self->pem_broken = true;
		free(why);
		return;
	}
	self->pem_broken = false;
	self->pem = fresh;
	self->renew_since = now;
	log_notice("kafka: certificate files were replaced: connecting anew");
}

/* After a fatal error: the old producer's messages are given back, then a new one is made, not too often. */
static void
remake(struct kafka_out *self)
{
	uint64_t now = time_monotonic();
	char *why = NULL;

	end_producer(self);
	self->fatal = false;
	if (now < self->remake_at)
		return;
	self->remake_at = now + REMAKE_NS;
	if (make_producer(self, &why) != CC_OK)
		snprintf(self->state, sizeof(self->state), "%.500s", why != NULL ? why : "kafka: no memory");
	free(why);
}

static void
kafka_poll(void *ptr, int ms)
{
	struct kafka_out *self = ptr;

	if (self->rk != NULL && !self->fatal)
		rd_kafka_poll(self->rk, ms);
	else if (ms > 0)
		nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
	look_at_pem(self);
	if (self->renew_since != 0 && (self->pending == 0 || time_monotonic() > self->renew_since + RENEW_NS)) {
		self->renew_since = 0;
		self->remake_at = 0;
		self->fatal = true;
	}
	if (self->rk == NULL || self->fatal)
		remake(self);
}

/* By the producer's end; the next poll makes another. */
static void
kafka_recall(void *ptr)
{
	struct kafka_out *self = ptr;

	end_producer(self);
	self->fatal = true;
	self->remake_at = 0;
}

static size_t
kafka_pending(const void *ptr)
{
	return ((const struct kafka_out *)ptr)->pending;
}

static const char *
kafka_state(const void *ptr)
{
	return ((const struct kafka_out *)ptr)->state;
}

const struct cc_output kafka_output = {
    .name = "kafka",
    .help = "a Kafka cluster, by librdkafka",
    .open = kafka_open,
    .send = kafka_send,
    .poll = kafka_poll,
    .pending = kafka_pending,
    .recall = kafka_recall,
    .state = kafka_state,
    .close = kafka_close,
};
