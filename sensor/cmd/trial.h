/*
 * Rules tried over captures: each that they are meant for must make one of them fire, each near miss none.  What
 * `concert rules test` says, and what a pack of a partner has to pass before it is installed.
 */
#ifndef CMD_TRIAL_H
#define CMD_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIAL_FILES 64
#define TRIAL_SIDS 64 /* of a capture, that are told */

struct trial_capture {
	const char *path;
	bool near;           /* a near miss: nothing may fire */
	bool ran;
	uint64_t alerts;
	uint64_t sid[TRIAL_SIDS]; /* those that fired, once each */
	size_t sids;
	const char *wrong;   /* NULL: as it should be */
};

struct trial {
	const char *conf_path; /* NULL: none; its own rules are left out */
	const char *rules[TRIAL_FILES], *yara[TRIAL_FILES];
	size_t rules_count, yara_count;
	struct trial_capture capture[TRIAL_FILES];
	size_t captures;
};

/*
 * By this program, in processes of their own; folder is made for them, and goes again.  NULL: all is as it should be;
 * else the first thing that is not, in words.
 */
const char *trial_run(struct trial *trial, const char *folder);

#endif
