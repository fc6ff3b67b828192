// The rules of RFC 9293, one script each: segments in, segments out. tests/lan/tcp_scripts.txt says how a script is written.
// SPDX-License-Identifier: MIT

#include "tcp.hpp"

#include <map>
#include <sstream>

namespace {

constexpr const char* scripts =
#include "tcp_scripts.txt"
    ;

struct script {
    std::string name;
    std::vector<std::string> lines;
};

std::vector<script> all_scripts() {
    std::vector<script> found;
    std::istringstream text{scripts};
    for (std::string line; std::getline(text, line);) {
        if (line.empty() || line[0] == '#') continue;
        if (line.starts_with("== "))
            found.push_back({line.substr(3), {}});
        else
            found.back().lines.push_back(line);
    }
    return found;
}

tcp_flags flags_of(std::string_view letters) {
    static constexpr std::string_view names = "FSRPAUEC";  // bit 0 is FIN
    unsigned bits = 0;
    for (const char letter : letters)
        if (letter != '-') bits |= 1u << names.find(letter);
    return tcp_flags{static_cast<std::uint8_t>(bits)};
}
std::string letters_of(tcp_flags flags) {
    std::string letters;
    for (const auto& [flag, letter] :
         {std::pair{tcp_flag::urg, 'U'}, std::pair{tcp_flag::fin, 'F'}, std::pair{tcp_flag::syn, 'S'},
          std::pair{tcp_flag::rst, 'R'}, std::pair{tcp_flag::psh, 'P'}, std::pair{tcp_flag::ack, 'A'}})
        if (flags.has(flag)) letters += letter;
    return letters;
}

/// Runs a script on a machine. The peer is the script itself.
class player {
  public:
    // Both numbers pass zero within the first bytes of some script.
    static constexpr sequence ours{0xffff'ffb0}, peers{0xffff'ffe0};

    void play(const std::string& line) {
        words_ = std::istringstream{line};
        const std::string verb = word();
        if (verb == "kernel" || verb == "because" || verb == "only") return;
        if (verb == "ours") return play(line.substr(5));
        if (verb == "set") return set(word());
        if (verb == "opened") return play_all({"listen", "in S 0 mss 1460", "out SA 0 ack 1", "in A 1 ack 1", "none"});
        if (verb == "connected") return play_all({"connect", "out S 0", "in SA 0 ack 1 mss 1460", "out A 1 ack 1"});
        auto& tcp = machine();
        if (verb == "listen") {
            tcp.listen(ours);
        } else if (verb == "connect") {
            tcp.connect(ours, now_);
        } else if (verb == "closed") {
            CHECK(tcp.state() == tcp_state::closed);
        } else if (verb == "send" || verb == "urgent") {
            const auto bytes = stream_bytes(sent_, number());
            sent_ += verb == "send" ? tcp.send(bytes) : tcp.send_urgent(bytes);
        } else if (verb == "read") {
            read(number());
        } else if (verb == "shutdown") {
            tcp.shutdown();
        } else if (verb == "close") {
            tcp.close(now_);
        } else if (verb == "abort") {
            tcp.abort();
        } else if (verb == "in") {
            in();
        } else if (verb == "out") {
            out(take());
        } else if (verb == "none") {
            CHECK(text_of(take()) == "nothing");
        } else if (verb == "later") {
            const auto until = now_ + seconds();
            REQUIRE(tcp.deadline() <= until);
            now_ = tcp.deadline();
            tcp.expired(now_);
        } else if (verb == "wait") {
            const auto until = now_ + seconds();
            while (tcp.deadline() <= until) {
                now_ = tcp.deadline();
                tcp.expired(now_);
                CHECK(text_of(take()) == "nothing");
            }
            now_ = until;
        } else if (verb == "state") {
            CHECK(net::to_string(tcp.state()) == word());
        } else if (verb == "readable") {
            CHECK(tcp.readable().size() == number());
            check_bytes();
        } else if (verb == "eof") {
            CHECK(tcp.has_peer_finished());
            CHECK(tcp.readable().empty());
        } else if (verb == "failure") {
            const std::map<std::string, std::errc> errors{{"refused", std::errc::connection_refused},
                                                          {"reset", std::errc::connection_reset},
                                                          {"timeout", std::errc::timed_out}};
            CHECK(tcp.failure() == errors.at(word()));
            CHECK(tcp.state() == tcp_state::closed);
        } else if (verb == "alive") {
            CHECK(tcp.state() == tcp_state::established);
        } else {
            FAIL("no such verb: " << verb);
        }
    }
    /// A script says everything that leaves.
    void finish() { CHECK(text_of(take()) == "nothing"); }

  private:
    void play_all(const std::vector<std::string>& lines) {
        for (const auto& line : lines) play(line);
    }
    std::string word() {
        std::string found;
        words_ >> found;
        return found;
    }
    std::uint64_t number() { return std::stoull(word()); }
    nanoseconds seconds() { return nanoseconds{static_cast<std::int64_t>(std::stod(word()) * 1e9)}; }

