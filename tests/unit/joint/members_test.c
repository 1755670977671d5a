/* What members of a group send to each other, over librdkafka's mock clusters: it is taken where it was sent to, and
 * refused by name anywhere else. */
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exchange/exchange.h"
#include "joint/joint.h"
#include "unit/joint/joint_rig.h"

#define WAIT (60 * NS_PER_S)

struct cluster {
	rd_kafka_t *owner, *producer;
	rd_kafka_mock_cluster_t *mock;
	char from[256];
};

static void
open_cluster(struct cluster *c)
{
	char text[256];
	rd_kafka_conf_t *rconf = rd_kafka_conf_new();

	c->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	c->mock = rd_kafka_mock_cluster_new(c->owner, 1);
	rd_kafka_mock_topic_create(c->mock, "concert.nodes", 1, 1);
	rd_kafka_mock_topic_create(c->mock, "concert.other", 1, 1);
	rd_kafka_mock_topic_create(c->mock, "concert.wide", 2, 1);
	rd_kafka_conf_set(rconf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(c->mock), text, sizeof(text));
	c->producer = rd_kafka_new(RD_KAFKA_PRODUCER, rconf, text, sizeof(text));
	snprintf(c->from, sizeof(c->from), "kafka:%s", rd_kafka_mock_cluster_bootstraps(c->mock));
}

static void
close_cluster(struct cluster *c)
{
	rd_kafka_destroy(c->producer);
	rd_kafka_mock_cluster_destroy(c->mock);
	rd_kafka_destroy(c->owner);
}

