/*
 * Members of a group that help each other.  The group gives each as many partitions as the others; some have more to
 * do beside, and one that has read all of his would stand and wait.
 *
 * What the members have told the group of a partition is the one truth: all before it is in good hands, whoever read
 * it.  So anybody may read any partition from there on, and when two read the same, that costs time and changes
 * nothing.  Who is far behind in several of his reads one after the other, and says of the others, in the word that
 * goes with an offset, that they are free; who has nothing to do takes a free one with a backlog, or one that has stood
 * still, and takes the word away; who finds that another is further leaves it.  The group's word on whose it is stays:
 * he comes back to it once it stands still, so that nothing hangs on a helper.  Who has more to do than to read leaves
 * even what he reads, as soon as others have nearly read the rest: all end at once.
 *
 * In: what the group gave; a look at what it was told every second, and as soon as what is read comes to its end, so
 * that the next is on its way before there is nothing to do.  Out: what to read.  One thread.
 */
#include "exchange/reader_own.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#define LOOK_NS NS_PER_S
#define SOON_NS (250 * NS_PER_MS) /* where there is nothing to do */
#define NEXT_NS (50 * NS_PER_MS)  /* where what is read comes to its end, and there is more to go on with */
#define GLANCE_NS (20 * NS_PER_MS) /* at what we know ourselves */
#define FREE "free"
#define TURN_NS (10 * NS_PER_S) /* one after the other, but each in its turn */
#define AWAY_NS (2 * NS_PER_S) /* after no answer */
#define ASK_MS 1000
#define BEHIND 2048      /* messages: less is no backlog */
#define NEARLY 65536     /* messages, for each of the others: what comes of so many keeps us as long as it keeps them */
#define BEGIN 3          /* times as many: to begin one, of which so much is put off until the others are done */
#define LITTLE 16384     /* messages, for each of all: they are read before it matters what was put off */
#define STOOD 3          /* times as long as who reads takes to tell something: nobody will have time for it */
#define LATEST (-1)      /* a time that stands for a partition's end */

struct part {
	rd_kafka_topic_partition_t *about; /* in list: its offset is where we are */
	bool ours;                         /* by the group */
	bool reads, waits;                 /* waits: ours, and not read for now */
	bool free, leaves;                 /* as the group knows; as it does not yet */
	bool stays;                        /* nobody has come for it: it is read until there is little left */
	int64_t told, end;                 /* what the group knows; -1: not known */
	uint64_t moved;                    /* monotonic: when what the group knows last changed */
};

struct reader_share {
	rd_kafka_t *rk;
	rd_kafka_topic_partition_list_t *list; /* all partitions of the topics */
	struct part *part;
	size_t count, next; /* next: to have its turn */
	uint64_t every;                /* so often at the least who reads tells how far he is */
	unsigned others;               /* members beside us, about */
	uint64_t looked, glanced, turned, away; /* monotonic; away: no looks until then */
	uint64_t met;                  /* monotonic: when somebody else last was seen to read */
	bool helps, new; /* new: nobody has been asked since the group gave these */
	bool alone;      /* what we left nobody took, and nobody else has read anything since */
};

struct reader_share *
reader_share_new(rd_kafka_t *rk, uint64_t every)
{
	struct reader_share *share = calloc(1, sizeof(*share));

	if (share == NULL)
		return NULL;
	share->rk = rk;
	share->every = every;
	share->helps = true;
	return share;
}

void
reader_share_none(struct reader_share *share)
{
	if (share->list != NULL)
		rd_kafka_topic_partition_list_destroy(share->list);
	free(share->part);
	share->list = NULL;
	share->part = NULL;
	share->count = 0;
}

void
reader_share_free(struct reader_share *share)
{
	if (share == NULL)
		return;
	reader_share_none(share);
	free(share);
}

void
reader_share_helps(struct reader_share *share, bool helps)
{
	share->helps = helps;
}

/* All partitions of the topics, and in any case what was given: a topic whose leader is being chosen is told of without
 * any. */
