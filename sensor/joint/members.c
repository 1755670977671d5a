/*
 * Several correlators as one.  Each verifies and folds the messages of the partitions that are his; what he saw goes,
 * as nodes, to one topic of one partition (joint.nodes_topic), and whoever has that partition links them.  Repeats fold
 * before they go, so the second stage sees few.
 *
 * Nodes merge by least, most and union, so that it does not matter how often, in which order and by whom one is sent: a
 * member that takes a partition over, and sends again what another has sent, changes nothing.  What goes is signed by
 * our organisation's key; what anybody else writes to the topic is refused.  A payload:
 *
 *     signature, 64 bytes | fingerprint of the key | word | place, as text | nodes
 *
 * Signed is the word and the SHA-256 of what follows it: Ed25519 goes over what it signs twice, and with SHA-512, which
 * costs several times as much.  The place is CLUSTER/TOPIC/PARTITION, so that what we signed once, for a drill or
 * another group, is not taken where somebody has put it since.  One thread.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "joint/joint_own.h"

#define WORD "concert.nodes.3\n"
#define WORD_SIZE (sizeof(WORD) - 1)
#define HEAD (KEY_SIGNATURE + KEY_ID) /* before it */
#define SIGNED (WORD_SIZE + 32)
#define PARTITION 0 /* the topic has one */
#define PLACE (READER_PLACE + 64)
#define PAYLOAD (256u << 10) /* about; a node is far smaller */
#define WAIT_MS 50
#define ASK_MS 300          /* for who the broker is, in one call */
#define GRACE (5 * NS_PER_S) /* for what is on its way, once we are told to end */
/* Nodes that later messages fold into before they go.  What comes again after more than these goes again, and folds
 * where it is linked: a few, that stay near at hand, are worth more than a second memory. */
#define FOLDED 16384
#define SOON 2048     /* nodes that go before the commit, which then has fewer to wait for */
#define LINGER "2"    /* ms: payloads are batches already, and a commit waits for them */

struct joint_members {
	const struct conf *conf;
	struct conf out; /* the same, with its own kafka map */
	const struct trust *trust;
	struct joint *first;
	struct key *key;
	char *topic, *group, *from;
	const struct cc_output *output;
	void *self;
	uint64_t ticket, lost;
	const volatile sig_atomic_t *stop; /* NULL: nobody tells us to end */
	uint64_t stopped;                  /* monotonic: when that was seen; 0: not yet */
	struct reader_resume resume;
	struct reader *reader;
	struct reader_position position;
	struct buf payload, body; /* body: nodes that are to go */
	uint64_t refused[JOINT_REFUSED_COUNT];
};

const char *const joint_refused_word[JOINT_REFUSED_COUNT] = {
#define REFUSED(symbol, word, sentence) word,
#include "joint/members.def"
#undef REFUSED
};

static void
delivered(void *ctx, uint64_t ticket, enum cc_status status)
{
	struct joint_members *m = ctx;

	(void)ticket;
	m->lost += status != CC_OK;
}

/* The operator's word on it goes before ours. */
static enum cc_status
set_linger(struct joint_members *m)
{
	static char linger[] = "linger.ms", value[] = LINGER;
	const struct conf_map *map = &m->conf->kafka;

	m->out = *m->conf;
	if ((m->out.kafka.pair = calloc(map->count + 1, sizeof(*map->pair))) == NULL)
		return CC_NOMEM;
	m->out.kafka.count = 0;
	if (conf_map_get(map, "linger.ms") == NULL)
		m->out.kafka.pair[m->out.kafka.count++] = (struct conf_pair){linger, value};
	for (size_t i = 0; i < map->count; i++)
		m->out.kafka.pair[m->out.kafka.count++] = map->pair[i];
	return CC_OK;
}

static enum cc_status
open_topic(struct joint_members *m, char **ret_why)
{
	const char *colon = strchr(m->from, ':');
	const char *topics[] = {m->conf->joint_nodes_topic};
	enum cc_status st;

	m->output = output_by_name(slice_str("kafka"));
	if ((st = set_linger(m)) != CC_OK ||
	    (st = m->output->open(&m->out, colon + 1, delivered, m, &m->self, ret_why)) != CC_OK)
		return st;
	return reader_open_at(m->conf, m->from, topics, 1, &m->resume, &m->reader, ret_why);
}

