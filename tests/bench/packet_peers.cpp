// Measures dissect() and the capture reader beside libtins and libpcap, in one run.
//
//     packet_peers [--smoke] [MEGABYTES]
//
// 1. In memory: 4,000 packets again and again. Goal: at most a tenth of libtins' time.
// 2. A pcap file of MEGABYTES (268): libpcap reads it and looks at nothing; netnotes reads it in pieces of 256 KiB and sums every header field.
//    Goal: half of libpcap's time. The file lies in the system's cache for both.
//
// Each figure is the processor's time, the best of several slices that alternate. The peers come from Debian's libtins-dev
// and libpcap-dev; without them this program is not built.

#include "packet_records.hpp"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <tins/tins.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <span>
#include <sstream>
#include <string_view>

namespace {

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

template <class Work>
double seconds_of(const Work& work) {
    const double start = processor_seconds();
    work();
    return processor_seconds() - start;
}

void by_tins(const std::byte* at, std::uint32_t size, totals& all) {
    const Tins::EthernetII frame(reinterpret_cast<const std::uint8_t*>(at), size);
    all.types += frame.payload_type();
    if (const auto* ip = frame.find_pdu<Tins::IP>()) {
        all.lifetimes += ip->ttl();
        all.identifications += ip->id();
        all.protocols += ip->protocol();
    } else if (const auto* ipv6 = frame.find_pdu<Tins::IPv6>()) {
        all.lifetimes += ipv6->hop_limit();
        all.protocols += ipv6->next_header();
    }
    if (const auto* tcp = frame.find_pdu<Tins::TCP>()) {
        all.ports += tcp->sport() + std::uint32_t{tcp->dport()};
        all.sequences += tcp->seq();
        all.acknowledgments += tcp->ack_seq();
        all.windows += tcp->window();
    } else if (const auto* udp = frame.find_pdu<Tins::UDP>()) {
        all.ports += udp->sport() + std::uint32_t{udp->dport()};
    }
}

bool in_memory(bool smoke) {
    const auto records = generate();
    totals ours, theirs;
    each_record(records, [&](const std::byte* at, std::uint32_t size) { by_netnotes<false>(at, size, ours); });
    each_record(records, [&](const std::byte* at, std::uint32_t size) { by_tins(at, size, theirs); });
    if (ours.types != theirs.types || ours.lifetimes != theirs.lifetimes || ours.ports != theirs.ports ||
        ours.sequences != theirs.sequences || ours.acknowledgments != theirs.acknowledgments ||
        ours.windows != theirs.windows || ours.identifications != theirs.identifications) {
        std::fprintf(stderr, "packet_peers: libtins reads other values\n");
        return false;
    }
    double our_best = 1e9, their_best = 1e9;
    const int rounds = smoke ? 5 : 50;
    for (int slice = 0; slice < (smoke ? 3 : 20); ++slice) {
        totals all;
        our_best = std::min(our_best, seconds_of([&] {
                                for (int i = 0; i < rounds; ++i)
                                    each_record(records, [&](const std::byte* at, std::uint32_t size) {
                                        by_netnotes<false>(at, size, all);
                                    });
                            }));
        their_best = std::min(
            their_best, seconds_of([&] {
                for (int i = 0; i < rounds; ++i)
                    each_record(records, [&](const std::byte* at, std::uint32_t size) { by_tins(at, size, all); });
            }));
        keep(&all);
    }
    const double each = 1e9 / rounds / packet_count;
    std::printf("in memory      netnotes %6.1f ns a packet, libtins %6.1f, %5.1f times\n", our_best * each,
                their_best * each, their_best / our_best);
    return smoke || their_best >= our_best * 10;
}

bool in_a_file(bool smoke, std::size_t megabytes) {
    char name[] = "/tmp/packet_peersXXXXXX";
    const int descriptor = mkstemp(name);
    if (descriptor == -1) return std::perror("mkstemp"), false;
    std::size_t packets = 0;
    {
        std::ostringstream out;
        packet::pcap_writer writer{out};
        const auto records = generate();
        for (std::size_t size = 0; size < megabytes * 1'000'000; size += records.size())
            each_record(records, [&](const std::byte* at, std::uint32_t count) {
                writer.write(packet::capture_time{std::chrono::nanoseconds{++packets * 1000}}, {at, count});
            });
        // In pieces of a mebibyte, as cp(1) writes: a file that was written in small pieces costs more to map.
        for (std::string_view rest = out.view(); !rest.empty();) {
            const auto written = write(descriptor, rest.data(), std::min<std::size_t>(rest.size(), 1 << 20));
            if (written <= 0) return std::perror("write"), false;
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    double our_best = 1e9, their_best = 1e9;
    bool agree = true;
    for (int slice = 0; slice < (smoke ? 1 : 5); ++slice) {
        std::size_t counted = 0;
        their_best = std::min(their_best, seconds_of([&] {
                                  char error[PCAP_ERRBUF_SIZE];
                                  pcap_t* const file = pcap_open_offline(name, error);
                                  if (file == nullptr) return;
                                  pcap_pkthdr* header = nullptr;
                                  const u_char* data = nullptr;
                                  while (pcap_next_ex(file, &header, &data) == 1) ++counted;
                                  pcap_close(file);
                              }));
        agree = agree && counted == packets;
        counted = 0;
        totals all;
        our_best = std::min(our_best, seconds_of([&] {
                                if (lseek(descriptor, 0, SEEK_SET) != 0) return;
                                std::vector<std::byte> buffer(256 << 10);
                                packet::capture_reader reader;
                                for (ssize_t size; (size = read(descriptor, buffer.data(), buffer.size())) > 0;) {
                                    reader.add(std::span{buffer}.first(static_cast<std::size_t>(size)));
                                    for (const packet::capture_record& record : reader) {
                                        by_netnotes<false>(record.bytes.data(),
                                                           static_cast<std::uint32_t>(record.bytes.size()), all);
                                        ++counted;
                                    }
                                }
                                reader.finish();
                                if (reader.failure()) counted = 0;
                            }));
        keep(&all);
        agree = agree && counted == packets;
    }
    unlink(name);
    close(descriptor);
    if (!agree) return std::fprintf(stderr, "packet_peers: not as many packets\n"), false;
    const double each = 1e9 / static_cast<double>(packets);
    std::printf("file of %zu MB netnotes %6.1f ns a packet, libpcap %6.1f (reading only), %5.2f times\n", megabytes,
                our_best * each, their_best * each, their_best / our_best);
    return smoke || their_best >= our_best * 2;
}

}  // namespace

int main(int argc, char** argv) {
    bool smoke = false;
    std::size_t megabytes = 268;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--smoke") == 0)
            smoke = true, megabytes = 4;
        else
            megabytes = static_cast<std::size_t>(std::max(std::atoi(argv[i]), 0));
    }
    if (megabytes == 0) return std::fprintf(stderr, "usage: packet_peers [--smoke] [MEGABYTES]\n"), 2;
    const bool memory = in_memory(smoke);
    return in_a_file(smoke, megabytes) && memory ? 0 : 1;
}