static void
put(const struct cluster *c, const char *topic, int partition, struct slice value)
{
	void *bytes = (void *)(uintptr_t)value.p;

	CHECK(rd_kafka_producev(c->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
		  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(bytes, value.size),
		  RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
	CHECK(rd_kafka_flush(c->producer, 30000) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

struct member {
	struct conf *conf;
	struct trust *trust;
	struct joint *joint;
	struct reader_resume resume;
	struct joint_members *members;
};

static bool
nothing_kept(void *ctx, const char *place, uint64_t *ret_next)
{
	(void)ctx;
	(void)place;
	(void)ret_next;
	return false;
}

static void
open_member(struct member *m, const char *dir, const struct cluster *c, const char *topic)
{
	char text[128], *why = NULL;
	struct key *key;

	*m = (struct member){.conf = conf_new(), .resume = {nothing_kept, NULL, NULL, 0}};
	CHECK(conf_set(m->conf, "exchange.insecure=yes", &why) == CC_OK);
	snprintf(text, sizeof(text), "joint.nodes_topic=%s", topic);
	CHECK(conf_set(m->conf, text, &why) == CC_OK);
	snprintf(text, sizeof(text), "joint.group=%s", topic);
	CHECK(conf_set(m->conf, text, &why) == CC_OK);
	CHECK(key_open(m->conf, dir, true, &key, &why) == CC_OK);
	key_close(key);
	CHECK(trust_open(m->conf, dir, &m->trust, &why) == CC_OK);
	m->joint = joint_new(m->conf);
	CHECK(joint_members_open(m->conf, dir, c->from, m->trust, &m->resume, &m->members, &why) == CC_OK);
}

static void
close_member(struct member *m)
{
	joint_members_close(m->members);
	joint_free(m->joint);
	trust_close(m->trust);
	conf_free(m->conf);
}

/* What has come until so many messages of the topic are read; how many nodes there are then. */
static size_t
taken(struct member *m, uint64_t messages)
{
	const struct reader_position *position = joint_members_position(m->members);
	uint64_t until = time_monotonic() + WAIT;

	while (position->next < messages && time_monotonic() < until) {
		size_t count;

		CHECK(joint_members_take(m->members, m->joint, 50, &count) == CC_OK);
	}
	CHECK_UINT(position->next, messages);
	return joint_nodes(m->joint);
}

/* The topic's first message, as it is there. */
static struct slice
first_of(const struct member *m, const struct cluster *c, const char *topic, struct buf *out)
{
	struct cc_message msg;
	struct reader *reader;
	char *why = NULL;
	const char *trouble;
	uint64_t until = time_monotonic() + WAIT;
	enum cc_status st = CC_MORE;

	CHECK(reader_open(m->conf, c->from, &topic, 1, true, &reader, &why) == CC_OK);
	while (st != CC_OK && time_monotonic() < until)
		st = reader_next(reader, 50, &msg, &trouble);
	CHECK(st == CC_OK);
	buf_add_slice(out, msg.value);
	reader_close(reader);
	return buf_slice(out);
}

static void
remove_dir(const char *dir)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

static uint64_t
refused(const struct member *m)
{
	uint64_t sum = 0;

	for (unsigned why = 0; why < JOINT_REFUSED_COUNT; why++)
		sum += joint_members_refused(m->members, (enum joint_refused)why);
	return sum;
}

/* A member's own payload, put again where it was not sent to. */
static void
replayed(const char *dir, const struct cluster *c, const char *topic, int partition, struct slice payload)
{
	char name[64];
	struct member m;

	snprintf(name, sizeof(name), "concert.%s", topic);
	put(c, name, partition, payload);
	open_member(&m, dir, c, topic);
	CHECK_UINT(taken(&m, 1), 0);
	CHECK_UINT(joint_members_refused(m.members, JOINT_REFUSED_WRONG_PLACE), 1);
	CHECK_UINT(refused(&m), 1);
	close_member(&m);
}

/* Of a member that is opened; out: to be closed. */
static struct slice
one_sent(struct member *m, const char *dir, const struct cluster *c, struct buf *out)
{
	struct joint_sighting sighting;

	text_used = 0;
	buf_open(out, 1u << 20);
	open_member(m, dir, c, "nodes");
	sighting = server_seen("a", "203.0.113.7", 1);
	CHECK(joint_add(joint_members_first(m->members), &sighting) == CC_OK);
	CHECK(joint_members_send(m->members, time_monotonic() + WAIT) == CC_OK);
	return first_of(m, c, "nodes", out);
}

TEST(what_was_sent_elsewhere_is_refused)
{
	char dir[] = "/tmp/members_test.XXXXXX";
	struct cluster here, there;
	struct member m;
	struct buf out;
	struct slice payload;

	CHECK(mkdtemp(dir) != NULL);
	open_cluster(&here);
	open_cluster(&there);
	payload = one_sent(&m, dir, &here, &out);
	CHECK_UINT(taken(&m, 1), 1);
	CHECK_UINT(refused(&m), 0);

	replayed(dir, &here, "other", 0, payload);
	replayed(dir, &here, "wide", 1, payload);
	replayed(dir, &there, "nodes", 0, payload);

	/* In its place it may come again, as after a member that was killed. */
	put(&here, "concert.nodes", 0, payload);
	CHECK_UINT(taken(&m, 2), 1);
	CHECK_UINT(refused(&m), 0);

	close_member(&m);
	buf_close(&out);
	close_cluster(&here);
	close_cluster(&there);
	remove_dir(dir);
}

#define AT_KID 64 /* behind the signature; then the word */

/* Each by its name, and none of it ends anything. */
TEST(what_is_refused_has_a_name)
{
	static const enum joint_refused names[] = {JOINT_REFUSED_MALFORMED, JOINT_REFUSED_OTHER_VERSION,
	    JOINT_REFUSED_UNKNOWN_KEY, JOINT_REFUSED_BAD_SIGNATURE};
	char dir[] = "/tmp/members_test.XXXXXX";
	struct cluster here;
	struct member m;
	struct buf out;
	struct slice payload;
	uint8_t *word;

	CHECK(mkdtemp(dir) != NULL);
	open_cluster(&here);
	payload = one_sent(&m, dir, &here, &out);
	word = memmem(out.p, out.size, "concert.nodes.", 14);
	CHECK(word != NULL);

	put(&here, "concert.nodes", 0, slice_of(payload.p, AT_KID));
	word[14] = '1';
	put(&here, "concert.nodes", 0, payload);
	word[14] = '3';
	out.p[AT_KID] ^= 1;
	put(&here, "concert.nodes", 0, payload);
	out.p[AT_KID] ^= 1;
	out.p[out.size - 1] ^= 1;
	put(&here, "concert.nodes", 0, payload);
	out.p[out.size - 1] ^= 1;
	out.p[0] ^= 1;
	put(&here, "concert.nodes", 0, payload);
	CHECK_UINT(taken(&m, 6), 1);
	CHECK_UINT(refused(&m), 5);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(joint_members_refused(m.members, names[i]) >= 1);
	CHECK_UINT(joint_members_refused(m.members, JOINT_REFUSED_BAD_SIGNATURE), 2);

	close_member(&m);
	buf_close(&out);
	close_cluster(&here);
	remove_dir(dir);
}

/* From then on, whatever it signed, and whenever. */
TEST(a_key_that_was_revoked_is_refused)
{
	char dir[] = "/tmp/members_test.XXXXXX";
	struct cluster here;
	struct member m;
	struct buf out;
	struct slice payload;

	CHECK(mkdtemp(dir) != NULL);
	open_cluster(&here);
	payload = one_sent(&m, dir, &here, &out);
	CHECK_UINT(taken(&m, 1), 1);
	CHECK_UINT(refused(&m), 0);
	CHECK(trust_revoke(m.trust, (const char *)payload.p + AT_KID, DAY0 * NS_PER_S) == CC_OK);
	put(&here, "concert.nodes", 0, payload);
	CHECK_UINT(taken(&m, 2), 1);
	CHECK_UINT(joint_members_refused(m.members, JOINT_REFUSED_REVOKED_KEY), 1);
	CHECK_UINT(refused(&m), 1);

	close_member(&m);
	buf_close(&out);
	close_cluster(&here);
	remove_dir(dir);
}

static void
on_case(void *ctx, const struct joint_case *one)
{
	*(uint64_t *)ctx += one->sightings;
}

static void
see_and_commit(struct member *m, struct joint_keep *keep, const char *who, const char *addr, unsigned messages)
{
	struct joint_sighting sighting;

	text_used = 0;
	sighting = server_seen(who, addr, messages);
	CHECK(joint_add(joint_members_first(m->members), &sighting) == CC_OK);
	CHECK(joint_members_send(m->members, time_monotonic() + WAIT) == CC_OK);
	(void)taken(m, messages);
	CHECK(joint_keep_commit(keep, &(struct joint_progress){.all = true, .now = UINT64_MAX / 4}) == CC_OK);
}

/* What a member sends brings back what is on disk of it, as a message does. */
TEST(what_is_on_disk_comes_back)
{
	char dir[] = "/tmp/members_test.XXXXXX", addr[32], *why = NULL;
	struct cluster here;
	struct member m;
	struct joint_state *state;
	struct joint_keep *keep;
	uint64_t sightings = 0;

	CHECK(mkdtemp(dir) != NULL);
	open_cluster(&here);
	open_member(&m, dir, &here, "nodes");
	CHECK(conf_set(m.conf, "joint.nodes_max=1000", &why) == CC_OK);
	CHECK(joint_state_open(m.conf, dir, true, &state, &why) == CC_OK);
	CHECK(joint_keep_open(state, m.joint, &keep, &why) == CC_OK);
	see_and_commit(&m, keep, "a", "203.0.113.7", 1);
	for (unsigned i = 0; i < 3000; i++) {
		struct joint_sighting sighting;

		text_used = 0;
		snprintf(addr, sizeof(addr), "198.%u.%u.1", 20 + i / 250, i % 250);
		sighting = server_seen("a", addr, 10 + i);
		CHECK(joint_add(m.joint, &sighting) == CC_OK);
	}
	CHECK(joint_keep_commit(keep, &(struct joint_progress){.all = true, .now = UINT64_MAX / 4}) == CC_OK);
	CHECK(joint_keep_cold(keep) > 1000);
	see_and_commit(&m, keep, "b", "203.0.113.7", 2);
	CHECK(joint_state_all(state, on_case, &sightings) == CC_OK);
	CHECK_UINT(sightings, 2);
	joint_keep_close(keep);
	joint_state_close(state);
	close_member(&m);
	close_cluster(&here);
	remove_dir(dir);
}

/* A broker that takes connections and says nothing. */
static int
listen_only(char from[256])
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(here);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&here, size) == 0 && listen(fd, 8) == 0 &&
	      getsockname(fd, (struct sockaddr *)&here, &size) == 0);
	snprintf(from, 256, "kafka:127.0.0.1:%u", ntohs(here.sin_port));
	return fd;
}

/* It would wait for an hour, and gives up. */
TEST(who_is_told_to_end_waits_for_no_broker)
{
	char dir[] = "/tmp/members_test.XXXXXX";
	volatile sig_atomic_t stop = 1;
	struct joint_sighting sighting;
	struct cluster silent;
	struct member m;
	int fd = listen_only(silent.from);

	CHECK(mkdtemp(dir) != NULL);
	text_used = 0;
	open_member(&m, dir, &silent, "nodes");
	joint_members_hear(m.members, &stop);
	sighting = server_seen("a", "203.0.113.7", 1);
	CHECK(joint_add(joint_members_first(m.members), &sighting) == CC_OK);
	CHECK(joint_members_send(m.members, time_monotonic() + 3600 * NS_PER_S) == CC_IO);
	close_member(&m);
	close(fd);
	remove_dir(dir);
}

TESTS(T(what_was_sent_elsewhere_is_refused), T(what_is_refused_has_a_name), T(a_key_that_was_revoked_is_refused),
    T(who_is_told_to_end_waits_for_no_broker), T(what_is_on_disk_comes_back))
