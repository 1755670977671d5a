/*
 * What a function answers.
 *
 * Three kinds of trouble are kept apart: input that is wrong or not all here (CC_BAD, CC_MORE: data, counted, never
 * logged per packet), a world that fails (CC_NOMEM, CC_IO, CC_FULL: goes up, decided once), and our own mistakes
 * (assert).
 */
#ifndef CONCERT_STATUS_H
#define CONCERT_STATUS_H

enum cc_status {
	CC_OK,
	CC_MORE,   /* right so far, but not all here: come back with more */
	CC_BAD,    /* can't be right, whatever follows */
	CC_END,    /* nothing will follow */
	CC_FULL,   /* a stated limit is reached; the argument is still the caller's */
	CC_NOMEM,
	CC_IO,     /* errno or the message that goes with it says more */
	CC_ABSENT, /* what was asked for is not there */
	CC_DENIED, /* policy or permission says no */
};

/* A short English word for st, for messages; never NULL. */
const char *cc_status_text(enum cc_status st);

#endif
