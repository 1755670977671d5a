/*
 * A BPF filter for frames of files, compiled by libpcap for each link type when a frame of it first comes.  One thread.
 */
#include "capture/inside.h"

#include <pcap/pcap.h>
#include <stdlib.h>

#define PROGRAMS_MAX 16 /* link types of one run; others' frames are left out */
#define SNAPLEN 262144

struct program {
	uint16_t linktype;
	bool good;
	struct bpf_program code;
};

struct filter {
	char *text;
	struct program program[PROGRAMS_MAX];
	size_t count;
};

/* LINKTYPE_ values are the same everywhere; libpcap's DLT_ values differ by system in a few. */
static int
dlt_of(uint16_t linktype)
{
	switch (linktype) {
	case 100:
		return DLT_ATM_RFC1483;
	case 101:
		return DLT_RAW;
	default:
		return linktype;
	}
}

static bool
compile(struct program *program, const char *text, uint16_t linktype, char **ret_why)
{
	pcap_t *dead = pcap_open_dead(dlt_of(linktype), SNAPLEN);

	program->linktype = linktype;
	program->good = dead != NULL && pcap_compile(dead, &program->code, text, 1, PCAP_NETMASK_UNKNOWN) == 0;
	if (!program->good && ret_why != NULL &&
	    asprintf(ret_why, "capture.filter \"%s\": %s", text, dead != NULL ? pcap_geterr(dead) : "no memory") < 0)
		*ret_why = NULL;
	if (dead != NULL)
		pcap_close(dead);
	return program->good;
}

struct filter *
capture_filter_new(const char *text, char **ret_why)
{
	struct filter *filter = calloc(1, sizeof(*filter));

	if (filter == NULL)
		return NULL;
	filter->text = strdup(text);
	if (filter->text == NULL || !compile(&filter->program[0], text, DLT_EN10MB, ret_why)) {
		capture_filter_free(filter);
		return NULL;
	}
	filter->count = 1;
	return filter;
}

void
capture_filter_free(struct filter *filter)
{
	if (filter == NULL)
		return;
	for (size_t i = 0; i < filter->count; i++)
		if (filter->program[i].good)
			pcap_freecode(&filter->program[i].code);
	free(filter->text);
	free(filter);
}

bool
capture_filter_passes(struct filter *filter, const struct frame *frame)
{
	struct pcap_pkthdr header = {.caplen = frame->size, .len = frame->wire_size};
	struct program *program = filter->program, *end = program + filter->count;
	char *why = NULL;

	while (program < end && program->linktype != frame->linktype)
		program++;
	if (program == end) {
		if (filter->count == PROGRAMS_MAX)
			return false;
		filter->count++;
		if (!compile(program, filter->text, frame->linktype, &why))
			log_warning("%s: frames of link type %u are left out", why != NULL ? why : "capture.filter",
			    frame->linktype);
		free(why);
	}
	return program->good && pcap_offline_filter(&program->code, &header, frame->p) != 0;
}