enum cc_status
joint_members_open(const struct conf *conf, const char *outdir, const char *from, const struct trust *trust,
    const struct reader_resume *resume, struct joint_members **ret_members, char **ret_why)
{
	struct joint_members *m = calloc(1, sizeof(*m));
	enum cc_status st = CC_NOMEM;

	if (m == NULL)
		return CC_NOMEM;
	m->conf = conf;
	m->trust = trust;
	m->from = strdup(from);
	m->first = joint_new(conf);
	buf_open(&m->payload, 16u << 20);
	buf_open(&m->body, 16u << 20);
	if (asprintf(&m->topic, "%s.%s", conf->exchange_prefix, conf->joint_nodes_topic) < 0)
		m->topic = NULL;
	if (asprintf(&m->group, "%s.second", conf->joint_group) < 0)
		m->group = NULL;
	m->resume = (struct reader_resume){resume->fn, resume->ctx, m->group, 0};
	if (m->from != NULL && m->first != NULL && m->topic != NULL && m->group != NULL &&
	    (st = key_open(conf, outdir, true, &m->key, ret_why)) == CC_OK)
		st = open_topic(m, ret_why);
	if (st != CC_OK) {
		joint_members_close(m);
		return st;
	}
	m->first->keeps = true;
	m->first->node_max = conf->joint_nodes_max + 16384;
	*ret_members = m;
	return CC_OK;
}

void
joint_members_close(struct joint_members *m)
{
	if (m == NULL)
		return;
	reader_close(m->reader);
	if (m->self != NULL)
		m->output->close(m->self);
	key_close(m->key);
	joint_free(m->first);
	buf_close(&m->payload);
	buf_close(&m->body);
	free(m->out.kafka.pair);
	free(m->position.place);
	free(m->topic);
	free(m->group);
	free(m->from);
	free(m);
}

struct joint *
joint_members_first(struct joint_members *members)
{
	return members->first;
}

void
joint_members_hear(struct joint_members *members, const volatile sig_atomic_t *stop)
{
	members->stop = stop;
}

/* What does not go before we end is read again with the next start. */
static bool
can_wait(struct joint_members *m, uint64_t until)
{
	uint64_t now = time_monotonic();

	if (m->stopped == 0 && m->stop != NULL && *m->stop)
		m->stopped = now;
	return now < until && (m->stopped == 0 || now - m->stopped < GRACE);
}

/* From the word on. */
static struct slice
signed_of(struct slice body, uint8_t room[SIGNED])
{
	memcpy(room, body.p, WORD_SIZE);
	sha256_of(slice_of(body.p + WORD_SIZE, body.size - WORD_SIZE), room + WORD_SIZE);
	return slice_of(room, SIGNED);
}

/* at: topic and partition.  False: no broker has said which cluster it is of. */
static bool
place_of(const struct joint_members *m, const char *at, char ret_place[PLACE])
{
	const char *cluster = reader_cluster(m->reader, 0);

	return cluster != NULL && snprintf(ret_place, PLACE, "%s/%s", cluster, at) < PLACE;
}

/* ---- out ---- */

static enum cc_status
make_payload(struct joint_members *m, uint64_t until)
{
	static const uint8_t later[KEY_SIGNATURE];
	char at[READER_PLACE], place[PLACE];
	uint8_t signature[KEY_SIGNATURE], room[SIGNED];
	struct slice all;

	while (reader_cluster(m->reader, ASK_MS) == NULL && can_wait(m, until))
		;
	if (!reader_place(m->topic, PARTITION, at) || !place_of(m, at, place))
		return CC_IO;
	buf_clear(&m->payload);
	buf_add(&m->payload, later, sizeof(later));
	buf_add(&m->payload, key_kid(m->key), KEY_ID);
	buf_add_text(&m->payload, WORD);
	code_put_text(&m->payload, slice_str(place));
	buf_add_slice(&m->payload, buf_slice(&m->body));
	all = buf_slice(&m->payload);
	if (m->body.full || m->payload.full ||
	    key_sign(m->key, signed_of(slice_of(all.p + HEAD, all.size - HEAD), room), signature) != CC_OK)
		return CC_NOMEM;
	memcpy(m->payload.p, signature, sizeof(signature));
	return CC_OK;
}

