// The net of lan_frames.cpp in ns-3, for lan.py. Like lan_frames.cpp, but the first word says which links: csma or p2p.
// SPDX-License-Identifier: MIT
//
// csma is Ethernet with ARP, as in lan.hpp. p2p is simpler than what lan.hpp does: PPP without addresses, and no ARP. No log, no
// trace, no capture; checksums are off, as ns-3 has them by default.

#include <array>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <string>
#include <string_view>

#include <ns3/applications-module.h>
#include <ns3/core-module.h>
#include <ns3/csma-module.h>
#include <ns3/internet-module.h>
#include <ns3/network-module.h>
#include <ns3/point-to-point-module.h>

namespace {

std::uint64_t frames = 0;
void count_frame(ns3::Ptr<const ns3::Packet>) { ++frames; }

double processor_time() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return std::cerr << "usage: ns3_frames csma|p2p EXCHANGES [count]\n", 2;
    const bool is_csma = std::string_view{argv[1]} == "csma";
    const auto exchanges = static_cast<std::uint32_t>(std::stoul(argv[2]));
    const bool counts = argc > 3;

    ns3::NodeContainer nodes;
    nodes.Create(4);  // A, R1, R2, B
    ns3::InternetStackHelper{}.Install(nodes);
    ns3::CsmaHelper csma;
    csma.SetChannelAttribute("Delay", ns3::TimeValue(ns3::MicroSeconds(10)));
    csma.SetChannelAttribute("DataRate", ns3::StringValue("1Gbps"));
    ns3::PointToPointHelper p2p;
    p2p.SetChannelAttribute("Delay", ns3::TimeValue(ns3::MicroSeconds(10)));
    p2p.SetDeviceAttribute("DataRate", ns3::StringValue("1Gbps"));

    ns3::Ipv4Address last;
    std::array<ns3::Ipv4InterfaceContainer, 3> links;
    for (unsigned i = 0; i < 3; ++i) {
        const ns3::NodeContainer ends{nodes.Get(i), nodes.Get(i + 1)};
        const ns3::NetDeviceContainer devices = is_csma ? csma.Install(ends) : p2p.Install(ends);
        if (counts)
            for (unsigned end = 0; end < 2; ++end)
                devices.Get(end)->TraceConnectWithoutContext("PhyTxBegin", ns3::MakeCallback(&count_frame));
        ns3::Ipv4AddressHelper addresses;
        addresses.SetBase(("10.0." + std::to_string(i + 1) + ".0").c_str(), "255.255.255.0");
        links[i] = addresses.Assign(devices);
    }
    ns3::Ipv4StaticRoutingHelper routing;
    const auto table = [&](unsigned node) { return routing.GetStaticRouting(nodes.Get(node)->GetObject<ns3::Ipv4>()); };
    table(0)->SetDefaultRoute("10.0.1.2", 1);
    table(1)->AddNetworkRouteTo("10.0.3.0", "255.255.255.0", "10.0.2.2", 2);
    table(2)->AddNetworkRouteTo("10.0.1.0", "255.255.255.0", "10.0.2.1", 1);
    table(3)->SetDefaultRoute("10.0.3.1", 1);

    ns3::UdpEchoServerHelper server{7};
    server.Install(nodes.Get(3)).Start(ns3::Seconds(0));
    ns3::UdpEchoClientHelper client{links[2].GetAddress(1), 7};
    client.SetAttribute("MaxPackets", ns3::UintegerValue(exchanges));
    client.SetAttribute("Interval", ns3::TimeValue(ns3::MilliSeconds(1)));
    client.SetAttribute("PacketSize", ns3::UintegerValue(64));
    client.Install(nodes.Get(0)).Start(ns3::Seconds(1));

    const double before = processor_time();
    ns3::Simulator::Run();
    std::cout << frames << ' ' << processor_time() - before << '\n';
    ns3::Simulator::Destroy();
}
