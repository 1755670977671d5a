/*
 * Live interfaces by libpcap: the kernel's TPACKET_V3 ring, one for each worker, which share an interface's frames by
 * PACKET_FANOUT: the kernel hashes each flow's addresses and ports, the same both ways, after putting fragments
 * together. We wait in poll() ourselves: libpcap would wait for a frame without end.
 */
#include "capture/inside.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINK_PATIENCE NS_PER_S /* a link that is away for less is not worth a word */

struct live {
	pcap_t *pcap;
	int fd, wake;
	bool nano, lost;
	bool first;                 /* of the workers: it speaks, and counts, for the interface */
	bool down;                  /* the interface has no link, and that was told */
	uint64_t down_since;        /* monotonic; 0: it has one */
	uint32_t drops[2];          /* kernel, interface: as last read, to extend what wraps at 32 bits */
	uint16_t linktype;
	struct capture *capture;    /* in a dispatch: for the callback */
	capture_fn *fn;
	void *ctx;
	unsigned handed;
};

void
capture_live_close(struct live *live)
{
	if (live == NULL)
		return;
	if (live->pcap != NULL)
		pcap_close(live->pcap);
	if (live->wake >= 0)
		close(live->wake);
	free(live);
}

static char *why_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *
why_text(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return text;
}

/* Who stamps the time; what the interface can't do falls back to the host, with a word. */
static void
set_timestamps(struct live *live, const struct conf *conf, const char *interface)
{
	static const int types[] = {PCAP_TSTAMP_HOST, PCAP_TSTAMP_ADAPTER, PCAP_TSTAMP_ADAPTER_UNSYNCED};
	unsigned which = (unsigned)conf->capture_timestamps;

	if (which > 0 && which < sizeof(types) / sizeof(types[0]) && pcap_set_tstamp_type(live->pcap,
	    types[which]) != 0)
		log_warning("%s: no %s time stamps; the host's clock is used", interface,
		    pcap_tstamp_type_val_to_name(types[which]));
	live->nano = pcap_set_tstamp_precision(live->pcap, PCAP_TSTAMP_PRECISION_NANO) == 0;
}

static uint32_t
snaplen_of(const struct conf *conf)
{
	return conf->capture_snaplen == 0 || conf->capture_snaplen > 262144 ? 262144 : (uint32_t)conf->capture_snaplen;
}

static enum cc_status
activate(struct live *live, const struct conf *conf, const char *interface, char **ret_why)
{
	char problem[PCAP_ERRBUF_SIZE] = "";
	uint64_t ring = conf->capture_ring;
	int result;

	live->pcap = pcap_create(interface, problem);
	if (live->pcap == NULL) {
		*ret_why = why_text("%s: %s", interface, problem);
		return CC_IO;
	}
	pcap_set_snaplen(live->pcap, (int)snaplen_of(conf));
	pcap_set_promisc(live->pcap, conf->capture_promiscuous);
	pcap_set_timeout(live->pcap, (int)(conf->capture_block / NS_PER_MS > 0 ? conf->capture_block / NS_PER_MS : 1));
	pcap_set_immediate_mode(live->pcap, 0);
	pcap_set_buffer_size(live->pcap, ring > INT32_MAX ? INT32_MAX : (int)ring);
	set_timestamps(live, conf, interface);
	result = pcap_activate(live->pcap);
	if (result < 0) {
		const char *what = pcap_statustostr(result), *more = pcap_geterr(live->pcap);

		if (strcmp(what, more) == 0)
			more = "";
		*ret_why = why_text("%s: %s%s%s%s", interface, what, more[0] != '\0' ? ": " : "", more,
		    result == PCAP_ERROR_PERM_DENIED ? " (start as root, or with CAP_NET_RAW)" : "");
		return CC_IO;
	}
	if (result > 0)
		log_warning("%s: %s %s", interface, pcap_statustostr(result), pcap_geterr(live->pcap));
	if (pcap_setnonblock(live->pcap, 1, problem) != 0) {
		*ret_why = why_text("%s: %s", interface, problem);
		return CC_IO;
	}
	live->fd = pcap_get_selectable_fd(live->pcap);
	live->nano = live->nano && pcap_get_tstamp_precision(live->pcap) == PCAP_TSTAMP_PRECISION_NANO;
	return CC_OK;
}

