/*
 * dataset and datarep: is the buffer's value in a set, how is it rated there; and sets that rules change.  What a rule
 * sets is set when the whole rule holds.
 */
#include <unistd.h>

#include "detect/kw/kw.h"

enum act { ACT_ISSET, ACT_ISNOTSET, ACT_SET, ACT_UNSET, ACT_REP };

struct dataset_op {
	struct dataset *dataset;
	uint8_t act;
	uint8_t place; /* ACT_SET, ACT_UNSET: in run.mark */
	struct number rep;
};

static bool
dataset_call(struct run *run, const struct op *op, struct slice bytes)
{
	const struct dataset_op *want = op->data;
	uint8_t key[16];
	uint16_t rep = 0;
	bool fits = dataset_key(want->dataset, bytes, key), has;

	if (bytes.size == 0)
		return false;
	has = fits && dataset_has(run, want->dataset, key, &rep);
	switch (want->act) {
	case ACT_ISSET:
		return has;
	case ACT_ISNOTSET:
		return !has;
	case ACT_REP:
		return has && number_holds(&want->rep, rep);
	default:
		if (!fits || has != (want->act == ACT_UNSET))
			return false;
		memcpy(run->mark[want->place], key, sizeof(key));
		run->marked |= 1u << want->place;
		return true;
	}
}

static bool
dataset_act(struct run *run, const struct check *check)
{
	const struct dataset_op *want = check->data;

	if ((run->marked >> want->place & 1) == 0)
		return true;
	if (want->act == ACT_SET)
		dataset_set(run, want->dataset, run->mark[want->place]);
	else
		dataset_unset(run, want->dataset, run->mark[want->place]);
	return true;
}

static bool
type_parse(struct slice word, enum dataset_type *ret_type)
{
	static const struct {
		const char *word;
		enum dataset_type type;
	} table[] = {{"string", DATASET_STRING}, {"md5", DATASET_MD5}, {"sha256", DATASET_SHA256},
	    {"ipv4", DATASET_IPV4}, {"ipv6", DATASET_IP}, {"ip", DATASET_IP}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (slice_is(word, table[i].word)) {
			*ret_type = table[i].type;
			return true;
		}
	}
	return false;
}

static bool
climbs(struct slice path)
{
	struct slice part;

	while (slice_split(&path, '/', &part)) {
		if (slice_is(part, ".."))
			return true;
	}
	return false;
}

/* A path is taken from the rules file's folder; *ret_path is NUL-terminated. */
static enum cc_status
beside_rules(struct build *build, struct slice name, struct slice *ret_path)
{
	const char *slash = strrchr(build->file, '/');
	size_t folder = slash != NULL && name.size > 0 && name.p[0] != '/' ? (size_t)(slash + 1 - build->file) : 0;
	uint8_t *path = build_take(build, folder + name.size + 1);

	if (path == NULL)
		return CC_BAD;
	memcpy(path, build->file, folder);
	memcpy(path + folder, name.p, name.size);
	*ret_path = slice_of(path, folder + name.size);
	return CC_OK;
}

/* What a rule wants saved stays in memory; a state that is there already is read. */
static enum cc_status
save_parse(struct build *build, struct slice name, bool state, struct dataset_want *want)
{
	struct slice path;

	if (name.size == 0 || name.p[0] == '/' || climbs(name))
		return build_refuse(build, "a file that is written needs a relative path that doesn't climb");
	build_warn(build, "the set is kept in memory; it is not written to %.*s",
	    (int)(name.size < 100 ? name.size : 100), name.p);
	if (!state)
		return CC_OK;
	if (beside_rules(build, name, &path) != CC_OK)
		return CC_BAD;
	if (access((const char *)path.p, R_OK) == 0)
		want->path = path;
	return CC_OK;
}

static enum cc_status
option_parse(struct build *build, struct slice item, struct dataset_want *want, unsigned *seen)
{
	enum { LOAD = 1, SAVE = 2, STATE = 4 };
	const uint8_t *blank = memchr(item.p, ' ', item.size);
	struct slice word = item, arg = slice_of(NULL, 0);
	unsigned which = 0;

	if (blank != NULL) {
		word = slice_of(item.p, (size_t)(blank - item.p));
		arg = slice_trim(slice_of(blank, item.size - word.size));
	}
	if (arg.size == 0)
		return build_refuse(
		    build, "\"%.*s\" should be a word and its value", (int)(item.size < 40 ? item.size : 40), item.p);
	if (slice_is(word, "type"))
		return type_parse(arg, &want->type)
			   ? CC_OK
			   : build_refuse(build, "the type should be string, md5, sha256, ipv4, ipv6 or ip");
	if (slice_is(word, "memcap") || slice_is(word, "hashsize"))
		return CC_OK; /* detect.dataset_max says it for all */
	which = slice_is(word, "load") ? LOAD : slice_is(word, "save") ? SAVE : slice_is(word, "state") ? STATE : 0;
	if (which == 0)
		return build_refuse(
		    build, "\"%.*s\" is not understood", (int)(item.size < 40 ? item.size : 40), item.p);
	if ((*seen & which) != 0 || ((*seen | which) > STATE))
		return build_refuse(build, "load, save and state stand once, and state without the others");
	*seen |= which;
	return which == LOAD ? beside_rules(build, arg, &want->path) : save_parse(build, arg, which == STATE, want);
}

