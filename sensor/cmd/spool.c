/* concert spool: what is in a spool folder, without disturbing its owner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cmd/cmd.h"
#include "exchange/exchange.h"

int cmd_spool(int argc, char **argv);

struct sums {
	bool print;
	uint64_t messages, bytes;
};

static void
visit(void *ctx, const struct cc_message *msg, uint64_t position)
{
	struct sums *sums = ctx;
	struct slice id = message_header(msg, "ce_id"), sequence = message_header(msg, "ce_sequence");

	sums->messages++;
	sums->bytes += msg->value.size;
	if (sums->print)
		printf("%llu\t%.*s\t%.*s\t%u\t%.*s\t%.*s\n", (unsigned long long)position, (int)msg->topic.size, msg->topic.p, (int)id.size,
		    id.p, msg->lane, (int)sequence.size, sequence.p, (int)msg->key.size, msg->key.p);
}

int
cmd_spool(int argc, char **argv)
{
	struct sums sums = {0};
	char *why = NULL, bytes[32], count[32];

	if (argc != 3 || (strcmp(argv[1], "status") != 0 && strcmp(argv[1], "dump") != 0)) {
		fprintf(stderr, "usage: concert spool status|dump DIR\n");
		return EXIT_USAGE;
	}
	sums.print = strcmp(argv[1], "dump") == 0;
	if (sums.print)
		puts("#position\ttopic\tid\tlane\tsequence\tkey");
	if (spool_visit(argv[2], visit, &sums, &why) != CC_OK) {
		fprintf(stderr, "concert spool: %s\n", why != NULL ? why : argv[2]);
		free(why);
		return EXIT_FAILED;
	}
	free(why);
	if (!sums.print)
		printf("%s messages, %s of bundles\n", thousands_text(sums.messages, count), bytes_text(sums.bytes, bytes));
	return EXIT_DONE;
}