static enum cc_status
set_filter(struct live *live, const struct conf *conf, const char *interface, char **ret_why)
{
	struct bpf_program code;

	if (conf->capture_filter == NULL || conf->capture_filter[0] == '\0')
		return CC_OK;
	if (pcap_compile(live->pcap, &code, conf->capture_filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		*ret_why = why_text("capture.filter \"%s\": %s", conf->capture_filter, pcap_geterr(live->pcap));
		return CC_IO;
	}
	if (pcap_setfilter(live->pcap, &code) != 0) {
		*ret_why = why_text("%s: capture.filter: %s", interface, pcap_geterr(live->pcap));
		pcap_freecode(&code);
		return CC_IO;
	}
	pcap_freecode(&code);
	return CC_OK;
}

/* All workers of this process on one interface make one group. */
static enum cc_status
join_fanout(struct live *live, const char *interface, char **ret_why)
{
	unsigned group = ((unsigned)getpid() * 31 + if_nametoindex(interface)) & 0xffff;
	int value = (int)(group | (unsigned)(PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG) << 16);

	if (setsockopt(pcap_fileno(live->pcap), SOL_PACKET, PACKET_FANOUT, &value, sizeof(value)) == 0)
		return CC_OK;
	*ret_why =
	    why_text("%s: the workers can't share the interface (PACKET_FANOUT): %s", interface, strerror(errno));
	return CC_IO;
}

static uint16_t
linktype_of(int dlt)
{
	switch (dlt) {
	case DLT_RAW:
		return 101;
	case DLT_ATM_RFC1483:
		return 100;
	default:
		return (uint16_t)dlt;
	}
}

static enum cc_status
open_live(struct capture *capture, const char *interface, unsigned worker, unsigned workers, char **ret_why)
{
	struct live *live = calloc(1, sizeof(*live));
	struct interface *entry;
	enum cc_status st;

	if (live == NULL)
		return CC_NOMEM;
	capture->live = live;
	live->fd = -1;
	live->first = worker == 0;
	live->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (live->wake < 0) {
		*ret_why = why_text("%s: eventfd: %s", interface, strerror(errno));
		return CC_IO;
	}
	st = activate(live, capture->conf, interface, ret_why);
	if (st == CC_OK)
		st = set_filter(live, capture->conf, interface, ret_why);
	if (st == CC_OK && workers > 1)
		st = join_fanout(live, interface, ret_why);
	if (st != CC_OK)
		return st;
	live->linktype = linktype_of(pcap_datalink(live->pcap));
	entry = capture_add_interface(capture, interface, strlen(interface));
	if (entry == NULL)
		return CC_NOMEM;
	entry->linktype = live->linktype;
	entry->snaplen = snaplen_of(capture->conf);
	return CC_OK;
}

enum cc_status
capture_open_live(const struct conf *conf, const char *interface, unsigned worker, unsigned workers,
    struct capture **ret_capture, char **ret_why)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	enum cc_status st;

	*ret_why = NULL;
	if (capture == NULL)
		return CC_NOMEM;
	capture->conf = conf;
	capture->stream.fd = -1;
	st = open_live(capture, interface, worker, workers, ret_why);
	if (st == CC_OK && conf->capture_duplicates > 0 &&
	    (capture->same = capture_same_new(conf->capture_duplicates)) == NULL)
		st = CC_NOMEM;
	if (st != CC_OK) {
		capture_close(capture);
		if (*ret_why == NULL)
			*ret_why = strdup("no memory");
		return st;
	}
	*ret_capture = capture;
	return CC_OK;
}

