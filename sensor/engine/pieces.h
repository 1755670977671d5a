/*
 * Evidence on its way to the disk: a thread of the courier's, so that no message waits for a file or a commit.  What is
 * given is copied; what is settled is in its file, or has failed.
 */
#ifndef ENGINE_PIECES_H
#define ENGINE_PIECES_H

#include "base/base.h"
#include "conf/conf.h"

struct pieces;

/* evidence.window 0: NULL with CC_OK, and all functions below take NULL. */
enum cc_status pieces_open(const struct conf *conf, const char *outdir, struct pieces **ret_pieces, char **ret_why);
/* All that was given is on disk, or has failed. */
void pieces_close(struct pieces *pieces);
/* Waits only while too many bytes of others are not on disk yet.  False: no memory. */
bool pieces_put(struct pieces *pieces, const uint8_t sha256[32], struct slice bytes, uint64_t time);
/* What a piece that was put before stands behind. */
bool pieces_note(struct pieces *pieces, const uint8_t sha256[32], struct slice indicator);
/* Puts and notes so far, and how many of them are settled: both only rise. */
uint64_t pieces_given(struct pieces *pieces);
uint64_t pieces_settled(struct pieces *pieces);
void pieces_flush(struct pieces *pieces); /* waits until all are settled */
bool pieces_failed(struct pieces *pieces); /* some could not be kept, and the log says why */

#endif