static enum cc_status
send_body(struct joint_members *m, uint64_t until)
{
	struct cc_message msg = {
	    .topic = slice_str(m->topic), .key = slice_str(key_kid(m->key)), .class = CC_CLASS_SIGHTING};
	enum cc_status st;

	if (m->body.size == 0)
		return CC_OK;
	if ((st = make_payload(m, until)) != CC_OK)
		return st;
	msg.value = buf_slice(&m->payload);
	while ((st = m->output->send(m->self, &msg, ++m->ticket)) == CC_FULL && can_wait(m, until))
		m->output->poll(m->self, WAIT_MS);
	buf_clear(&m->body);
	return st;
}

static enum cc_status
send_nodes(struct joint_members *m, uint64_t until)
{
	struct joint *joint = m->first;
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < joint->unsaved.count && st == CC_OK; i++) {
		struct node *node = &joint->node[joint->unsaved.at[i]];

		if (!node->used || !node->unsaved)
			continue;
		node_encode(joint, node, &m->body);
		node->unsaved = false;
		if (m->body.size >= PAYLOAD)
			st = send_body(m, until);
	}
	joint->unsaved.count = 0;
	return st;
}

/* What was taken back, and heard: a partner may say much at once, so that goes in payloads of their size, too. */
static enum cc_status
send_said(struct joint_members *m, uint64_t until)
{
	enum cc_status st = CC_OK;
	uint64_t hash;
	size_t at = 0;

	while (st == CC_OK && (revocation_next(m->first, &at, &m->body) || said_next(m->first, &m->body, &hash))) {
		if (m->body.size >= PAYLOAD)
			st = send_body(m, until);
	}
	return st;
}

enum cc_status
joint_members_send(struct joint_members *m, uint64_t until)
{
	struct joint *joint = m->first;
	enum cc_status st;

	st = send_nodes(m, until);
	if (st == CC_OK)
		st = send_said(m, until);
	joint->fresh.count = 0;
	buf_clear(&joint->gone);
	if (st == CC_OK)
		st = send_body(m, until);
	while (m->output->pending(m->self) > 0 && can_wait(m, until))
		m->output->poll(m->self, WAIT_MS);
	if (m->output->pending(m->self) > 0 || m->lost > 0)
		return CC_IO;
	if (st == CC_OK)
		joint_trim(joint, FOLDED < m->conf->joint_nodes_max ? FOLDED : m->conf->joint_nodes_max);
	return st;
}

enum cc_status
joint_members_send_some(struct joint_members *m, uint64_t until)
{
	m->output->poll(m->self, 0);
	return m->first->unsaved.count >= SOON ? send_nodes(m, until) : CC_OK;
}

const char *
joint_members_state(const struct joint_members *members)
{
	return members->output->state(members->self);
}

/* ---- in ---- */

static bool
fits(void *pkey, const uint8_t *signature, struct slice bytes)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestVerify(ctx, signature, KEY_SIGNATURE, bytes.p, bytes.size) == 1;

	EVP_MD_CTX_free(ctx);
	if (!good)
		ERR_clear_error();
	return good;
}

static enum joint_refused
judge_key(const struct joint_members *m, const char *kid, const struct trust_key **ret_key)
{
	const struct trust_key *key = trust_find(m->trust, slice_str(kid));

	if (key == NULL || key->pkey == NULL || strcmp(key->organisation->id, m->conf->sensor_organisation) != 0)
		return JOINT_REFUSED_UNKNOWN_KEY;
	*ret_key = key;
	return key->entry.revoked != 0 ? JOINT_REFUSED_REVOKED_KEY : JOINT_REFUSED_COUNT;
}

