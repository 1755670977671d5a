/* State that rules set for one another: flowbits and flowint. */
#include "detect/kw/kw.h"

struct bit_list {
	uint32_t count;
	uint32_t id[];
};

static bool
bit_get(const struct run *run, uint32_t id)
{
	const struct flow_state *state = run->flow != NULL ? run->flow->detect : NULL;

	return state != NULL && id / 64 < state->bit_words && (state->bits[id / 64] >> id % 64 & 1) != 0;
}

/* A flow's bits grow as they are used. */
static uint64_t *
bit_word(struct run *run, uint32_t id)
{
	struct flow_state *state = run->flow != NULL ? flow_state_take(run->detect, run->flow) : NULL;

	if (state == NULL)
		return NULL;
	while (id / 64 >= state->bit_words) {
		uint64_t *more = grow(run->detect, state->bits, &state->bit_words, sizeof(uint64_t), FLOWBITS_MAX / 64);

		if (more == NULL)
			return NULL;
		state->bits = more;
	}
	return &state->bits[id / 64];
}

static bool
isset_test(struct run *run, const struct check *check)
{
	const struct bit_list *list = check->data;

	for (uint32_t i = 0; i < list->count; i++) {
		if (bit_get(run, list->id[i]) != check->negated)
			return true;
	}
	return false;
}

static bool
set_act(struct run *run, const struct check *check)
{
	const struct bit_list *list = check->data;

	for (uint32_t i = 0; i < list->count; i++) {
		uint64_t *word = bit_word(run, list->id[i]), bit = 1ull << list->id[i] % 64;

		if (word != NULL)
			*word = check->a == 's' ? *word | bit : check->a == 'u' ? *word & ~bit : *word ^ bit;
	}
	return true;
}

static enum cc_status
flowbits_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice rest = value, word, name;
	struct bit_list *list;
	struct check *check;
	bool test, isnot;

	(void)keyword, (void)negated;
	slice_split(&rest, ',', &word);
	word = slice_trim(word);
	if (slice_is_nocase(word, "noalert")) {
		if (rest.p != NULL)
			return build_refuse(build, "noalert takes no name");
		build->rule.info.noalert = true;
		return CC_OK;
	}
	isnot = slice_is_nocase(word, "isnotset");
	test = isnot || slice_is_nocase(word, "isset");
	if (!test && !slice_is_nocase(word, "set") && !slice_is_nocase(word, "unset") &&
	    !slice_is_nocase(word, "toggle"))
		return build_refuse(build, "\"%.*s\" should be set, isset, unset, isnotset, toggle or noalert",
		    (int)(word.size < 40 ? word.size : 40), word.p);
	list = build_take(build, sizeof(*list) + sizeof(uint32_t) * (rest.size / 2 + 1));
	rest = slice_trim(rest);
	if (list == NULL)
		return CC_BAD;
	if (rest.size == 0)
		return build_refuse(build, "needs a name");
	while (slice_split(&rest, '|', &name)) {
		if (name_id(build, 'b', slice_trim(name), &list->id[list->count]) != CC_OK)
			return CC_BAD;
		list->count++;
	}
	check = build_check(build, test ? isset_test : set_act, test ? PHASE_STATE : PHASE_POST);
	if (check == NULL)
		return CC_BAD;
	check->data = list;
	check->negated = isnot;
	check->a = (uint32_t)(word.p[0] | 32);
	if (test || (word.p[0] | 32) != 's')
		build->ip_keyword_only = false;
	return CC_OK;
}

static struct flow_int *
integer_find(struct run *run, uint32_t name, bool make)
{
	struct flow_state *state = run->flow == NULL ? NULL
				   : make            ? flow_state_take(run->detect, run->flow)
						     : (struct flow_state *)run->flow->detect;

	if (state == NULL)
		return NULL;
	for (uint32_t i = 0; i < state->integer_count; i++) {
		if (state->integer[i].name == name)
			return &state->integer[i];
	}
	if (!make)
		return NULL;
	if (state->integer_count == state->integer_room) {
		struct flow_int *more = grow(run->detect, state->integer, &state->integer_room, sizeof(*more), 4096);

		if (more == NULL)
			return NULL;
		state->integer = more;
	}
	state->integer[state->integer_count] = (struct flow_int){name, 0};
	return &state->integer[state->integer_count++];
}

