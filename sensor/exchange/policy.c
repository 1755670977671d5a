/*
 * What is answered by machine, what waits for a person, what is never answered: the operator's file, first row that
 * fits.
 *
 *   rules:
 *     - {partner: cert.b.example, kind: have-you-seen, tlp: amber, answer: machine}
 *     - {partner: "*", kind: reveal, answer: never}
 *
 * tlp is the highest marking of the request for which the row holds; without it any.
 */
#include "exchange/desk_own.h"

#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX 10000

const char *const request_kind_word[REQUEST_KINDS] = {
    [REQUEST_HAVE_YOU_SEEN] = "have-you-seen",
    [REQUEST_EVIDENCE] = "evidence",
    [REQUEST_REVEAL] = "reveal",
    [REQUEST_ELIMINATE] = "eliminate",
    [REQUEST_EXPLAIN] = "explain",
    [REQUEST_PING] = "ping",
};
const char *const policy_answer_word[] = {
    [POLICY_WAIT] = "wait", [POLICY_MACHINE] = "machine", [POLICY_NEVER] = "never"};

struct row {
	char partner[128];
	unsigned kinds; /* bits */
	enum cc_tlp tlp;
	enum policy_answer answer;
};

struct policy {
	size_t count;
	struct row row[];
};

static enum cc_status
bad(const char *path, size_t at, const char *what, char **ret_why)
{
	if (asprintf(ret_why, "%s: rule %zu: %s", path, at + 1, what) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

static enum cc_status
take_row(const json_t *from, struct row *row, const char *path, size_t at, char **ret_why)
{
	static const char *const known[] = {"partner", "kind", "tlp", "answer"};
	char kind[32], tlp[32], answer[16];
	json_t *value;
	const char *name;
	int i;

	json_object_foreach((json_t *)(uintptr_t)from, name, value)
	{
		for (i = 0; i < 4 && strcmp(known[i], name) != 0; i++)
			;
		if (i == 4)
			return bad(path, at, "a rule has partner, kind, tlp and answer", ret_why);
	}
	if (!json_is_object(from) || !desk_member(from, "partner", row->partner, sizeof(row->partner)) ||
	    row->partner[0] == '\0' || !desk_member(from, "kind", kind, sizeof(kind)) ||
	    !desk_member(from, "tlp", tlp, sizeof(tlp)) || !desk_member(from, "answer", answer, sizeof(answer)))
		return bad(path, at, "partner is the id of an organisation, or \"*\"; the others are words", ret_why);
	if (kind[0] == '\0' || strcmp(kind, "*") == 0)
		row->kinds = (1u << REQUEST_KINDS) - 1;
	for (i = 0; i < REQUEST_KINDS; i++) {
		if (strcmp(kind, request_kind_word[i]) == 0)
			row->kinds = 1u << i;
	}
	if (row->kinds == 0)
		return bad(
		    path, at, "kind is have-you-seen, evidence, reveal, eliminate, explain, ping or \"*\"", ret_why);
	row->tlp = CC_TLP_RED;
	if (tlp[0] != '\0' && record_tlp_parse(slice_str(tlp), &row->tlp) != CC_OK)
		return bad(path, at, "tlp is clear, green, amber, amber+strict or red", ret_why);
	for (i = 0; i <= POLICY_NEVER && strcmp(answer, policy_answer_word[i]) != 0; i++)
		;
	if (i > POLICY_NEVER)
		return bad(path, at, "answer is machine, wait or never", ret_why);
	row->answer = (enum policy_answer)i;
	if (row->answer == POLICY_MACHINE && row->kinds == 1u << REQUEST_ELIMINATE)
		return bad(path, at, "no machine can eliminate: wait or never", ret_why);
	return CC_OK;
}

enum cc_status
policy_read(const char *path, struct policy **ret_policy, char **ret_why)
{
	json_t *from = NULL, *rows = NULL, *one;
	struct policy *policy;
	enum cc_status st = CC_OK;
	size_t i;

	*ret_why = NULL;
	if (path[0] != '\0' && (st = desk_yaml(path, &from, ret_why)) != CC_OK)
		return st;
	rows = json_object_get(from, "rules");
	if (from != NULL && (!json_is_array(rows) || json_object_size(from) != 1 || json_array_size(rows) > ROWS_MAX)) {
		json_decref(from);
		if (asprintf(ret_why, "%s: has a list 'rules', of 10,000 at most, and nothing else", path) < 0)
			*ret_why = NULL;
		return CC_BAD;
	}
	policy = calloc(1, sizeof(*policy) + json_array_size(rows) * sizeof(policy->row[0]));
	if (policy == NULL)
		st = CC_NOMEM;
	json_array_foreach(rows, i, one)
	{
		if (st == CC_OK)
			st = take_row(one, &policy->row[policy->count++], path, i, ret_why);
	}
	json_decref(from);
	if (st != CC_OK)
		policy_free(policy);
	else
		*ret_policy = policy;
	return st;
}

void
policy_free(struct policy *policy)
{
	free(policy);
}

enum policy_answer
policy_of(const struct policy *policy, const char *partner, enum request_kind kind, enum cc_tlp tlp)
{
	for (size_t i = 0; i < policy->count; i++) {
		const struct row *row = &policy->row[i];

		if ((row->kinds >> kind & 1) != 0 && tlp <= row->tlp &&
		    (strcmp(row->partner, "*") == 0 || strcmp(row->partner, partner) == 0))
			return row->answer;
	}
	return kind == REQUEST_PING ? POLICY_MACHINE : POLICY_WAIT;
}