static rd_kafka_topic_partition_list_t *
all_partitions(rd_kafka_t *rk, char *const *topic, size_t topics, const rd_kafka_topic_partition_list_t *given)
{
	rd_kafka_topic_partition_list_t *list;
	const rd_kafka_metadata_t *data;

	if (rd_kafka_metadata(rk, 1, NULL, &data, ASK_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return rd_kafka_topic_partition_list_copy(given);
	list = rd_kafka_topic_partition_list_new(64);
	for (int i = 0; i < data->topic_cnt; i++) {
		bool wanted = false;

		for (size_t k = 0; k < topics; k++)
			wanted = wanted || strcmp(topic[k], data->topics[i].topic) == 0;
		for (int p = 0; wanted && p < data->topics[i].partition_cnt; p++)
			rd_kafka_topic_partition_list_add(list, data->topics[i].topic,
			    data->topics[i].partitions[p].id)->offset = 0;
	}
	rd_kafka_metadata_destroy(data);
	for (int i = 0; i < given->cnt; i++) {
		const rd_kafka_topic_partition_t *one = &given->elems[i];

		if (rd_kafka_topic_partition_list_find(list, one->topic, one->partition) == NULL)
			rd_kafka_topic_partition_list_add(list, one->topic, one->partition)->offset = 0;
	}
	return list;
}

/* ---- a look ---- */

static void
note_positions(struct reader_share *share)
{
	rd_kafka_topic_partition_list_t *at = rd_kafka_topic_partition_list_copy(share->list);
	int64_t low, high;

	(void)rd_kafka_position(share->rk, at);
	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[i];

		if (!part->reads)
			continue;
		/* Until the first message comes it may be what was read here long ago. */
		if (at->elems[i].offset > part->about->offset)
			part->about->offset = at->elems[i].offset;
		/* As the last answer to a fetch had it: this asks nobody. */
		if (rd_kafka_get_watermark_offsets(share->rk, part->about->topic, part->about->partition, &low,
			&high) == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0)
			part->end = high;
	}
	rd_kafka_topic_partition_list_destroy(at);
}

/* By another: we are where a fetch would begin, or nowhere yet. */
static bool
is_passed(const struct part *part)
{
	return part->told > 0 && part->told > part->about->offset && part->about->offset >= 0;
}

/* Of a partition without a word nobody has told anything; one with an error is as it was. */
static void
note_told(struct part *part, const rd_kafka_topic_partition_t *told, uint64_t now)
{
	int64_t is = told->offset >= 0 ? told->offset : 0;
	bool is_free = told->metadata_size == sizeof(FREE) - 1 &&
		       memcmp(told->metadata, FREE, sizeof(FREE) - 1) == 0;

	if (told->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	if (part->told >= 0 && (is != part->told || is_free != part->free))
		part->moved = now;
	part->told = is;
	part->free = is_free;
}

static bool
ask_told(struct reader_share *share, uint64_t now)
{
	rd_kafka_topic_partition_list_t *told = rd_kafka_topic_partition_list_copy(share->list);
	bool good = rd_kafka_committed(share->rk, told, ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;

	for (size_t i = 0; good && i < share->count; i++) {
		struct part *part = &share->part[i];

		note_told(part, &told->elems[i], now);
		if (part->moved == now && !part->reads && part->told > part->about->offset)
			share->met = now;
	}
	share->alone = share->alone && share->met != now;
	rd_kafka_topic_partition_list_destroy(told);
	return good;
}

static bool
asks_end(const struct reader_share *share, const struct part *part)
{
	return !part->reads || share->new;
}

/* Where what we don't read ends; of what we have read nothing of yet, too. */
static bool
ask_ends(struct reader_share *share)
{
	rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_new(64);
	bool good = true;

	for (size_t i = 0; i < share->count; i++) {
		const struct part *part = &share->part[i];

		if (asks_end(share, part))
			rd_kafka_topic_partition_list_add(ends, part->about->topic, part->about->partition)->offset =
			    LATEST;
	}
	if (ends->cnt > 0)
		good = rd_kafka_offsets_for_times(share->rk, ends, ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
	for (size_t i = 0, k = 0; good && i < share->count; i++) {
		struct part *part = &share->part[i];

		if (!asks_end(share, part))
			continue;
		part->end = ends->elems[k].err == RD_KAFKA_RESP_ERR_NO_ERROR ? ends->elems[k].offset : -1;
		k++;
	}
	rd_kafka_topic_partition_list_destroy(ends);
	return good;
}

/* How much there is to read from where it would be read. */
static int64_t
lag_of(const struct part *part)
{
	int64_t at = part->reads || part->told < part->about->offset ? part->about->offset : part->told;

	return part->end > at && at >= 0 ? part->end - at : part->end > 0 && at < 0 ? part->end : 0;
}

/* In which who reads tells something. */
static uint64_t
long_time(const struct reader_share *share)
{
	return 4 * share->every + 2 * NS_PER_S;
}

static bool
is_long_ago(const struct reader_share *share, uint64_t since, uint64_t now)
{
	return now - since >= long_time(share);
}

/* Nobody reads it: he said so, or it has stood still for too long. */
static bool
is_left(const struct reader_share *share, const struct part *part, uint64_t now)
{
	return part->free || is_long_ago(share, part->moved, now);
}

/* The word that goes with an offset.  The list frees what it has. */
static void
add_word(rd_kafka_topic_partition_t *one, bool is_free)
{
	one->metadata = is_free ? strdup(FREE) : NULL;
	one->metadata_size = one->metadata != NULL ? sizeof(FREE) - 1 : 0;
}

/* What changed hands.  A partition is free once all that was read of it is told, so that nothing is read twice. */
static void
tell_words(struct reader_share *share)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);

	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[i];
		bool leaves = part->leaves && part->told >= part->about->offset, takes = part->reads && part->free;
		rd_kafka_topic_partition_t *one;

		if ((!leaves && !takes) || part->told < 0)
			continue;
		part->leaves = part->free = false;
		one = rd_kafka_topic_partition_list_add(list, part->about->topic, part->about->partition);
		one->offset = part->told;
		add_word(one, leaves);
	}
	if (list->cnt > 0)
		(void)rd_kafka_commit(share->rk, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
}

static void
leave(struct part *part, uint64_t now)
{
	part->reads = part->stays = false;
	part->waits = part->ours;
	part->leaves = !is_passed(part);
	part->moved = now;
}

static void
go_on(struct part *part)
{
	if (part->told > part->about->offset || !part->ours)
		part->about->offset = part->told;
	part->reads = true;
	part->waits = part->leaves = false;
}

/* Another is further than we; or it is not ours, and all of it is read. */
static bool
give_way(struct reader_share *share, uint64_t now)
{
	bool changed = false;

	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[i];

		if (!part->reads || (!is_passed(part) && (part->ours || lag_of(part) > BEHIND / 8)))
			continue;
		leave(part, now);
		changed = true;
	}
	return changed;
}

/* What others have before them, if we read this one. */
static int64_t
lag_elsewhere(const struct reader_share *share, const struct part *but)
{
	int64_t sum = 0;

	for (size_t i = 0; i < share->count; i++) {
		const struct part *part = &share->part[i];

		if (part != but && !part->reads)
			sum += lag_of(part);
	}
	return sum;
}

/* We have more to do than to read, and others will soon have time for this one.  times: more to begin than to go on,
 * so that nothing goes to and fro. */
static bool
is_theirs(const struct reader_share *share, const struct part *part, int64_t times)
{
	return !share->helps && !share->alone && lag_elsewhere(share, part) <= times * NEARLY * share->others;
}

static bool
yield(struct reader_share *share, uint64_t now)
{
	bool changed = false;

	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[i];

		part->stays = part->stays && lag_of(part) > BEHIND;
		if (!part->reads || part->stays || lag_of(part) <= BEHIND || !is_theirs(share, part, 1))
			continue;
		leave(part, now);
		changed = true;
	}
	return changed;
}

