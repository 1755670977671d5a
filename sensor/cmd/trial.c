/*
 * Rules over captures, see trial.h.  The rules are another's text, and the captures too: this program checks and reads
 * them in processes of their own, and what it finds is read from the log that they leave.
 */
#include "cmd/trial.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"

#define PATH_ROOM 5000
#define WORDS_MAX (4 * TRIAL_FILES + 24)

struct words {
	const char *word[WORDS_MAX];
	size_t count;
};

static void
add(struct words *words, const char *word)
{
	if (words->count + 1 < WORDS_MAX)
		words->word[words->count++] = word;
}

/* This program again, its exit code. */
static int
run_self(const struct words *words)
{
	char *argv[WORDS_MAX];
	pid_t child = fork();
	int status;

	if (child == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (size_t i = 0; i < words->count; i++)
			argv[i] = (char *)(uintptr_t)words->word[i];
		argv[words->count] = NULL;
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(STDERR_FILENO, STDOUT_FILENO);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
add_sid(struct trial_capture *capture, const char *line)
{
	const char *at = strstr(line, "\"signature_id\":");
	uint64_t sid = at != NULL ? strtoull(at + 15, NULL, 10) : 0;

	for (size_t i = 0; i < capture->sids; i++) {
		if (capture->sid[i] == sid)
			return;
	}
	if (at != NULL && capture->sids < TRIAL_SIDS)
		capture->sid[capture->sids++] = sid;
}

/* Lines of the log that are alerts. */
static void
count_alerts(struct trial_capture *capture, const char *log)
{
	FILE *file = fopen(log, "re");
	char *line = NULL;
	size_t room = 0;

	while (file != NULL && getline(&line, &room, file) > 0) {
		if (strstr(line, "\"event_type\":\"alert\"") == NULL)
			continue;
		capture->alerts++;
		add_sid(capture, line);
	}
	if (file != NULL)
		fclose(file);
	free(line);
}

static void
add_config(struct words *words, const struct trial *trial)
{
	if (trial->conf_path == NULL)
		return;
	add(words, "-c");
	add(words, trial->conf_path);
	for (size_t i = 0; i < 3; i++) {
		static const char *const none[] = {"detect.rules=[]", "detect.yara=[]", "detect.watch=[]"};

		add(words, "--set");
		add(words, none[i]);
	}
}

static void
add_rules(struct words *words, const struct trial *trial)
{
	for (size_t i = 0; i < trial->rules_count; i++) {
		add(words, "-S");
		add(words, trial->rules[i]);
	}
	for (size_t i = 0; i < trial->yara_count; i++) {
		add(words, "-Y");
		add(words, trial->yara[i]);
	}
}

static const char *
try_capture(const struct trial *trial, struct trial_capture *capture, const char *out)
{
	struct words words = {.count = 0};
	char log[PATH_ROOM + 16];

	add(&words, "concert");
	add(&words, "read");
	add_config(&words, trial);
	for (size_t i = 0; i < 6; i++) {
		static const char *const more[] = {"-q", "--exchange", "none", "--set", "evidence.window=0", "-l"};

		add(&words, more[i]);
	}
	add(&words, out);
	add_rules(&words, trial);
	add(&words, capture->path);
	snprintf(log, sizeof(log), "%s/eve.json", out);
	(void)unlink(log);
	if (run_self(&words) != 0)
		return "a run over its captures fails";
	capture->ran = true;
	count_alerts(capture, log);
	if (capture->near && capture->alerts > 0)
		return "a rule fires on one of its near misses";
	return !capture->near && capture->alerts == 0 ? "no rule fires on one of its captures" : NULL;
}

const char *
trial_run(struct trial *trial, const char *folder)
{
	struct words check = {.count = 0};
	const char *first = NULL;

	if (trial->rules_count + trial->yara_count == 0)
		return "it has no file that ends in .rules or .yar";
	add(&check, "concert");
	add(&check, "rules");
	add(&check, "check");
	add_config(&check, trial);
	add_rules(&check, trial);
	if (run_self(&check) != 0)
		return "concert rules check refuses them";
	for (size_t i = 0; i < trial->captures; i++) {
		trial->capture[i].wrong = try_capture(trial, &trial->capture[i], folder);
		first = first != NULL ? first : trial->capture[i].wrong;
	}
	cmd_remove_tree(folder);
	return first;
}
