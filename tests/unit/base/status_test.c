/* Every status has a word of its own, and so does a number that is none. */
#include "unit/test.h"

#include "concert/status.h"

TEST(words)
{
	for (int a = CC_OK; a <= CC_DENIED; a++) {
		const char *word = cc_status_text((enum cc_status)a);

		CHECK(word != NULL && *word != '\0');
		CHECK(strcmp(word, cc_status_text((enum cc_status)99)) != 0);
		for (int b = CC_OK; b < a; b++)
			CHECK(strcmp(word, cc_status_text((enum cc_status)b)) != 0);
	}
	CHECK_TEXT(cc_status_text(CC_OK), "ok");
	CHECK(cc_status_text((enum cc_status)99) != NULL);
}

TESTS(T(words))
