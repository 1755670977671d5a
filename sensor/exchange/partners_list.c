/*
 * The watch list from partners on its way to the workers: written by the courier, read by inspect as hostile input.  An
 * entry is kind:u8, then value, source and answer, each size:u16 and its bytes.  No state.
 */
#include <stdio.h>

#include "exchange/partners_own.h"

static void
put_text(struct buf *out, struct slice text)
{
	buf_add_u8(out, (uint8_t)(text.size >> 8));
	buf_add_u8(out, (uint8_t)text.size);
	buf_add_slice(out, text);
}

bool
list_put(struct buf *list, const struct entry *entry)
{
	char answer[ANSWER_MAX];
	size_t size = list->size;

	snprintf(answer, sizeof(answer), "%s %s", entry->source->id, entry->message);
	buf_add_u8(list, (uint8_t)entry->kind);
	put_text(list, slice_str(entry->value));
	put_text(list, slice_str(entry->source->id));
	put_text(list, slice_str(answer));
	if (!list->full)
		return true;
	list->size = size;
	list->full = false;
	return false;
}

static struct slice
take_text(struct cur *c)
{
	uint16_t size = cur_u16(c);

	return cur_take(c, size);
}

enum cc_status
partners_list_next(struct cur *list, struct partners_item *ret_item)
{
	struct cur c = *list;
	struct partners_item item;

	if (cur_left(&c) == 0)
		return CC_END;
	item.kind = cur_u8(&c);
	item.value = take_text(&c);
	item.source = take_text(&c);
	item.answer_to = take_text(&c);
	if (c.bad || item.kind >= CC_KIND_COUNT || item.value.size == 0 || item.value.size > VALUE_MAX ||
	    item.source.size >= ANSWER_MAX || item.answer_to.size >= ANSWER_MAX)
		return CC_BAD;
	*list = c;
	*ret_item = item;
	return CC_OK;
}