/* Of what is far behind, the next alone. */
static bool
one_by_one(struct reader_share *share, uint64_t now)
{
	struct part *first = NULL;
	bool changed = false;

	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[(share->next + i) % share->count];

		if (!part->reads || lag_of(part) <= BEHIND)
			continue;
		if (first != NULL) {
			leave(part, now);
			changed = true;
		} else {
			first = part;
		}
	}
	if (changed)
		share->turned = now;
	return changed;
}

/* Others would have time for it soon; is it ours all the same?  Nobody else is there, or they have had their time. */
static bool
nobody_comes(struct reader_share *share, struct part *part, uint64_t now)
{
	bool alone = is_long_ago(share, part->moved, now) && is_long_ago(share, share->met, now);

	share->alone = share->alone || alone;
	part->stays = !alone && now - part->moved >= STOOD * long_time(share);
	return alone || part->stays;
}

/* Ours that wait: all that have little to read, one that has much, where nobody else reads it at the moment, or will
 * soon. */
static bool
come_back(struct reader_share *share, uint64_t now, bool busy)
{
	bool changed = false;

	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[(share->next + i) % share->count];
		bool much = lag_of(part) > BEHIND;

		if (!part->waits || !is_left(share, part, now) || (much && busy))
			continue;
		if (much && is_theirs(share, part, BEGIN) && !nobody_comes(share, part, now))
			continue;
		busy = busy || much;
		if (much)
			share->turned = now;
		go_on(part);
		changed = true;
	}
	return changed;
}

