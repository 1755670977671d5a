/*
 * Reads topics of a Kafka cluster: all partitions, from their start or their end, without a group and without commits;
 * or, for who keeps by himself how far he is, those that the coordinator of a group gives us, from where that keeper
 * says.
 *
 * Partitions are asked for until the broker answers, so that one that is away at start is no error; librdkafka mends
 * connections by itself.  One thread.
 */
#include "exchange/reader_own.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define COMMITTED_MS 10000 /* to ask the coordinator how far the group is */
#define ASK_MS 1000      /* the longest wait for metadata in one call, */
#define ASK_LEAST_MS 300 /* and the shortest: a busy broker's answer must have its time */
#define ASK_NS NS_PER_S  /* between two such waits that were for longer than the caller wanted */

struct reader_kafka {
	struct output_kafka_peer peer; /* first: librdkafka hands us to what judges certificates */
	const struct conf *conf;
	char *bootstrap, *prefix;
	char *topic[READER_TOPICS_MAX];
	size_t topic_count;
	uint64_t lanes;
	const struct reader_resume *resume; /* NULL: none */
	bool from_start, assigned, answered; /* answered: by a broker, once */
	uint64_t asked;          /* monotonic */
	uint64_t since;          /* 0: not by time */
	rd_kafka_t *rk;
	rd_kafka_message_t *msg; /* lent to the caller */
	rd_kafka_topic_partition_list_t *list; /* what is assigned; opaque: read to its end, for now */
	int at_end;              /* how many of them are */
	struct reader_share *share; /* NULL: nobody helps */
	uint64_t calls;
	char *cluster; /* NULL: no broker has said */
	int cause; /* of the trouble that was told last; 0: none */
	char why[600];
};

static void
on_error(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
	struct reader_kafka *r = opaque;
	char text[512];
	int cause;

	(void)rk;
	if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && r->cause != 0)
		return;
	cause = output_kafka_why(r->conf, &r->peer, r->bootstrap, error, reason, text, sizeof(text));
	if (cause != r->cause)
		log_warning("kafka: %s", text);
	r->cause = cause;
}

/* ---- members of a group ---- */

bool
reader_place(const char *topic, int partition, char ret_place[READER_PLACE])
{
	return snprintf(ret_place, READER_PLACE, "%s/%d", topic, partition) < READER_PLACE;
}

/* Ours if we know how far we are; else where the member before us said that all is safe; else the start.  Where
 * members share, what any of them said holds for all. */
static void
seek(struct reader_kafka *r, rd_kafka_topic_partition_list_t *list)
{
	char place[READER_PLACE];
	uint64_t next;

	(void)rd_kafka_committed(r->rk, list, COMMITTED_MS);
	for (int i = 0; i < list->cnt; i++) {
		rd_kafka_topic_partition_t *one = &list->elems[i];

		one->opaque = NULL;
		one->err = RD_KAFKA_RESP_ERR_NO_ERROR;
		if (reader_place(one->topic, one->partition, place) &&
		    r->resume->fn(r->resume->ctx, place, &next) &&
		    (r->share == NULL || (int64_t)next > one->offset))
			one->offset = (int64_t)next;
		else if (one->offset < 0)
			one->offset = RD_KAFKA_OFFSET_BEGINNING;
	}
}

/* All partitions are assigned once, so that what goes on is never fetched twice: what is not read is paused. */
static void
pause_others(struct reader_kafka *r, const rd_kafka_topic_partition_list_t *all)
{
	rd_kafka_topic_partition_list_t *others = rd_kafka_topic_partition_list_new(all->cnt);

	for (int i = 0; i < all->cnt; i++) {
		const rd_kafka_topic_partition_t *one = &all->elems[i];

		if (rd_kafka_topic_partition_list_find(r->list, one->topic, one->partition) == NULL)
			rd_kafka_topic_partition_list_add(others, one->topic, one->partition);
	}
	if (others->cnt > 0)
		(void)rd_kafka_pause_partitions(r->rk, others);
	rd_kafka_topic_partition_list_destroy(others);
}