static enum cc_status
name_parse(struct build *build, struct slice *rest, struct dataset_want *want)
{
	if (build->buffer == 0)
		return build_refuse(build, "needs a buffer before it, such as dns.query");
	if (!slice_split(rest, ',', &want->name))
		return build_refuse(build, "needs the name of a set");
	want->name = slice_trim(want->name);
	if (want->name.size == 0 || want->name.size > 63 || memchr(want->name.p, ' ', want->name.size) != NULL)
		return build_refuse(build, "needs a name of 1 to 63 letters without blanks");
	return CC_OK;
}

static enum cc_status
options_take(struct build *build, struct slice rest, struct dataset_want *want, struct dataset **ret_dataset)
{
	struct slice item;
	unsigned seen = 0;

	while (slice_split(&rest, ',', &item)) {
		if (option_parse(build, slice_trim(item), want, &seen) != CC_OK)
			return CC_BAD;
	}
	return dataset_take(build, want, ret_dataset);
}

static struct op *
op_add(struct build *build, const struct dataset_op *data)
{
	struct op *op = build_op(build, DO_CALL);

	if (op == NULL)
		return NULL;
	op->call = dataset_call;
	op->data = data;
	op->flags |= OF_FINAL;
	return op;
}

static enum cc_status
dataset_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const char *const acts[] = {"isset", "isnotset", "set", "unset"};
	struct dataset_want want = {.type = DATASET_NO_TYPE};
	struct dataset_op *data = build_take(build, sizeof(*data));
	struct slice word;
	struct check *check;

	(void)keyword, (void)negated;
	if (data == NULL)
		return CC_BAD;
	slice_split(&value, ',', &word);
	while (data->act < 4 && !slice_is(slice_trim(word), acts[data->act]))
		data->act++;
	if (data->act == 4)
		return build_refuse(build, "should begin with set, unset, isset or isnotset");
	if (name_parse(build, &value, &want) != CC_OK || options_take(build, value, &want, &data->dataset) != CC_OK ||
	    op_add(build, data) == NULL)
		return CC_BAD;
	if (data->act != ACT_SET && data->act != ACT_UNSET)
		return CC_OK;
	if (build->mark_count == MARKS_MAX)
		return build_refuse(build, "more than %u values set by one rule", MARKS_MAX);
	data->place = (uint8_t)build->mark_count++;
	dataset_changes(data->dataset);
	check = build_check(build, dataset_act, PHASE_POST);
	if (check == NULL)
		return CC_BAD;
	check->data = data;
	return CC_OK;
}

/* name,operator,number,load file,type word */
static enum cc_status
datarep_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct dataset_want want = {.type = DATASET_NO_TYPE, .wants_rep = true};
	struct dataset_op *data = build_take(build, sizeof(*data));
	struct slice op, number;

	(void)keyword, (void)negated;
	if (data == NULL || name_parse(build, &value, &want) != CC_OK)
		return CC_BAD;
	if (!slice_split(&value, ',', &op) || !slice_split(&value, ',', &number) ||
	    !slice_uint(slice_trim(number), UINT16_MAX, &data->rep.a))
		return build_refuse(build, "needs <, > or ==, and a number of 0 to 65535");
	op = slice_trim(op);
	data->act = ACT_REP;
	if (slice_is(op, "<"))
		data->rep.compare = CMP_LT;
	else if (slice_is(op, ">"))
		data->rep.compare = CMP_GT;
	else if (slice_is(op, "==") || slice_is(op, "="))
		data->rep.compare = CMP_EQ;
	else
		return build_refuse(build, "the operator should be <, > or ==");
	if (options_take(build, value, &want, &data->dataset) != CC_OK || op_add(build, data) == NULL)
		return CC_BAD;
	return CC_OK;
}

const struct keyword kw_dataset = {"dataset", NULL, KW_VALUE, dataset_parse, NULL,
    "The value is in a set, or comes to it: set|unset|isset|isnotset,name,type string|md5|sha256|ipv4|ip,load FILE"};
const struct keyword kw_datarep = {"datarep", NULL, KW_VALUE, datarep_parse, NULL,
    "The number of the value in a set: name,<|>|==,number,load FILE,type string|md5|sha256|ipv4|ip"};
