/* The limit that the bench compares with: libpcap alone reads a file and touches each packet's first byte. */
#include <pcap/pcap.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *data;
	unsigned long long packets = 0, bytes = 0, sum = 0;
	pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], why) : NULL;
	int rc;

	if (pcap == NULL) {
		fprintf(stderr, "pcap_read: %s\n", argc == 2 ? why : "usage: pcap_read FILE");
		return 2;
	}
	while ((rc = pcap_next_ex(pcap, &head, &data)) == 1) {
		packets++;
		bytes += head->caplen;
		sum += head->caplen > 0 ? data[0] : 0;
	}
	printf("%llu packets, %llu bytes, sum %llu\n", packets, bytes, sum);
	pcap_close(pcap);
	return rc == PCAP_ERROR_BREAK ? 0 : 1;
}
