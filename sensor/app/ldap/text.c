/* LDAP's numbers as words, and filters as text (RFC 4515).  No memory, any thread. */
#include "app/ldap/own.h"

const struct cc_word ldap_op_words[LDAP_OP_WORDS] = {
    {"bind_request", 0}, {"bind_response", 1}, {"unbind_request", 2}, {"search_request", 3}, {"search_result_entry", 4},
    {"search_result_done", 5}, {"modify_request", 6}, {"modify_response", 7}, {"add_request", 8}, {"add_response", 9},
    {"del_request", 10}, {"del_response", 11}, {"mod_dn_request", 12}, {"mod_dn_response", 13}, {"compare_request", 14},
    {"compare_response", 15}, {"abandon_request", 16}, {"search_result_reference", 19}, {"extended_request", 23},
    {"extended_response", 24}, {"intermediate_response", 25},
};

const struct cc_word ldap_code_words[LDAP_CODE_WORDS] = {
    {"success", 0}, {"operations_error", 1}, {"protocol_error", 2}, {"time_limit_exceeded", 3},
    {"size_limit_exceeded", 4},
    {"compare_false", 5}, {"compare_true", 6}, {"auth_method_not_supported", 7}, {"stronger_auth_required", 8},
    {"referral", 10}, {"admin_limit_exceeded", 11}, {"unavailable_critical_extension", 12},
    {"confidentiality_required", 13}, {"sasl_bind_in_progress", 14}, {"no_such_attribute", 16},
    {"undefined_attribute_type", 17}, {"inappropriate_matching", 18}, {"constraint_violation", 19},
    {"attribute_or_value_exists", 20}, {"invalid_attribute_syntax", 21}, {"no_such_object", 32}, {"alias_problem", 33},
    {"invalid_dn_syntax", 34}, {"is_leaf", 35}, {"alias_dereferencing_problem", 36},
    {"inappropriate_authentication", 48},
    {"invalid_credentials", 49}, {"insufficient_access_rights", 50}, {"busy", 51}, {"unavailable", 52},
    {"unwilling_to_perform", 53}, {"loop_detect", 54}, {"naming_violation", 64}, {"object_class_violation", 65},
    {"not_allowed_on_non_leaf", 66}, {"not_allowed_on_rdn", 67}, {"entry_already_exists", 68},
    {"object_class_mods_prohibited", 69}, {"affects_multiple_dsas", 71}, {"other", 80},
};

static const char *
word_of(const struct cc_word *words, unsigned count, uint64_t value)
{
	for (unsigned i = 0; i < count; i++)
		if (words[i].value == value)
			return words[i].name;
	return NULL;
}

const char *
ldap_op_text(unsigned op)
{
	return word_of(ldap_op_words, LDAP_OP_WORDS, op);
}

const char *
ldap_code_text(int64_t code)
{
	return code < 0 ? NULL : word_of(ldap_code_words, LDAP_CODE_WORDS, (uint64_t)code);
}

/* ---- filters ---- */

struct text {
	char *p;
	size_t size, room;
	bool deep; /* a filter goes deeper than it is followed */
};

static void
add(struct text *text, struct slice bytes)
{
	size_t size = bytes.size < text->room - text->size ? bytes.size : text->room - text->size;

	if (size > 0)
		memcpy(text->p + text->size, bytes.p, size);
	text->size += size;
}

static void
add_value(struct text *text, struct slice value)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < value.size; i++) {
		uint8_t c = value.p[i];

		if (c < ' ' || c == '(' || c == ')' || c == '*' || c == '\\' || c == 0x7f)
			add(text, slice_of((char[]){'\\', hex[c >> 4], hex[c & 15]}, 3));
		else
			add(text, slice_of(&c, 1));
	}
}

static void
add_pair(struct text *text, struct cur *in, const char *sign)
{
	add(text, ber_take(in, BER_OCTET_STRING));
	add(text, slice_str(sign));
	add_value(text, ber_take(in, BER_OCTET_STRING));
}

/* attribute, SEQUENCE { [0] initial, [1] any, [2] final } */
static void
add_substrings(struct text *text, struct cur *in)
{
	struct cur parts;
	uint8_t tag = 0;

	add(text, ber_take(in, BER_OCTET_STRING));
	add(text, slice_str("="));
	parts = ber_sub(in, BER_SEQUENCE);
	while (cur_left(&parts) > 0 && !parts.bad && text->size < text->room) {
		struct slice part = ber_any(&parts, &tag);

		if (tag != BER_CONTEXT(0))
			add(text, slice_str("*"));
		add_value(text, part);
	}
	if (tag != BER_CONTEXT(2))
		add(text, slice_str("*"));
}

/* [1] rule, [2] type, [3] value, [4] with the DN's attributes */
static void
add_extensible(struct text *text, struct cur *in)
{
	struct slice rule = {NULL, 0}, type = {NULL, 0}, value = {NULL, 0};
	bool dn = false;

	while (cur_left(in) > 0 && !in->bad) {
		uint8_t tag;
		struct slice part = ber_any(in, &tag);

		if (tag == BER_CONTEXT(1))
			rule = part;
		else if (tag == BER_CONTEXT(2))
			type = part;
		else if (tag == BER_CONTEXT(3))
			value = part;
		else if (tag == BER_CONTEXT(4))
			dn = part.size > 0 && part.p[0] != 0;
	}
	add(text, type);
	if (dn)
		add(text, slice_str(":dn"));
	if (rule.size > 0) {
		add(text, slice_str(":"));
		add(text, rule);
	}
	add(text, slice_str(":="));
	add_value(text, value);
}

/* One filter; the sets and, or, not go down a level. */
static void
add_filter(struct text *text, struct cur *in, unsigned depth)
{
	static const char sets[] = "&|!";
	uint8_t tag;
	struct slice body = ber_any(in, &tag);
	struct cur c = cur_slice(body);

	if (in->bad || text->size == text->room)
		return;
	add(text, slice_str("("));
	switch (tag) {
	case BER_IN_CONTEXT(0):
	case BER_IN_CONTEXT(1):
	case BER_IN_CONTEXT(2):
		add(text, slice_of(&sets[tag & 3], 1));
		text->deep |= depth == 0 && cur_left(&c) > 0;
		while (depth > 0 && cur_left(&c) > 0 && !c.bad && text->size < text->room)
			add_filter(text, &c, depth - 1);
		break;
	case BER_IN_CONTEXT(3):
		add_pair(text, &c, "=");
		break;
	case BER_IN_CONTEXT(4):
		add_substrings(text, &c);
		break;
	case BER_IN_CONTEXT(5):
		add_pair(text, &c, ">=");
		break;
	case BER_IN_CONTEXT(6):
		add_pair(text, &c, "<=");
		break;
	case BER_CONTEXT(7):
		add(text, body);
		add(text, slice_str("=*"));
		break;
	case BER_IN_CONTEXT(8):
		add_pair(text, &c, "~=");
		break;
	case BER_IN_CONTEXT(9):
		add_extensible(text, &c);
		break;
	default:
		add(text, slice_str("?"));
		break;
	}
	add(text, slice_str(")"));
}

size_t
ldap_filter_text(struct slice filter, char *text, size_t room, bool *ret_deep)
{
	struct text out = {text, 0, room, false};
	struct cur c = cur_slice(filter);

	add_filter(&out, &c, BER_DEPTH_MAX);
	*ret_deep = out.deep;
	return out.size;
}
