/* A configuration file: what is taken, printed and read again, is the same configuration. */
#include "fuzz/fuzz.h"

static char *
print(const struct conf *conf, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	FUZZ_CHECK(out != NULL);
	conf_print(conf, out);
	fclose(out);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = conf_new(), *again = conf_new();
	char *why = NULL, *first, *second;
	size_t first_size, second_size;
	enum cc_status st = conf_read(conf, fuzz_file(data, size), &why);

	FUZZ_CHECK(st == CC_OK || why != NULL);
	if (st == CC_OK) {
		first = print(conf, &first_size);
		st = conf_read(again, fuzz_file((const uint8_t *)first, first_size), &why);
		if (st != CC_OK)
			fprintf(stderr, "%s\n%s\n", why, first);
		FUZZ_CHECK(st == CC_OK);
		second = print(again, &second_size);
		if (first_size != second_size || memcmp(first, second, first_size) != 0)
			fprintf(stderr, "%s\n---\n%s\n", first, second);
		FUZZ_CHECK(first_size == second_size && memcmp(first, second, first_size) == 0);
		free(first);
		free(second);
	}
	free(why);
	conf_free(conf);
	conf_free(again);
	return 0;
}
