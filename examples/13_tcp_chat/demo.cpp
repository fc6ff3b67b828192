// examples/13_tcp_chat/demo.cpp: a room in which any number of people talk at the same time
//
//        ann ──── "hello\n" ───>  ┌────────────────────┐  ──── "ann: hello\n" ───> bob
//        bob                      │ room: one thread,  │  ──── "ann: hello\n" ───> carl
//        dave (does not read)     │ a reactor_server   │
//                                 │ a queue for each   │  dave's queue is full: the room drops dave,
//                                 └────────────────────┘  and ann and bob do not notice
//
// server.cpp and client.cpp in this folder take turns, as the notes' programs do. Here no member waits for another. The
// room receives bytes from all members and sends each line to all others.
//
// A line ends with "\n"; a receive may bring any part of it. The room collects the bytes of a line for each member, up to
// a limit, because the end may never arrive.
//
// The notes:     tcp 模拟qq (a chat over TCP)
// Type:          demo                           a demonstration
//                demo serve --bind ::           a room for IPv6 and IPv4
//                demo connect localhost 6666    as often as you like; `nc localhost 6666` is a member, too
// You will see:  what demo.txt shows: names that the room accepts and refuses, lines in pieces, harmless control
//                characters, a member that resets, a member that sends too fast, and a member that does not read. Type
//                /who or /quit. Ctrl-C stops the room

#include <netnotes/server.hpp>

#include "../demo.hpp"

#include <algorithm>
#include <map>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_line = 500, longest_name = 20;  // bytes

/// The room: the reactor calls its functions. It finds a member by the number of the connection, which no later
/// connection has.
class room {
  public:
    bool quiet = false;
    double lines_a_second = 10;  ///< the limit for each member in the long run: a flood would drown slow readers
    double lines_at_once = 100;

    void on_open(net::connection& client) {
        person& guest = people_[client.id()];
        guest.client = &client;
        guest.allowance = lines_at_once;
        if (!quiet) say(client.peer().to_string(), "  connected");
        client.send("Your name?\n");
    }
    void operator()(net::connection& client, std::span<const std::byte> bytes) {
        person& speaker = people_.at(client.id());
        for (const char c : net::as_text(bytes)) {
            if (speaker.has_left) return;
            if (c == '\n')
                end_of_line(speaker);
            else if (speaker.line.size() <
                     longest_line + 2)  // room for a '\r', and for one byte that shows that the line is too long
                speaker.line += c;
        }
    }
    void on_end(net::connection& client) {
        person& speaker = people_.at(client.id());
        if (!speaker.line.empty()) end_of_line(speaker);  // the last line may lack its "\n"
        leave(speaker, "");
    }
    void on_close(net::connection& client, std::error_code why) {
        if (why == std::errc::operation_canceled) {  // a stop: all members leave, without a line about each
            people_.erase(client.id());
            return;
        }
        std::string reason = why ? ": " + why.message() : "";
        if (why == std::errc::no_buffer_space) reason = ": does not read";  // above max_queue
        leave(people_.at(client.id()), reason);
        people_.erase(client.id());
    }
    void on_accept_error(std::error_code why) const { std::cerr << "accept: " << why.message() << '\n'; }

  private:
    struct person {
        net::connection* client = nullptr;  ///< valid until on_close() has returned
        double allowance = 0;               ///< lines that the room takes from this member now
        net::time_point counted = net::clock::now();
        std::string name;  ///< empty until this member has entered the room
        std::string line;  ///< the beginning of the next line
        bool has_left = false;
    };