enum { INT_SET = 'a', INT_ADD, INT_SUB, INT_ISSET, INT_NOTSET, INT_COMPARE };

static bool
flowint_test(struct run *run, const struct check *check)
{
	const struct flow_int *integer = integer_find(run, check->a, false);
	const struct flow_int *other = check->b != UINT32_MAX ? integer_find(run, check->b, false) : NULL;
	struct number number = *(const struct number *)check->data;

	if (check->kind == INT_ISSET || check->kind == INT_NOTSET)
		return (integer != NULL) == (check->kind == INT_ISSET);
	if (check->b != UINT32_MAX) {
		if (other == NULL)
			return false;
		number.a = other->value;
	}
	return integer != NULL && number_holds(&number, integer->value);
}

static bool
flowint_act(struct run *run, const struct check *check)
{
	const struct flow_int *other = check->b != UINT32_MAX ? integer_find(run, check->b, false) : NULL;
	uint32_t value = check->b == UINT32_MAX ? (uint32_t)((const struct number *)check->data)->a
			 : other != NULL        ? other->value
						: 0;
	struct flow_int *integer = integer_find(run, check->a, true);

	if (integer == NULL || (check->b != UINT32_MAX && other == NULL))
		return false;
	if (check->kind == INT_SET)
		integer->value = value;
	else if (check->kind == INT_ADD)
		integer->value += value;
	else
		integer->value -= value < integer->value ? value : integer->value;
	return true;
}

static enum cc_status
flowint_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const struct {
		const char *word;
		uint8_t kind, compare;
	} table[] = {
	    {"=", INT_SET, 0},
	    {"+", INT_ADD, 0},
	    {"-", INT_SUB, 0},
	    {"isset", INT_ISSET, 0},
	    {"isnotset", INT_NOTSET, 0},
	    {"notset", INT_NOTSET, 0},
	    {"<", INT_COMPARE, CMP_LT},
	    {">", INT_COMPARE, CMP_GT},
	    {"<=", INT_COMPARE, CMP_LE},
	    {">=", INT_COMPARE, CMP_GE},
	    {"==", INT_COMPARE, CMP_EQ},
	    {"!=", INT_COMPARE, CMP_NE},
	};
	struct slice rest = value, name, word;
	struct number *number = build_take(build, sizeof(*number));
	struct check *check;
	uint32_t id, other = UINT32_MAX;
	size_t i;

	(void)keyword, (void)negated;
	if (number == NULL)
		return CC_BAD;
	if (!slice_split(&rest, ',', &name) || !slice_split(&rest, ',', &word))
		return build_refuse(build, "should be name,operator,value");
	word = slice_trim(word);
	for (i = 0; i < sizeof(table) / sizeof(table[0]) && !slice_is_nocase(word, table[i].word); i++)
		;
	if (i == sizeof(table) / sizeof(table[0]))
		return build_refuse(build, "unknown operator \"%.*s\"", (int)(word.size < 20 ? word.size : 20), word.p);
	if (name_id(build, 'i', slice_trim(name), &id) != CC_OK)
		return CC_BAD;
	rest = slice_trim(rest);
	if (table[i].kind != INT_ISSET && table[i].kind != INT_NOTSET) {
		if (rest.size == 0)
			return build_refuse(build, "needs a value");
		if (!slice_uint(rest, UINT32_MAX, &number->a) && name_id(build, 'i', rest, &other) != CC_OK)
			return CC_BAD;
		number->compare = table[i].compare;
	}
	check = table[i].kind <= INT_SUB ? build_check(build, flowint_act, PHASE_POST)
					 : build_check(build, flowint_test, PHASE_STATE);
	if (check == NULL)
		return CC_BAD;
	check->kind = table[i].kind;
	check->a = id;
	check->b = other;
	check->data = number;
	build->ip_keyword_only = false;
	return CC_OK;
}

const struct keyword kw_flowbits = {"flowbits", NULL, KW_VALUE, flowbits_parse, NULL,
    "Marks on the flow: set, unset, toggle, isset, isnotset with a name (a|b: one of them is so), or noalert"};
const struct keyword kw_flowint = {"flowint", NULL, KW_VALUE, flowint_parse, NULL,
    "Counters on the flow: name,operator,value with = + - < > <= >= == != isset notset"};