static bool
is_for_us(const struct reader_share *share, const struct part *part, uint64_t now)
{
	return !part->ours && !part->reads && part->told >= 0 && is_left(share, part, now) && lag_of(part) > BEHIND;
}

/* Not where whose it is goes on, which is from the front; and of the last, not that which any other helper takes. */
static bool
take_one(struct reader_share *share, uint64_t now)
{
	size_t count = 0, skip;

	for (size_t i = 0; i < share->count; i++)
		count += is_for_us(share, &share->part[i], now);
	skip = (size_t)(now / 1000) % (count / 4 + 1);
	for (size_t i = share->count; i-- > 0 && count > 0;) {
		struct part *part = &share->part[i];

		if (!is_for_us(share, part, now) || skip-- > 0)
			continue;
		go_on(part);
		part->moved = share->turned = now;
		log_notice("kafka: %s/%d is left and read here", part->about->topic, part->about->partition);
		return true;
	}
	return false;
}

/* The one with a backlog has had its time. */
static bool
next_turn(struct reader_share *share, uint64_t now)
{
	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[i];

		if (!part->reads || !part->ours || lag_of(part) <= BEHIND)
			continue;
		share->next = i + 1;
		if (!come_back(share, now, false))
			return false;
		leave(part, now);
		return true;
	}
	return false;
}

static bool
decide(struct reader_share *share, uint64_t now)
{
	bool changed = give_way(share, now), busy = false, waits = false;

	changed = one_by_one(share, now) || changed;
	changed = yield(share, now) || changed;
	for (size_t i = 0; i < share->count; i++) {
		busy = busy || (share->part[i].reads && lag_of(&share->part[i]) > BEHIND);
		waits = waits || share->part[i].waits;
	}
	if (waits && busy && now - share->turned >= TURN_NS)
		changed = next_turn(share, now) || changed;
	else if (waits && come_back(share, now, busy))
		changed = busy = true;
	return (!busy && share->helps && take_one(share, now)) || changed;
}

bool
reader_share_behind(const struct reader_share *share)
{
	int64_t sum = 0;

	for (size_t i = 0; i < share->count; i++)
		sum += lag_of(&share->part[i]);
	return sum > (int64_t)LITTLE * (share->others + 1);
}

static rd_kafka_topic_partition_list_t *
what_to_read(const struct reader_share *share)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)share->count);

	for (size_t i = 0; i < share->count; i++) {
		const struct part *part = &share->part[i];

		if (part->reads)
			rd_kafka_topic_partition_list_add(list, part->about->topic, part->about->partition)->offset =
			    part->about->offset;
	}
	return list;
}