    void end_of_line(person& speaker) {
        std::string line = std::exchange(speaker.line, {});
        if (line.ends_with('\r')) line.pop_back();  // telnet ends a line with "\r\n"
        if (line.size() > longest_line)
            tell(speaker, "* Not sent: a line has 500 bytes at most.");
        else if (!may_speak(speaker))
            tell(speaker, "* Not sent: too many lines.");
        else if (speaker.name.empty())
            enter(speaker, line);
        else if (line == "/quit") {
            leave(speaker, "");
            tell(speaker, "* Goodbye.");
            speaker.client->close_after_sending();
        } else if (line == "/who")
            tell(speaker, "* Here: " + names());
        else if (line.starts_with('/'))
            tell(speaker, "* /who lists the members, /quit leaves.");
        else if (!line.empty())
            tell_others(speaker, speaker.name + ": " + net::visible(line));
    }
    void enter(person& guest, const std::string& name) {
        const bool good = !name.empty() && name.size() <= longest_name && net::visible(name) == name &&
                          name.find_first_of(" !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~") == std::string::npos;
        if (!good) return tell(guest, "* A name has 1 to 20 bytes, no space, and no sign except - and _ . Your name?");
        for (const auto& [id, other] : people_)
            if (other.name == name) return tell(guest, "* " + name + " is taken. Your name?");
        guest.name = name;
        if (!quiet) say(guest.client->peer().to_string(), "  is ", name);
        tell(guest, "* Welcome. Here: " + names());
        tell_others(guest, "* " + name + " has entered.");
    }
    void leave(person& leaver, const std::string& why) {
        if (std::exchange(leaver.has_left, true)) return;
        const std::string name = std::exchange(leaver.name, {});
        if (!quiet) say(name.empty() ? leaver.client->peer().to_string() : name, "  has left", why);
        if (!name.empty()) tell_others(leaver, "* " + name + " has left" + why + ".");
    }
    bool may_speak(person& speaker) const {
        const net::time_point now = net::clock::now();
        const std::chrono::duration<double> since = now - std::exchange(speaker.counted, now);
        speaker.allowance = std::min(speaker.allowance + since.count() * lines_a_second, lines_at_once);
        return speaker.allowance >= 1 && (speaker.allowance -= 1, true);
    }
    /// send() does not wait. The reactor queues the bytes that the kernel does not take. If the queue of a member grows
    /// beyond max_queue, the reactor drops that member after this event. So people_ does not change inside the loop below.
    void tell_others(const person& speaker, const std::string& line) {
        for (auto& [id, other] : people_)
            if (&other != &speaker && !other.name.empty()) tell(other, line);
    }
    static void tell(const person& listener, const std::string& line) { listener.client->send(line + '\n'); }
    std::string names() const {
        std::string all;
        for (const auto& [id, one] : people_)
            if (!one.name.empty()) all += (all.empty() ? "" : ", ") + one.name;
        return all;
    }

    std::map<std::uint64_t, person> people_;
};

constexpr net::reactor_options limits{
    .max_connections = 1000, .max_queue = 256 * 1024, .idle_timeout = 1h};  // members may be silent for long

void serve(const example::serve_options& options) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener{options.where};
    listener.set_option(net::option::no_delay{});
    const net::endpoint where = listener.local_endpoint();
    room talk;
    talk.quiet = options.quiet;
    net::reactor_server server{std::move(listener).into_socket(), std::move(talk), limits};
    example::announce(where);
    server.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// A room in the background.
class running_room {
  public:
    explicit running_room(net::tcp_listener listener, room talk)
        : where_{listener.local_endpoint()},
          server_{std::move(listener).into_socket(), std::move(talk), limits},
          thread_{stop_, [this] { server_.run(stop_); }} {}
    void stop() {
        stop_.request_stop();
        thread_.finish();
    }
    [[nodiscard]] const net::endpoint& where() const { return where_; }

  private:
    net::stop_event stop_;
    net::endpoint where_;
    net::reactor_server<room> server_;
    example::background thread_;
};

/// A member of the room, with a connection of its own.
class visitor {
  public:
    visitor(std::string name, net::tcp_stream stream, std::string_view introduced_as)
        : name_{std::move(name)}, stream_{std::move(stream)} {
        hear();  // "Your name?"
        says(introduced_as);
    }
    visitor(const std::string& name, const net::endpoint& room) : visitor{name, net::tcp_stream{room}, name} {}
    void says(std::string_view line) { stream_.send_all(std::string{line} + '\n'); }
    void sends(std::string_view bytes) { stream_.send_all(bytes); }
    /// Returns the next line, or "the end" at the end of the stream.
    std::string hear() {
        for (std::size_t end; (end = heard_.find('\n')) == std::string::npos;) {
            char buffer[4096];
            const std::size_t size = stream_.recv(buffer);
            if (size == 0) return "(the end)";
            heard_.append(buffer, size);
        }
        const std::string line = heard_.substr(0, heard_.find('\n'));
        heard_.erase(0, line.size() + 1);
        return line;
    }
    void hears() { say("  ", name_, " receives   ", hear()); }
    void resets() {
        stream_.set_option(net::option::linger{0s});
        stream_.close();
    }

  private:
    std::string name_;
    net::tcp_stream stream_;
    std::string heard_;
};

net::tcp_listener anywhere() { return net::tcp_listener{{net::ipv4_address::loopback(), 0}}; }