static void
read_anew(struct reader_kafka *r)
{
	rd_kafka_topic_partition_list_t *all = reader_share_all(r->share);

	for (int i = 0; i < r->list->cnt; i++) {
		const rd_kafka_topic_partition_t *one = &r->list->elems[i];

		rd_kafka_topic_partition_list_find(all, one->topic, one->partition)->offset = one->offset;
	}
	(void)rd_kafka_assign(r->rk, all);
	(void)rd_kafka_resume_partitions(r->rk, all);
	pause_others(r, all);
	rd_kafka_topic_partition_list_destroy(all);
}

static void
on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct reader_kafka *r = opaque;

	if (r->list != NULL)
		rd_kafka_topic_partition_list_destroy(r->list);
	r->list = NULL;
	r->at_end = 0;
	if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		seek(r, list);
		if (r->share != NULL)
			r->list = reader_share_given(r->share, r->topic, r->topic_count, list);
		if (r->list != NULL) {
			read_anew(r);
		} else {
			r->list = rd_kafka_topic_partition_list_copy(list);
			(void)rd_kafka_assign(rk, list);
		}
		log_notice("kafka: %d partitions are ours", list->cnt);
	} else {
		if (r->share != NULL)
			reader_share_none(r->share);
		(void)rd_kafka_assign(rk, NULL);
	}
}

/* From where it is to be read, whatever librdkafka remembers of it.  False: it is not ready for that. */
static bool
go_to(struct reader_kafka *r, rd_kafka_topic_partition_list_t *begins)
{
	rd_kafka_error_t *error = rd_kafka_seek_partitions(r->rk, begins, ASK_MS);
	bool good = error == NULL;

	if (error != NULL)
		rd_kafka_error_destroy(error);
	for (int i = 0; i < begins->cnt; i++)
		good = good && begins->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
	return good;
}

/* What is read changes as members help each other; what goes on does so undisturbed. */
static void
share(struct reader_kafka *r)
{
	rd_kafka_topic_partition_list_t *list = reader_share_look(r->share), *begins, *before = r->list;
	bool good = true;

	if (list == NULL)
		return;
	begins = rd_kafka_topic_partition_list_new(list->cnt);
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *one = &list->elems[i];

		if (before == NULL ||
		    rd_kafka_topic_partition_list_find(before, one->topic, one->partition) == NULL)
			rd_kafka_topic_partition_list_add(begins, one->topic, one->partition)->offset = one->offset;
	}
	r->list = list;
	r->at_end = 0;
	if (before != NULL) {
		pause_others(r, before);
		rd_kafka_topic_partition_list_destroy(before);
	}
	if (begins->cnt > 0 && (good = go_to(r, begins)))
		(void)rd_kafka_resume_partitions(r->rk, begins);
	if (!good)
		read_anew(r);
	rd_kafka_topic_partition_list_destroy(begins);
}

void
reader_kafka_helps(struct reader_kafka *r, bool helps)
{
	if (r->share != NULL)
		reader_share_helps(r->share, helps);
}

void
reader_kafka_look(struct reader_kafka *r)
{
	if (r->share != NULL)
		share(r);
}

bool
reader_kafka_behind(const struct reader_kafka *r)
{
	return r->share != NULL && reader_share_behind(r->share);
}

static enum cc_status
join(struct reader_kafka *r)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)r->topic_count);
	rd_kafka_resp_err_t error;

	for (size_t i = 0; i < r->topic_count; i++)
		rd_kafka_topic_partition_list_add(list, r->topic[i], RD_KAFKA_PARTITION_UA);
	error = rd_kafka_subscribe(r->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return error == RD_KAFKA_RESP_ERR_NO_ERROR ? CC_OK : CC_BAD;
}

void
reader_kafka_where(const struct reader_kafka *r, char ret_place[READER_PLACE], uint64_t *ret_next)
{
	(void)reader_place(rd_kafka_topic_name(r->msg->rkt), r->msg->partition, ret_place);
	*ret_next = (uint64_t)r->msg->offset + 1;
}

