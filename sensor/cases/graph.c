/*
 * Places for the nodes of the infrastructure: layered, names, addresses, certificates and keys, files from the left.
 * Boxes of one size in rows and columns, so that no two labels can touch.  Rows by the mean of the neighbours'
 * (barycentre, some sweeps), which keeps the number of crossing lines low.  Where a column is full, the nodes that
 * fewest organisations saw are left to the table.
 *
 * No chance is in it: the same case gives the same picture.  Pure.
 */
#include "cases/cases.h"

#include <stdlib.h>

#define SWEEPS 6

static unsigned
column_of(const char *kind)
{
	static const struct {
		const char *kind;
		unsigned column;
	} known[] = {{"domain", 0}, {"registrable-domain", 0}, {"url", 0}, {"addr", 1}, {"prefix", 1}, {"as", 1},
	    {"cert-sha256", 2}, {"key-sha256", 2}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].kind, kind) == 0)
			return known[i].column;
	}
	return CASES_COLUMNS - 1;
}

struct seat {
	const struct case_node *node;
	size_t at;      /* in the case */
	bool answer;
	double centre;  /* mean row of the neighbours */
};

static bool
is_answer(const struct casefile *one, const struct case_node *node)
{
	return strcmp(node->kind, one->what) == 0 && strcmp(node->value, one->value) == 0;
}

static int
by_weight(const void *a, const void *b)
{
	const struct seat *x = a, *y = b;
	int order;

	if (x->answer != y->answer)
		return x->answer ? -1 : 1;
	if (x->node->seers != y->node->seers)
		return x->node->seers > y->node->seers ? -1 : 1;
	order = strcmp(x->node->value, y->node->value);
	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int
by_centre(const void *a, const void *b)
{
	const struct seat *x = a, *y = b;
	int order;

	if (x->centre < y->centre || x->centre > y->centre)
		return x->centre < y->centre ? -1 : 1;
	order = strcmp(x->node->value, y->node->value);
	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* From the middle of the column, so that columns of other lengths compare. */
static double
height_of(const struct cases_place *place, const unsigned rows[CASES_COLUMNS])
{
	return place->row + 0.5 - rows[place->column] / 2.0;
}

static void
sweep(const struct casefile *one, struct seat *seat, size_t count, unsigned column, struct cases_place *place,
    const unsigned rows[CASES_COLUMNS])
{
	for (size_t i = 0; i < count; i++) {
		double sum = 0, weight = 0;

		for (size_t e = 0; e < one->edges; e++) {
			unsigned other = one->edge[e].from == seat[i].at ? one->edge[e].to
					 : one->edge[e].to == seat[i].at ? one->edge[e].from
									 : (unsigned)seat[i].at;

			if (other == seat[i].at || !place[other].drawn || place[other].column == column)
				continue;
			sum += height_of(&place[other], rows);
			weight++;
		}
		seat[i].centre = weight > 0 ? sum / weight : height_of(&place[seat[i].at], rows);
	}
	qsort(seat, count, sizeof(*seat), by_centre);
	for (size_t i = 0; i < count; i++)
		place[seat[i].at].row = (unsigned)i;
}

bool
cases_layout(
    const struct casefile *one, struct cases_place *ret_place, unsigned ret_rows[CASES_COLUMNS], size_t *ret_left_out)
{
	struct seat *seat[CASES_COLUMNS];
	size_t count[CASES_COLUMNS] = {0};
	bool good = true;

	*ret_left_out = 0;
	for (unsigned c = 0; c < CASES_COLUMNS; c++)
		good = (seat[c] = calloc(one->nodes + 1, sizeof(struct seat))) != NULL && good;
	for (size_t i = 0; i < one->nodes; i++) {
		unsigned c = column_of(one->node[i].kind);

		ret_place[i] = (struct cases_place){.column = c};
		if (seat[c] != NULL)
			seat[c][count[c]++] =
			    (struct seat){.node = &one->node[i], .at = i, .answer = is_answer(one, &one->node[i])};
	}
	for (unsigned c = 0; c < CASES_COLUMNS; c++) {
		if (count[c] > 0)
			qsort(seat[c], count[c], sizeof(struct seat), by_weight);
		if (count[c] > CASES_DRAWN) {
			*ret_left_out += count[c] - CASES_DRAWN;
			count[c] = CASES_DRAWN;
		}
		ret_rows[c] = (unsigned)count[c];
		for (size_t i = 0; i < count[c]; i++) {
			ret_place[seat[c][i].at].drawn = true;
			ret_place[seat[c][i].at].row = (unsigned)i;
		}
	}
	for (unsigned s = 0; s < SWEEPS; s++) {
		for (unsigned k = 0; k < CASES_COLUMNS; k++) {
			unsigned c = s % 2 == 0 ? k : CASES_COLUMNS - 1 - k;

			if (count[c] > 1)
				sweep(one, seat[c], count[c], c, ret_place, ret_rows);
		}
	}
	for (unsigned c = 0; c < CASES_COLUMNS; c++)
		free(seat[c]);
	return good;
}
