/* What mime.c and mime_head.c share: the state of a message on its way.  Nobody else includes it. */
#ifndef SMTP_MIME_OWN_H
#define SMTP_MIME_OWN_H

#include "app/smtp/mime.h"

#define MIME_FIELD_ROOM 8192   /* of one header, unfolded */
#define MIME_LINE_ROOM 4096    /* of one line among the headers */
#define MIME_MARK_MAX 200      /* a boundary that is believed */
#define MIME_MARKS_ROOM 4096   /* of all boundaries that are open */
#define MIME_HOLD_ROOM 320     /* a line that may be a boundary's */
#define MIME_TYPE_MAX 96

enum mime_state {
	MIME_HEAD,
	MIME_BODY,     /* of a leaf */
	MIME_BETWEEN,  /* a multipart's preamble and epilogue, or what is passed over */
};

/* A multipart that is open. */
struct mime_level {
	uint16_t at, size;     /* of its boundary in marks */
	uint16_t messages;     /* how many messages lay in each other there */
};

/* What the headers of the part at hand said. */
struct mime_head {
	uint8_t type_size, encoding;
	bool multipart, message, attachment, has_type, digest;
	char type[MIME_TYPE_MAX];
	uint16_t mark_size, name_size;
	uint8_t mark[MIME_MARK_MAX + 1];
	uint8_t name[MIME_NAME_MAX + 1];
	bool name_disposition; /* that name is Content-Disposition's, which goes before */
};

struct mime {
	const struct mime_sink *sink;
	void *user;
	struct mime_limits limits;
	uint8_t state;         /* enum mime_state */
	bool bol;              /* at the beginning of a line */
	bool part_open;        /* the sink has a part */
	bool any_header;
	bool field_cut;        /* the header at hand did not fit */
	bool inner;            /* the headers are not the message's own */
	uint16_t depth, messages;
	uint32_t odd;          /* kinds that were told */
	uint64_t parts, head_size;
	uint32_t line_size;    /* of the body's line at hand */
	uint8_t eol_size, eol[2]; /* the line's end before, kept until no boundary follows */
	uint16_t marks_size, hold_size, field_size, row_size;
	struct mime_code code;
	struct mime_head head;
	struct mime_level level[MIME_DEPTH_MAX];
	uint8_t marks[MIME_MARKS_ROOM];
	uint8_t hold[MIME_HOLD_ROOM];
	uint8_t row[MIME_LINE_ROOM];     /* a line of the headers */
	uint8_t field[MIME_FIELD_ROOM];  /* a header */
};

void mime_tell(struct cc_ctx *ctx, struct mime *mime, enum mime_odd odd);
/* mime_head.c: the header in mime->field is complete. */
void mime_field(struct cc_ctx *ctx, struct mime *mime);

#endif