    void set(const std::string& name) {
        const std::string value = word();
        if (name == "nagle") settings_.nagle = value == "on";
        if (name == "buffer") settings_.receive_buffer = std::stoul(value);
        if (name == "msl") settings_.maximum_segment_lifetime = std::chrono::seconds{std::stoi(value)};
        if (name == "retries") settings_.max_retransmissions = static_cast<unsigned>(std::stoi(value));
        if (name == "idle") settings_.keep_alive_idle = std::chrono::seconds{std::stoi(value)};
        if (name == "interval") settings_.keep_alive_interval = std::chrono::seconds{std::stoi(value)};
        if (name == "count") settings_.keep_alive_count = static_cast<unsigned>(std::stoi(value));
        if (name == "delayed") settings_.delayed_acknowledgment = nanoseconds{static_cast<int>(std::stod(value) * 1e9)};
        if (name == "finwait") settings_.fin_wait_2_timeout = std::chrono::seconds{std::stoi(value)};
        if (name == "initial") settings_.initial_window = static_cast<unsigned>(std::stoi(value));
    }
    lan::tcp_machine& machine() {
        if (!machine_) machine_.emplace(settings_, std::uint16_t{80}, std::uint16_t{40000});
        return *machine_;
    }
    void in() {
        packet::tcp header{.source_port = 40000, .destination_port = 80};
        header.flags = flags_of(word());
        header.sequence_number = peers + static_cast<std::uint32_t>(std::stoll(word()));
        std::size_t size = 0;
        for (std::string key = word(); !key.empty(); key = word()) {
            const std::string value = word();
            if (key == "ack") header.acknowledgment_number = ours + static_cast<std::uint32_t>(std::stoll(value));
            if (key == "len") size = std::stoul(value);
            if (key == "win") header.window = static_cast<std::uint16_t>(std::stoi(value));
            if (key == "mss") header.options.maximum_segment_size(static_cast<std::uint16_t>(std::stoi(value)));
            if (key == "wscale")
                header.options.no_operation().window_scale(static_cast<std::uint8_t>(std::stoi(value)));
            if (key == "urg") header.urgent_pointer = static_cast<std::uint16_t>(std::stoi(value));
            if (key == "res") header.reserved = static_cast<std::uint8_t>(std::stoi(value));
            if (key == "opt")
                for (std::size_t i = 0; i < value.size(); i += 2)
                    header.options.append(static_cast<std::uint8_t>(std::stoi(value.substr(i, 2), nullptr, 16)));
        }
        if (header.flags.ack() == false) header.acknowledgment_number = sequence{0x5555'5555};  // nobody may look at it
        const auto at = static_cast<std::uint32_t>(header.sequence_number - (peers + 1));
        const auto bytes = bytes_of(header, stream_bytes(at, size));
        machine().receive(view_of(bytes), now_);
    }
    /// Returns the next segment as bytes, because the machine's own are gone after the next call.
    std::optional<std::vector<std::byte>> take() {
        const auto segment = machine().next(now_);
        if (!segment) return std::nullopt;
        return bytes_of(segment->header, segment->payload);
    }
    std::string text_of(const std::optional<std::vector<std::byte>>& bytes) {
        if (!bytes) return "nothing";
        const auto segment = view_of(*bytes);
        // A RST without ACK from a closed port has the number that was acknowledged: relative as all others.
        const auto number = static_cast<std::int32_t>(segment.sequence_number() - origin(segment));
        std::string text = letters_of(segment.flags()) + " " + std::to_string(number);
        if (segment.flags().ack()) text += " ack " + std::to_string(segment.acknowledgment_number() - peers);
        if (!segment.payload().empty()) text += " len " + std::to_string(segment.payload().size());
        return text;
    }
    // A closed port has no number of its own: its RST with ACK has the number 0.
    sequence origin(const packet::tcp_view& segment) const {
        return segment.flags() == (tcp_flag::rst | tcp_flag::ack) && segment.sequence_number() == sequence{0}
                   ? sequence{0}
                   : ours;
    }
    void out(const std::optional<std::vector<std::byte>>& found) {
        std::string expected = word();
        expected += " " + word();
        std::map<std::string, std::string> more;
        for (std::string key = word(); !key.empty(); key = word()) {
            const std::string value = word();
            if (key == "ack" || key == "len")
                expected += " " + key + " " + value;
            else
                more[key] = value;
        }
        REQUIRE(text_of(found) == expected);
        const auto segment = view_of(*found);
        if (!segment.payload().empty()) {
            const auto at = static_cast<std::uint32_t>(segment.sequence_number() - (ours + 1));
            CHECK(std::vector<std::byte>(segment.payload().begin(), segment.payload().end()) ==
                  stream_bytes(at, segment.payload().size()));
        }
        for (const auto& [key, value] : more) {
            if (key == "win") CHECK(segment.window() == std::stoi(value));
            if (key == "mss") CHECK(segment.maximum_segment_size() == static_cast<std::uint16_t>(std::stoi(value)));
            if (key == "wscale") CHECK(segment.window_scale().has_value() == (value != "none"));
            if (key == "urg") CHECK(segment.urgent_pointer() == std::stoi(value));
        }
    }
    void check_bytes() {
        const auto bytes = machine().readable();
        CHECK(std::vector<std::byte>(bytes.begin(), bytes.end()) == stream_bytes(read_, bytes.size()));
    }
    void read(std::size_t count) {
        check_bytes();
        machine().consume(count);
        read_ += count;
    }

    // As lan_kernel.py sets the kernel.
    lan::tcp_settings settings_{.delayed_acknowledgment = 0s, .min_timeout = 200ms, .initial_window = 10};
    std::optional<lan::tcp_machine> machine_;
    std::istringstream words_;
    nanoseconds now_ = 5s;
    std::uint64_t sent_ = 0, read_ = 0;
};

}  // namespace

TEST_CASE("scripts: what RFC 9293 says, rule by rule") {
    const auto scripts_found = all_scripts();
    CHECK(scripts_found.size() >= 150);
    for (const auto& each : scripts_found) {
        DYNAMIC_SECTION(each.name) {
            player on_machine;
            for (const auto& line : each.lines) {
                INFO(line);
                on_machine.play(line);
            }
            on_machine.finish();
        }
    }
}