/* Asks the group, and decides.  True: what is read changes. */
static bool
ask(struct reader_share *share, uint64_t now)
{
	bool changed;

	share->looked = now;
	if (!ask_told(share, now) || !ask_ends(share)) {
		share->away = now + AWAY_NS;
		return false;
	}
	share->new = false;
	changed = decide(share, now);
	tell_words(share);
	return changed;
}

/* Is it time to ask?  What is read with much of it left goes on until the next second. */
static bool
is_time(struct reader_share *share, uint64_t now)
{
	bool others = false, waits = false, much = false;

	if (share->count == 0 || now < share->away || now - share->glanced < GLANCE_NS)
		return false;
	share->glanced = now;
	note_positions(share);
	for (size_t i = 0; i < share->count; i++) {
		const struct part *part = &share->part[i];

		others = others || !part->ours;
		waits = waits || part->waits;
		much = much || (part->reads && lag_of(part) > BEHIND);
	}
	/* Else nobody else is there. */
	return others && now - share->looked >= (share->new ? 0 : much ? LOOK_NS / 2 : waits ? NEXT_NS : SOON_NS);
}

rd_kafka_topic_partition_list_t *
reader_share_look(struct reader_share *share)
{
	uint64_t now = time_monotonic();

	return is_time(share, now) && ask(share, now) ? what_to_read(share) : NULL;
}

/* All partitions, each with where it would be read from. */
rd_kafka_topic_partition_list_t *
reader_share_all(const struct reader_share *share)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(share->list);

	for (size_t i = 0; i < share->count; i++) {
		const struct part *part = &share->part[i];

		list->elems[i].offset = part->ours || part->told < 0 ? part->about->offset : part->told;
	}
	return list;
}

/* The group gives each as many partitions as the others. */
static unsigned
others_of(size_t all, size_t ours)
{
	unsigned members = ours > 0 ? (unsigned)((all + ours / 2) / ours) : 0;

	return members > 2 ? members - 1 : 1;
}

rd_kafka_topic_partition_list_t *
reader_share_given(struct reader_share *share, char *const *topic, size_t topics,
    const rd_kafka_topic_partition_list_t *given)
{
	bool others = false;

	reader_share_none(share);
	share->list = all_partitions(share->rk, topic, topics, given);
	share->part = calloc((size_t)share->list->cnt + 1, sizeof(*share->part));
	if (share->part == NULL)
		return NULL;
	share->count = (size_t)share->list->cnt;
	share->looked = share->turned = share->met = time_monotonic();
	share->new = true;
	share->alone = false;
	share->next = 0;
	share->others = others_of(share->count, (size_t)given->cnt);
	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[i];
		const rd_kafka_topic_partition_t *one;

		part->about = &share->list->elems[i];
		part->told = part->end = -1;
		part->moved = share->looked;
		one = rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)(uintptr_t)given,
		    part->about->topic, part->about->partition);
		others = others || one == NULL;
		if (one == NULL)
			continue;
		part->ours = part->reads = true;
		part->about->offset = one->offset;
	}
	/* Before anything is fetched that another should read. */
	if (others)
		(void)ask(share, share->looked);
	return what_to_read(share);
}

void
reader_share_commit(struct reader_share *share, const struct reader_position *position, size_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
	char place[READER_PLACE];

	for (size_t i = 0; i < share->count; i++) {
		struct part *part = &share->part[i];

		(void)reader_place(part->about->topic, part->about->partition, place);
		for (size_t k = 0; k < count; k++) {
			rd_kafka_topic_partition_t *one;

			/* What was left in the meantime, too; not where another was further. */
			if (!position[k].changed || (int64_t)position[k].next <= part->told ||
			    strcmp(position[k].place, place) != 0)
				continue;
			one = rd_kafka_topic_partition_list_add(list, part->about->topic, part->about->partition);
			one->offset = (int64_t)position[k].next;
			part->leaves = part->leaves && one->offset < part->about->offset;
			add_word(one, !part->reads && !part->leaves);
		}
	}
	if (list->cnt > 0)
		(void)rd_kafka_commit(share->rk, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
}
