/* Numbers and words in rule text: comparisons such as ">5" and "3<>9", lists, trimming.  No state. */
#include "detect/own.h"

struct slice
slice_trim(struct slice s)
{
	while (s.size > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\r')) {
		s.p++;
		s.size--;
	}
	while (s.size > 0 && (s.p[s.size - 1] == ' ' || s.p[s.size - 1] == '\t' || s.p[s.size - 1] == '\r'))
		s.size--;
	return s;
}

bool
slice_split(struct slice *rest, uint8_t sep, struct slice *ret_part)
{
	const uint8_t *at;

	if (rest->p == NULL)
		return false;
	at = rest->size > 0 ? memchr(rest->p, sep, rest->size) : NULL;
	if (at == NULL) {
		*ret_part = *rest;
		*rest = slice_of(NULL, 0);
		return true;
	}
	*ret_part = slice_of(rest->p, (size_t)(at - rest->p));
	*rest = slice_of(at + 1, rest->size - ret_part->size - 1);
	return true;
}

bool
slice_is_nocase(struct slice s, const char *text)
{
	return text_eq_nocase(s, text);
}

bool
slice_uint(struct slice text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (text.size == 0 || text.size > 20)
		return false;
	if (text.size > 2 && text.p[0] == '0' && (text.p[1] | 32) == 'x') {
		for (size_t i = 2; i < text.size; i++) {
			uint8_t c = (uint8_t)(text.p[i] | 32);
			unsigned digit = c >= '0' && c <= '9' ? c - 48u : c >= 'a' && c <= 'f' ? c - 87u : 16;

			if (digit == 16 || value >> 60 != 0)
				return false;
			value = value << 4 | digit;
		}
	} else {
		for (size_t i = 0; i < text.size; i++) {
			if (text.p[i] < '0' || text.p[i] > '9' || value > (UINT64_MAX - 9) / 10)
				return false;
			value = value * 10 + (text.p[i] - (uint64_t)'0');
		}
	}
	if (value > max)
		return false;
	*ret_value = value;
	return true;
}

bool
slice_int(struct slice text, int64_t *ret_value)
{
	bool minus = text.size > 0 && text.p[0] == '-';
	uint64_t value;

	if (minus || (text.size > 0 && text.p[0] == '+'))
		text = slice_of(text.p + 1, text.size - 1);
	if (!slice_uint(text, INT64_MAX, &value))
		return false;
	*ret_value = minus ? -(int64_t)value : (int64_t)value;
	return true;
}

/* Splits at the first occurrence of a word inside text, not at its start. */
static bool
range_split(struct slice text, const char *word, struct slice *ret_left, struct slice *ret_right)
{
	const uint8_t *at = memmem(text.p, text.size, word, strlen(word));

	if (at == NULL || at == text.p)
		return false;
	*ret_left = slice_trim(slice_of(text.p, (size_t)(at - text.p)));
	*ret_right = slice_trim(slice_of(at + strlen(word), text.size - (size_t)(at - text.p) - strlen(word)));
	return true;
}

bool
number_parse(struct slice text, struct number *ret_number)
{
	static const struct {
		const char *word;
		uint8_t compare;
	} words[] = {{">=", CMP_GE}, {"<=", CMP_LE}, {"!=", CMP_NE}, {"==", CMP_EQ}, {">", CMP_GT}, {"<", CMP_LT},
	    {"=", CMP_EQ}, {"!", CMP_NE}, {"", CMP_EQ}};
	struct slice left, right;

	text = slice_trim(text);
	if (text.size == 0)
		return false;
	if (range_split(text, "<>", &left, &right) || range_split(text, "-", &left, &right)) {
		if (!slice_uint(left, UINT64_MAX, &ret_number->a) || !slice_uint(right, UINT64_MAX, &ret_number->b))
			return false;
		/* "3<>9" leaves both ends out, and so does "3-9" in Suricata's integer keywords. */
		ret_number->compare = CMP_RANGE;
		return ret_number->a < ret_number->b;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t size = strlen(words[i].word);

		if (text.size > size && memcmp(text.p, words[i].word, size) == 0) {
			ret_number->compare = words[i].compare;
			return slice_uint(
			    slice_trim(slice_of(text.p + size, text.size - size)), UINT64_MAX, &ret_number->a);
		}
	}
	return false;
}

/* ---- the words of a parser's table ---- */

#define LIST_MAX 64

static bool
value_parse(struct slice text, uint64_t *ret_value)
{
	int64_t value;

	if (slice_uint(text, UINT64_MAX, ret_value))
		return true;
	if (!slice_int(text, &value))
		return false;
	*ret_value = (uint64_t)value; /* as parsers put numbers below zero */
	return true;
}

/* The values of one word, or a number, to the end of list. */
static bool
word_values(const struct cc_words *words, struct slice text, uint64_t list[LIST_MAX], unsigned *count)
{
	unsigned before = *count;

	for (unsigned i = 0; words != NULL && i < words->count && *count < LIST_MAX; i++) {
		if (slice_is_nocase(text, words->word[i].name))
			list[(*count)++] = words->word[i].value;
	}
	if (*count == before && *count < LIST_MAX && value_parse(text, &list[*count]))
		(*count)++;
	return *count > before;
}

