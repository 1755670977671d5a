/* engine's own: the socket by which concert ctl talks to the keeper, one word a connection, an answer in text. */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include "engine/shared.h"

struct control;
struct keeper;

struct control *control_open(const char *path); /* NULL: logged why */
int control_fd(const struct control *control);  /* -1 for NULL */
void control_serve(struct control *control, struct keeper *k);
void control_forget(struct control *control);   /* in a child: closes the descriptor only */
void control_close(struct control *control);

/* What the words do: keeper.c. */
void keeper_reload(struct keeper *k);
void keeper_drain(struct keeper *k);
const struct shared *keeper_shared(const struct keeper *k);

#endif
