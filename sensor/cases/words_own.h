/* What the files of the sentences share. */
#ifndef CASES_WORDS_OWN_H
#define CASES_WORDS_OWN_H

#include "cases/cases.h"

#define SHORT 48 /* characters of a value in a sentence */
#define NAME 72  /* of an organisation: cut, two of them would look alike */

void words_say(const struct cases_words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "0.3 %", and never 0 or 100 of what is not certain. */
const char *words_per_cent(double p, char ret_text[24]);
/* "a, b and c", as many as fit, one in any case. */
void words_list(const struct cases_words *w, const char *const *name, size_t count);

/* What an organisation's entries are: it saw, it repeats, it looked in vain, it did not look although it says that it
 * saw nothing.  Where a long time line is cut, it saw. */
enum part { SAW, REPEATS, LOOKED, DOWN, PARTS };
enum part words_part(const struct casefile *one, const char *organisation);
/* In the order of their names. */
size_t words_those(const struct casefile *one, enum part part, const char *ret_name[CASES_ORGANISATIONS]);
/* Why there is not enough to tell, after "the weightiest reason: "; whether the document says a reason. */
bool words_lack(const struct cases_words *w, const struct casefile *one);
/* The likeliest candidate, or the likeliest rival; NULL: none. */
const struct case_hypothesis *words_best(const struct casefile *one, bool source);

#endif