static bool
bits_parse(const struct cc_words *words, struct slice text, struct number *ret_number, struct slice *ret_wrong)
{
	struct slice word;

	*ret_number = (struct number){.compare = CMP_BITS};
	while (slice_split(&text, ',', &word)) {
		uint64_t list[LIST_MAX], bits = 0;
		unsigned count = 0;
		bool not ;

		word = slice_trim(word);
		not = word.size > 0 && word.p[0] == '!';
		if (not )
			word = slice_trim(slice_of(word.p + 1, word.size - 1));
		*ret_wrong = word;
		if (!word_values(words, word, list, &count))
			return false;
		while (count > 0)
			bits |= list[--count];
		*(not ? &ret_number->b : &ret_number->a) |= bits;
	}
	return (ret_number->a & ret_number->b) == 0;
}

static bool
pair_parse(struct store *store, const struct cc_words *words, struct slice text, struct number *ret_number)
{
	struct number *pair = store_take(store, sizeof(*pair));
	uint64_t list[LIST_MAX];
	unsigned count = 0;
	size_t size = 0;

	while (size < text.size && memchr(" \t=<>!", text.p[size], 6) == NULL)
		size++;
	*ret_number = (struct number){.compare = CMP_PAIR, .pair = pair};
	if (pair == NULL || !word_values(words, slice_of(text.p, size), list, &count))
		return false;
	ret_number->a = list[0];
	text = slice_trim(slice_of(text.p + size, text.size - size));
	*pair = (struct number){.compare = CMP_GE};
	return text.size == 0 || number_parse(text, pair); /* the word alone: with any number */
}

bool
number_words_parse(struct store *store, const struct cc_words *words, struct slice text, struct number *ret_number,
    struct slice *ret_wrong)
{
	uint64_t list[LIST_MAX], *kept;
	unsigned count = 0;
	struct slice word;
	bool not, bar;

	text = slice_trim(text);
	*ret_wrong = text;
	if (words != NULL && words->as == CC_PAIR)
		return pair_parse(store, words, text, ret_number);
	if (words != NULL && words->as == CC_BITS && !number_parse(text, ret_number))
		return bits_parse(words, text, ret_number, ret_wrong);
	if (number_parse(text, ret_number))
		return true;
	not = text.size > 0 && text.p[0] == '!';
	if (not )
		text = slice_of(text.p + 1, text.size - 1);
	bar = text.size > 0 && memchr(text.p, '|', text.size) != NULL;
	while (slice_split(&text, bar ? '|' : ',', &word)) {
		word = slice_trim(word);
		if (not && word.size > 0 && word.p[0] == '!') /* "!a,!b" is "!a,b" */
			word = slice_trim(slice_of(word.p + 1, word.size - 1));
		*ret_wrong = word;
		if (!word_values(words, *ret_wrong, list, &count))
			return false;
	}
	kept = store_take(store, count * sizeof(list[0]) + 1);
	if (kept == NULL || count == 0)
		return false;
	memcpy(kept, list, count * sizeof(list[0]));
	*ret_number = (struct number){.compare = not ? CMP_NOT_LIST : CMP_LIST, .b = count, .list = kept};
	if (count == 1)
		*ret_number = (struct number){.compare = not ? CMP_NE : CMP_EQ, .a = list[0]};
	return true;
}

static bool
in_list(const struct number *number, uint64_t value)
{
	for (uint64_t i = 0; i < number->b; i++) {
		if (number->list[i] == value)
			return true;
	}
	return false;
}

static bool
in_ranges(const struct number *number, uint64_t value)
{
	for (uint64_t i = 0; i < number->b; i++) {
		if (value >= number->list[2 * i] && value <= number->list[2 * i + 1])
			return true;
	}
	return false;
}

bool
number_holds(const struct number *number, uint64_t value)
{
	switch (number->compare) {
	case CMP_EQ:
		return value == number->a;
	case CMP_NE:
		return value != number->a;
	case CMP_LT:
		return value < number->a;
	case CMP_GT:
		return value > number->a;
	case CMP_LE:
		return value <= number->a;
	case CMP_GE:
		return value >= number->a;
	case CMP_RANGE:
		return value > number->a && value < number->b;
	case CMP_IN:
		return value >= number->a && value <= number->b;
	case CMP_LIST:
		return in_list(number, value);
	case CMP_NOT_LIST:
		return !in_list(number, value);
	case CMP_RANGES:
		return in_ranges(number, value);
	case CMP_NOT_RANGES:
		return !in_ranges(number, value);
	case CMP_BITS:
		return (value & number->a) == number->a && (value & number->b) == 0;
	case CMP_PAIR:
		return value >> 32 == number->a && number_holds(number->pair, value & UINT32_MAX);
	default:
		return false;
	}
}