void a_conversation() {
    heading("tcp 模拟qq for more than two people, without turns");
    room talk;
    talk.quiet = true;
    net::ip_address other = net::ipv6_address::loopback();
    net::tcp_listener listener;
    try {
        net::tcp_listener{{other, 0}};
        listener = net::tcp_listener{{net::ipv6_address::any(), 0}};  // takes both families
    } catch (const std::system_error&) {                              // no IPv6 on this machine
        other = net::ipv4_address::loopback();
        listener = anywhere();
    }
    const std::uint16_t port = listener.local_endpoint().port();
    running_room here{std::move(listener), std::move(talk)};
    say("ann connects over IPv4, and bob over IPv6 if this machine has it. carl must choose another name:");
    visitor ann{"ann", {net::ipv4_address::loopback(), port}};
    ann.hears();
    visitor bob{"bob", {other, port}};
    bob.hears(), ann.hears();
    visitor carl{"carl", net::tcp_stream{{net::ipv4_address::loopback(), port}}, "bob"};
    carl.hears();
    carl.says("c a r l");
    carl.hears();
    carl.says("carl");
    carl.hears(), ann.hears(), bob.hears();
    say("ann sends two lines in a row:");
    ann.says("Good morning!");
    ann.says("你们好");
    for (visitor* one : {&bob, &carl}) one->hears(), one->hears();
    say("bob sends a line in three pieces. The last piece holds a second line:");
    for (const char* piece : {"a receive ", "is not ", "a message\nnor is a send\n"}) bob.sends(piece);
    ann.hears(), ann.hears();
    say("bob sends control characters, which the room makes visible. Then bob sends a line that is too long:");
    bob.says("ding \a and gone \x1b[2J, and \xfc\x80\x80\x80");  // no character of UTF-8 begins with FC
    ann.hears();
    bob.says(std::string(100'000, 'x'));
    bob.hears();
    bob.says("/who");
    bob.hears();
    say("bob leaves, and carl's connection is reset:");
    bob.says("/quit");
    bob.hears(), bob.hears(), ann.hears();
    carl.resets();
    ann.hears();
    say("The room stops:");
    here.stop();
    ann.hears();
}

void a_flood() {
    heading("A member that sends too fast");
    room talk;
    talk.quiet = true;
    talk.lines_at_once = 4;   // the name is the first line
    talk.lines_a_second = 0;  // so the demonstration is the same on a slow machine
    running_room here{anywhere(), talk};
    visitor ann{"ann", here.where()};
    ann.hear();
    visitor bob{"bob", here.where()};
    bob.hear(), ann.hear();
    for (int i = 1; i <= 5; ++i) bob.says("line " + std::to_string(i));
    ann.hears(), ann.hears(), ann.hears(), bob.hears(), bob.hears();
}

void a_slow_member() {
    heading("A member that does not read, and the log of the room");
    room talk;
    talk.lines_at_once = 1e9;
    net::tcp_listener listener = anywhere();
    listener.set_option(net::option::send_buffer{16 * 1024});  // otherwise the kernel would queue megabytes
    running_room here{std::move(listener), talk};
    visitor ann{"ann", here.where()};
    ann.hear();
    visitor bob{"bob", here.where()};
    bob.hear(), ann.hear();
    net::socket small{net::address_family::inet, net::socket_type::stream};
    small.set_option(net::option::receive_buffer{4 * 1024});
    small.connect(here.where());
    const visitor dave{"dave", net::tcp_stream{std::move(small)}, "dave"};
    bob.hears();
    say("ann sends line after line, and bob receives each. dave reads nothing:");
    const std::string line(400, 'z');
    std::string heard;
    for (std::size_t said = 0; said <= 1'000'000; said += line.size()) {
        ann.says(line);
        if ((heard = bob.hear()) != "ann: " + line) break;
    }
    say("  bob receives   ", heard);
    say("The room queued ", limits.max_queue / 1024, " KiB for dave and no more. The other members did not wait.");
    here.stop();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

A chat room for any number of people. Without an argument: a demonstration.

  serve            runs the room: it asks each client for a name, and sends each line to all other members
  --bind ADDRESS   the address to listen on: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --quiet          prints only the line `listening on ADDRESS:PORT`
  connect          sends what you type, and shows what the other members send; /quit or Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    example::roles roles;
    roles.serve = serve;
    roles.demonstrate = [] {
        a_conversation();
        a_flood();
        a_slow_member();
    };
    return example::run(argc, argv, help, roles);
}
