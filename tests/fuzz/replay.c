/*
 * The targets without a fuzzer: every file named, or in a folder named, goes through LLVMFuzzerTestOneInput() once, in
 * order of names.  The last input's name is on standard error when it crashes.
 */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static char input[4096];
static unsigned replayed;

static void
say_input(int signal_number)
{
	static const char text[] = "crashed on ";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)!write(STDERR_FILENO, input, strlen(input));
	(void)!write(STDERR_FILENO, "\n", 1);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static bool
replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0;
	FILE *copy;
	int c;

	if (file == NULL)
		return false;
	snprintf(input, sizeof(input), "%s", path);
	copy = open_memstream((char **)&data, &size);
	while (copy != NULL && (c = getc(file)) != EOF)
		putc(c, copy);
	fclose(file);
	if (copy == NULL || fclose(copy) != 0)
		return false;
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
	return true;
}

static bool
replay_folder(const char *path)
{
	struct dirent **entry;
	int count = scandir(path, &entry, NULL, alphasort);
	bool good = count >= 0;

	for (int i = 0; i < count; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
		if (entry[i]->d_name[0] != '.')
			good = replay_file(name) && good;
		free(entry[i]);
	}
	if (count >= 0)
		free(entry);
	return good;
}

int
main(int argc, char **argv)
{
	static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
	bool good = true;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], say_input);
	for (int i = 1; i < argc; i++) {
		struct stat st;
		bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);

		if (!(folder ? replay_folder(argv[i]) : replay_file(argv[i]))) {
			fprintf(stderr, "%s: can't be read\n", argv[i]);
			good = false;
		}
	}
	printf("%u inputs\n", replayed);
	return good && replayed > 0 ? 0 : 1;
}
