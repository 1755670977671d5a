/*
 * The language as this sensor has it, as Markdown: keywords, the buffers, numbers, frames and events of each parser.
 * All of it comes from the tables that the loader reads.
 */
#include "detect/kw/kw.h"

static void
keywords_print(FILE *out)
{
	fputs("# Keywords\n\n", out);
	for (unsigned i = 0; i < keyword_count; i++) {
		const struct keyword *keyword = keyword_table[i];

		fprintf(
		    out, "- `%s%s`: %s.", keyword->name, (keyword->flags & KW_VALUE) != 0 ? ":…" : "", keyword->help);
		if (keyword->alias != NULL)
			fprintf(out, " Also `%s`.", keyword->alias);
		fputc('\n', out);
	}
}

static void
words_print(FILE *out, const struct cc_parser *parser, unsigned field)
{
	for (unsigned i = 0; i < parser->words_count; i++) {
		const struct cc_words *words = &parser->words[i];

		if (words->field != field)
			continue;
		fputs(words->as == CC_BITS ? " Bits:" : " Words:", out);
		for (unsigned k = 0; k < words->count; k++)
			fprintf(out, "%s %s", k > 0 ? "," : "", words->word[k].name);
		fputc('.', out);
	}
}

static void
fields_print(FILE *out, const struct cc_parser *parser)
{
	for (unsigned f = 0; f < parser->field_count; f++) {
		const struct cc_field *field = &parser->fields[f];
		unsigned sides = field->flags & (CC_REQUEST | CC_RESPONSE);

		if (field->buffer == NULL || field->type == CC_ROW)
			continue;
		fprintf(out, "- `%s%s` (%s%s): %s", field->buffer,
		    field->type == CC_UINT   ? ":NUMBER"
		    : field->type == CC_FLAG ? ":true"
					     : "",
		    sides == CC_REQUEST    ? "to the server"
		    : sides == CC_RESPONSE ? "to the client"
					   : "both ways",
		    (field->flags & CC_MULTI) != 0 ? ", several" : "", field->help != NULL ? field->help : "");
		words_print(out, parser, f);
		for (unsigned a = 0; a < parser->alias_count; a++) {
			if (strcmp(parser->aliases[a].buffer, field->buffer) == 0)
				fprintf(out, " Also `%s`.", parser->aliases[a].alias);
		}
		fputc('\n', out);
	}
}

static void
parser_print(FILE *out, const struct cc_parser *parser)
{
	fprintf(out, "\n# Protocol %s\n\n", parser->name);
	fields_print(out, parser);
	for (unsigned k = 0; k < parser->frame_count; k++)
		fprintf(out, "- `frame:%s.%s`: %s\n", parser->name, parser->frames[k].name, parser->frames[k].help);
	for (unsigned a = 0; a < parser->anomaly_count; a++)
		fprintf(out, "- `app-layer-event:%s.%s`: %s\n", parser->name, parser->anomalies[a].name,
		    parser->anomalies[a].help != NULL ? parser->anomalies[a].help : "");
}

void
detect_manual(FILE *out)
{
	keywords_print(out);
	fputs("\n# Events of packets and streams\n\n", out);
	for (unsigned i = 0; i < FLOW_EVENT_COUNT; i++)
		fprintf(out, "- `stream-event:%s`\n", flow_event_name[i]);
	for (unsigned i = 0; i < app_parser_count; i++)
		parser_print(out, app_parsers[i]);
}