void
reader_kafka_commit(struct reader_kafka *r, const struct reader_position *position, size_t count)
{
	rd_kafka_topic_partition_list_t *list;
	char place[READER_PLACE];

	if (r->resume == NULL || r->resume->group == NULL || r->list == NULL)
		return;
	if (r->share != NULL) {
		reader_share_commit(r->share, position, count);
		return;
	}
	list = rd_kafka_topic_partition_list_new(r->list->cnt);
	for (int i = 0; i < r->list->cnt; i++) {
		const rd_kafka_topic_partition_t *one = &r->list->elems[i];

		(void)reader_place(one->topic, one->partition, place);
		for (size_t k = 0; k < count; k++) {
			if (position[k].changed && strcmp(position[k].place, place) == 0)
				rd_kafka_topic_partition_list_add(list, one->topic, one->partition)->offset =
				    (int64_t)position[k].next;
		}
	}
	if (list->cnt > 0)
		(void)rd_kafka_commit(r->rk, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
}

static bool
is_member(const struct reader_kafka *r)
{
	return r->resume != NULL && r->resume->group != NULL;
}

static void
set_group(struct reader_kafka *r, rd_kafka_conf_t *rconf)
{
	char text[512], group[300];

	if (is_member(r)) {
		(void)rd_kafka_conf_set(rconf, "group.id", r->resume->group, text, sizeof(text));
		/* Topics that come later are wanted soon. */
		(void)rd_kafka_conf_set(rconf, "topic.metadata.refresh.interval.ms", "5000", text, sizeof(text));
		rd_kafka_conf_set_rebalance_cb(rconf, on_rebalance);
		/* A broker answers one after the other: while it waits for more of a partition that is read to its end,
		 * it gives nothing of the next, and no word on others. */
		if (r->resume->every > 0 && conf_map_get(&r->conf->kafka, "fetch.wait.max.ms") == NULL)
			(void)rd_kafka_conf_set(rconf, "fetch.wait.max.ms", "50", text, sizeof(text));
	} else if (conf_map_get(&r->conf->kafka, "group.id") == NULL) {
		/* Never joined nor committed to; some versions want the word all the same, and ask for its coordinator.
		 */
		snprintf(group, sizeof(group), "%.280s.reader", r->conf->sensor_organisation);
		(void)rd_kafka_conf_set(rconf, "group.id", group, text, sizeof(text));
	}
}

const char *
reader_kafka_cluster(struct reader_kafka *r, int ms)
{
	const rd_kafka_metadata_t *data;

	if (r->cluster == NULL)
		r->cluster = rd_kafka_clusterid(r->rk, 0);
	if (r->cluster != NULL || rd_kafka_metadata(r->rk, 0, NULL, &data, ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return r->cluster;
	rd_kafka_metadata_destroy(data);
	if ((r->cluster = rd_kafka_clusterid(r->rk, 0)) == NULL)
		r->cluster = strdup("");
	return r->cluster;
}

enum cc_status
reader_kafka_open(const struct conf *conf, const char *bootstrap, char *const *topic, size_t count, bool from_start,
    const struct reader_resume *resume, struct reader_kafka **ret_reader, char **ret_why)
{
	struct reader_kafka *r = calloc(1, sizeof(*r));
	rd_kafka_conf_t *rconf = output_kafka_conf(conf, bootstrap, true, ret_why);
	char text[512];

	if (r == NULL || rconf == NULL) {
		if (rconf != NULL)
			rd_kafka_conf_destroy(rconf);
		free(r);
		return *ret_why != NULL ? CC_BAD : CC_NOMEM;
	}
	r->conf = conf;
	atomic_flag_clear(&r->peer.busy);
	r->from_start = from_start;
	r->resume = resume;
	r->lanes = conf->exchange_lanes;
	r->bootstrap = strdup(bootstrap);
	r->prefix = strdup(conf->exchange_prefix);
	for (size_t i = 0; i < count && i < READER_TOPICS_MAX; i++)
		r->topic[r->topic_count++] = strdup(topic[i]);
	rd_kafka_conf_set_opaque(rconf, r);
	rd_kafka_conf_set_error_cb(rconf, on_error);
	set_group(r, rconf);
	r->rk = rd_kafka_new(RD_KAFKA_CONSUMER, rconf, text, sizeof(text));
	if (r->rk == NULL) {
		rd_kafka_conf_destroy(rconf);
		if (asprintf(ret_why, "kafka: %s", text) < 0)
			*ret_why = NULL;
		reader_kafka_close(r);
		return CC_BAD;
	}
	rd_kafka_poll_set_consumer(r->rk);
	if (is_member(r) && resume->every > 0 && (r->share = reader_share_new(r->rk, resume->every)) == NULL) {
		reader_kafka_close(r);
		return CC_NOMEM;
	}
	if (is_member(r) && join(r) != CC_OK) {
		reader_kafka_close(r);
		return CC_BAD;
	}
	*ret_reader = r;
	return CC_OK;
}

void
reader_kafka_since(struct reader_kafka *r, uint64_t since)
{
	r->since = since;
}

static bool
wanted(const struct reader_kafka *r, const char *topic)
{
	size_t size = strlen(r->prefix);

	if (r->topic_count == 0)
		return strncmp(topic, r->prefix, size) == 0 && topic[size] == '.';
	for (size_t i = 0; i < r->topic_count; i++) {
		if (strcmp(r->topic[i], topic) == 0)
			return true;
	}
	return false;
}

/* The first offset of each partition whose message the broker has since then; its end, where there is none. */
static bool
by_time(struct reader_kafka *r, rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = (int64_t)(r->since / NS_PER_MS);
	if (rd_kafka_offsets_for_times(r->rk, list, 5 * ASK_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	for (int i = 0; i < list->cnt; i++) {
		if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
			return false;
	}
	return true;
}

/* All partitions of the wanted topics that the cluster has now. */
static enum cc_status
assign(struct reader_kafka *r, int ms)
{
	const rd_kafka_metadata_t *data;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t error;

	if (ms < ASK_LEAST_MS && r->asked != 0 && time_monotonic() - r->asked < ASK_NS)
		return CC_MORE;
	error = rd_kafka_metadata(r->rk, 1, NULL, &data, ms < ASK_LEAST_MS ? ASK_LEAST_MS : ms < ASK_MS ? ms : ASK_MS);
	r->asked = time_monotonic();
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		return CC_MORE;
	r->answered = true;
	list = rd_kafka_topic_partition_list_new(64);
	for (int i = 0; i < data->topic_cnt; i++) {
		const rd_kafka_metadata_topic_t *topic = &data->topics[i];

		for (int p = 0; wanted(r, topic->topic) && p < topic->partition_cnt; p++)
			rd_kafka_topic_partition_list_add(list, topic->topic, topic->partitions[p].id)->offset =
			    r->from_start ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
	}
	rd_kafka_metadata_destroy(data);
	if (r->resume != NULL && list->cnt > 0)
		seek(r, list);
	if (list->cnt > 0 && r->since != 0 && !by_time(r, list)) {
		rd_kafka_topic_partition_list_destroy(list);
		return CC_MORE;
	}
	if (list->cnt == 0 || rd_kafka_assign(r->rk, list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_topic_partition_list_destroy(list);
		return CC_MORE;
	}
	r->list = list;
	r->assigned = true;
	return CC_OK;
}

/* A message after a partition's end, or its end again: each partition is counted once. */
static void
note_end(struct reader_kafka *r, const rd_kafka_message_t *msg, bool ended)
{
	rd_kafka_topic_partition_t *one = r->list == NULL ? NULL
							  : rd_kafka_topic_partition_list_find(
								r->list, rd_kafka_topic_name(msg->rkt), msg->partition);

	if (one == NULL || (one->opaque != NULL) == ended)
		return;
	one->opaque = ended ? r : NULL;
	r->at_end += ended ? 1 : -1;
}

static void
take_message(const rd_kafka_message_t *from, uint64_t lanes, struct cc_message *msg)
{
	rd_kafka_headers_t *headers;
	rd_kafka_timestamp_type_t kind;
	int64_t time = rd_kafka_message_timestamp(from, &kind);
	const char *name, *topic = rd_kafka_topic_name(from->rkt);
	const void *value;
	size_t size;

	*msg = (struct cc_message){
	    .topic = slice_str(topic),
	    .key = slice_of(from->key, from->key != NULL ? from->key_len : 0),
	    .value = slice_of(from->payload, from->payload != NULL ? from->len : 0),
	    .class = CC_CLASS_SIGHTING,
	    /* A time that the writer gave would be his to choose. */
	    .appended = kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME && time > 0 ? (uint64_t)time * NS_PER_MS : 0,
	};
	msg->lane = (uint32_t)(hash64(msg->key, 0) % lanes);
	if (rd_kafka_message_headers(from, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++) {
		name = message_header_name(slice_str(name));
		if (name == NULL || msg->header_count == CC_HEADERS_MAX || size > UINT16_MAX)
			continue;
		msg->header[msg->header_count++] = (struct cc_header){name, slice_of(value, value != NULL ? size : 0)};
	}
}

static bool
all_read(const struct reader_kafka *r)
{
	return r->list != NULL && r->list->cnt > 0 && r->at_end == r->list->cnt;
}

enum cc_status
reader_kafka_next(struct reader_kafka *r, int ms, struct cc_message *ret_msg, const char **ret_why)
{
	rd_kafka_message_t *msg;

	if (r->msg != NULL)
		rd_kafka_message_destroy(r->msg);
	r->msg = NULL;
	if (!is_member(r) && !r->assigned && assign(r, ms) != CC_OK) {
		msg = rd_kafka_consumer_poll(r->rk, ms); /* serves the callbacks */
		if (msg != NULL)
			rd_kafka_message_destroy(msg);
		return CC_MORE;
	}
	if (r->share != NULL && (ms > 0 || ++r->calls % 64 == 0))
		share(r);
	for (;;) {
		msg = rd_kafka_consumer_poll(r->rk, ms);
		if (msg == NULL)
			return all_read(r) && r->share == NULL ? CC_END : CC_MORE;
		if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			note_end(r, msg, true);
			rd_kafka_message_destroy(msg);
			if (all_read(r) && r->share == NULL)
				return CC_END;
			ms = 0;
			continue;
		}
		/* Of a group that is only a name to us; a topic that nobody has made yet. */
		if ((!is_member(r) && msg->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) ||
		    (is_member(r) && msg->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)) {
			rd_kafka_message_destroy(msg);
			continue;
		}
		snprintf(r->why, sizeof(r->why), "kafka: %s", rd_kafka_message_errstr(msg));
		*ret_why = r->why;
		rd_kafka_message_destroy(msg);
		return CC_BAD;
	}
	r->cause = 0;
	if (r->at_end > 0)
		note_end(r, msg, false);
	r->msg = msg;
	take_message(msg, r->lanes, ret_msg);
	return CC_OK;
}

bool
reader_kafka_has_more(const struct reader_kafka *r)
{
	return r->list != NULL && r->list->cnt > 0 && !all_read(r);
}

bool
reader_kafka_reached(const struct reader_kafka *r)
{
	return r->answered || r->list != NULL;
}

void
reader_kafka_close(struct reader_kafka *r)
{
	if (r == NULL)
		return;
	if (r->msg != NULL)
		rd_kafka_message_destroy(r->msg);
	if (r->rk != NULL) {
		rd_kafka_consumer_close(r->rk);
		rd_kafka_destroy(r->rk);
	}
	if (r->list != NULL)
		rd_kafka_topic_partition_list_destroy(r->list);
	reader_share_free(r->share);
	for (size_t i = 0; i < r->topic_count; i++)
		free(r->topic[i]);
	free(r->cluster);
	free(r->bootstrap);
	free(r->prefix);
	free(r);
}