/* JOINT_REFUSED_COUNT: it is of our own organisation, for this place, and whole. */
static enum joint_refused
judge(const struct joint_members *m, struct slice value, struct cur *ret_nodes)
{
	struct cur c = cur_slice(value);
	const uint8_t *signature = cur_bytes(&c, KEY_SIGNATURE), *kid = cur_bytes(&c, KEY_ID), *word;
	struct slice body = slice_of(c.p, cur_left(&c)), place;
	uint8_t room[SIGNED];
	char at[READER_PLACE], here[PLACE];
	const struct trust_key *key;
	enum joint_refused why;
	uint64_t next;

	word = cur_bytes(&c, WORD_SIZE);
	place = code_get_text(&c);
	if (word == NULL || kid[KEY_ID - 1] != '\0')
		return JOINT_REFUSED_MALFORMED;
	if (memcmp(word, WORD, WORD_SIZE) != 0)
		return JOINT_REFUSED_OTHER_VERSION;
	if ((why = judge_key(m, (const char *)kid, &key)) != JOINT_REFUSED_COUNT)
		return why;
	if (!fits(key->pkey, signature, signed_of(body, room)))
		return JOINT_REFUSED_BAD_SIGNATURE;
	if (c.bad)
		return JOINT_REFUSED_MALFORMED;
	reader_where(m->reader, at, &next);
	if (!place_of(m, at, here) || !slice_is(place, here))
		return JOINT_REFUSED_WRONG_PLACE;
	*ret_nodes = c;
	return JOINT_REFUSED_COUNT;
}

/* One that is new here is looked for on disk, as if a message had brought it. */
static enum cc_status
take_node(struct joint *joint, struct cur *c)
{
	size_t before = joint->node_live;
	uint32_t node;
	enum cc_status st = node_decode(joint, c, &node);

	if (st == CC_OK && joint->keeps && joint->node_live > before && !vector_add(&joint->fresh, node))
		st = CC_NOMEM;
	return st;
}

static enum cc_status
take(struct joint_members *m, struct joint *joint, const struct cc_message *msg, size_t *ret_count)
{
	struct cur c;
	enum joint_refused why = judge(m, msg->value, &c);
	enum cc_status st = CC_OK;

	while (why == JOINT_REFUSED_COUNT && cur_left(&c) > 0 && (st = take_node(joint, &c)) == CC_OK)
		++*ret_count;
	if (st == CC_BAD)
		why = JOINT_REFUSED_MALFORMED;
	if (why != JOINT_REFUSED_COUNT && m->refused[why]++ == 0)
		log_warning("%s: refused: %s", m->topic, joint_refused_word[why]);
	return st == CC_BAD ? CC_OK : st;
}

enum cc_status
joint_members_take(struct joint_members *m, struct joint *joint, int ms, size_t *ret_count)
{
	struct cc_message msg;
	const char *why = NULL;
	char place[READER_PLACE];
	enum cc_status st = CC_OK;

	*ret_count = 0;
	if (reader_cluster(m->reader, WAIT_MS) == NULL)
		return CC_OK;
	for (; *ret_count < JOINT_TAKE && st == CC_OK; ms = 0) {
		if ((st = reader_next(m->reader, ms, &msg, &why)) != CC_OK)
			break;
		++*ret_count;
		st = take(m, joint, &msg, ret_count);
		reader_where(m->reader, place, &m->position.next);
		if (m->position.place == NULL || strcmp(m->position.place, place) != 0) {
			free(m->position.place);
			m->position.place = strdup(place);
		}
		m->position.changed = true;
	}
	return st == CC_END || st == CC_MORE || st == CC_BAD ? CC_OK : st;
}

struct reader_position *
joint_members_position(struct joint_members *members)
{
	return &members->position;
}

void
joint_members_commit(struct joint_members *m)
{
	/* The group is not told: who takes this over has to read all of it. */
	m->position.changed = false;
}

uint64_t
joint_members_refused(const struct joint_members *m, enum joint_refused why)
{
	return m->refused[why];
}