static void
take(u_char *user, const struct pcap_pkthdr *header, const u_char *p)
{
	struct live *live = (struct live *)user;
	struct frame frame = {.p = p, .size = header->caplen,
	    .wire_size = header->len > header->caplen ? header->len : header->caplen,
	    .time = (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec * (live->nano ? 1 :
	    NS_PER_US),
	    .linktype = live->linktype};

	live->handed += capture_hand_on(live->capture, &frame, live->fn, live->ctx);
}

/* The interface is not what it was. */
static enum cc_status
lose(struct capture *capture, const char *reason)
{
	if (!capture->live->lost)
		log_error("%s: %s", capture_interface(capture, 0), reason);
	capture->live->lost = true;
	return CC_IO;
}

static enum cc_status
wait_for_frames(struct capture *capture)
{
	struct live *live = capture->live;
	struct pollfd poll_fds[2] = {{.fd = live->fd, .events = POLLIN}, {.fd = live->wake, .events = POLLIN}};
	int result = poll(poll_fds, 2, (int)(capture->conf->capture_poll / NS_PER_MS));
	uint64_t value;

	if (result <= 0)
		return CC_MORE;
	if (poll_fds[1].revents != 0)
		(void)!read(live->wake, &value, sizeof(value));
	if ((poll_fds[0].revents & (POLLHUP | POLLNVAL)) != 0)
		return lose(capture, "the interface disappeared");
	/* An error is for libpcap to fetch: it knows an interface that is down, and may come again, from one that is
	 * gone. */
	return (poll_fds[0].revents & (POLLIN | POLLERR)) != 0 ? CC_OK : CC_MORE;
}

static enum cc_status
drain(struct capture *capture, unsigned max)
{
	struct live *live = capture->live;
	int result = pcap_dispatch(live->pcap, max > INT32_MAX ? INT32_MAX : (int)max, take, (u_char *)live);

	if (result == PCAP_ERROR)
		return lose(capture, pcap_geterr(live->pcap));
	return result > 0 ? CC_OK : CC_MORE;
}

enum cc_status
capture_live_dispatch(struct capture *capture, unsigned max, capture_fn *fn, void *ctx)
{
	struct live *live = capture->live;
	enum cc_status st;

	if (live->lost)
		return CC_IO;
	live->capture = capture;
	live->fn = fn;
	live->ctx = ctx;
	live->handed = 0;
	st = drain(capture, max);
	if (st == CC_MORE && !capture->no_wait && !atomic_load(&capture->stop)) {
		st = wait_for_frames(capture);
		if (st == CC_OK)
			st = drain(capture, max);
	}
	atomic_store(&capture->stop, false);
	return st == CC_OK && live->handed == 0 ? CC_MORE : st;
}

void
capture_live_break(struct live *live)
{
	uint64_t one = 1;

	(void)!write(live->wake, &one, sizeof(one)); /* full means that it wakes anyway */
}

/* A mirror port whose cable was pulled out looks like a quiet one: so it is told when the link goes, and when it comes.
 */
static void
note_link(struct capture *capture)
{
	struct live *live = capture->live;
	const char *name = capture_interface(capture, 0);
	struct ifreq request = {0};
	uint64_t now;
	bool down;

	if (strlen(name) >= sizeof(request.ifr_name))
		return;
	memcpy(request.ifr_name, name, strlen(name));
	if (ioctl(pcap_fileno(live->pcap), SIOCGIFFLAGS, &request) != 0)
		return;
	down = (request.ifr_flags & IFF_UP) == 0 || (request.ifr_flags & IFF_RUNNING) == 0;
	if (!down) {
		if (live->down)
			log_notice("%s: the interface is up again", name);
		live->down = false;
		live->down_since = 0;
		return;
	}
	now = time_monotonic();
	if (live->down_since == 0)
		live->down_since = now;
	if (!live->down && now - live->down_since >= LINK_PATIENCE) {
		log_warning("%s: %s: nothing is seen until it comes again", name,
		    (request.ifr_flags & IFF_UP) == 0 ? "the interface is down" : "the interface has no link");
		live->down = true;
	}
}

/*
 * The kernel's numbers have 32 bits: what wrapped since they were last read is the difference in 32 bits.  What the
 * interface dropped is the same number for all of its workers: one of them counts it.
 */
void
capture_live_counts(struct capture *capture)
{
	struct live *live = capture->live;
	struct pcap_stat stat;

	if (live->first && !live->lost)
		note_link(capture);
	if (pcap_stats(live->pcap, &stat) != 0)
		return;
	count_add(&capture->counts[CAPTURE_KERNEL_DROPS], (uint32_t)(stat.ps_drop - live->drops[0]));
	if (live->first)
		count_add(&capture->counts[CAPTURE_INTERFACE_DROPS], (uint32_t)(stat.ps_ifdrop - live->drops[1]));
	live->drops[0] = stat.ps_drop;
	live->drops[1] = stat.ps_ifdrop;
}

int
capture_live_fd(const struct live *live)
{
	return live->fd;
}
