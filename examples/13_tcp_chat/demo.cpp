// examples/13_tcp_chat/demo.cpp: a room in which any number of people talk at the same time
//
//        ann ──── "hello\n" ───>  ┌──────────────────────┐  ──── "ann: hello\n" ───> bob
//        bob                      │ room: one thread     │  ──── "ann: hello\n" ───> carl
//        carl (does not read)     │ on server/reactor.hpp       │
//                                 │ a queue for each     │  carl's queue is full: he is dropped,
//                                 └──────────────────────┘  and ann and bob have not noticed
//
// The notes' chat has two people who take turns: the server waits for the client's line, then for its own keyboard,
// then for the client. Whoever has two things to say must wait, and a third person cannot come in. It also closes
// the connection, and the listener, inside the loop, and so ends after one exchange. Here nobody waits for anybody:
// the room is told what has come, and sends it on.
//
// A line is what ends with "\n", not what one receive brings. So the room puts the lines together, for each
// connection, and keeps the beginning of one until its end comes: up to a bound, for some ends never come.
//
// The notes:     tcp 模拟qq (a chat over TCP)
// Type:          demo                           a demonstration
//                demo serve --bind ::           a room for IPv6 and IPv4
//                demo connect localhost 6666    or: nc localhost 6666, as often as you like
// You will see:  what demo.txt shows: names given and refused, lines in pieces, a terminal's control characters
//                made harmless, one who is torn away, one who talks too fast, and one who does not read. Type /who
//                or /quit; Ctrl-C stops the room

#include <netnotes/server.hpp>

#include "../demo.hpp"

#include <map>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_line = 500, longest_name = 20;  // bytes

/// The room: what the reactor calls. What it knows of a connection stands under the connection's number, which none
/// after it will have.
class room {
  public:
    bool quiet = false;
    double lines_a_second = 10;  ///< from one member, in the long run: a flood would drown whoever reads more slowly
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
                     longest_line + 2)  // room for a '\r', and for what is too much, so that it shows
                speaker.line += c;
        }
    }
    void on_end(net::connection& client) {
        person& speaker = people_.at(client.id());
        if (!speaker.line.empty()) end_of_line(speaker);  // the last line may lack its "\n"
        leave(speaker, "");
    }
    void on_close(net::connection& client, std::error_code why) {
        if (why == std::errc::operation_canceled) {  // a stop: all go, and need not tell each other
            people_.erase(client.id());
            return;
        }
        std::string reason = why ? ": " + why.message() : "";
        if (why == std::errc::no_buffer_space) reason = ": he does not read";  // above max_queue
        leave(people_.at(client.id()), reason);
        people_.erase(client.id());
    }
    void on_accept_error(std::error_code why) const { std::cerr << "accept: " << why.message() << '\n'; }

  private:
    struct person {
        net::connection* client = nullptr;  ///< valid until on_close() has returned
        double allowance = 0;               ///< lines that he may say now
        net::time_point counted = net::clock::now();
        std::string name;  ///< none yet: he is not in the room
        std::string line;  ///< what has come of the next one
        bool has_left = false;
    };

    void end_of_line(person& speaker) {
        std::string line = std::exchange(speaker.line, {});
        if (line.ends_with('\r')) line.pop_back();  // telnet's
        if (line.size() > longest_line)
            tell(speaker, "* Not heard: a line has 500 bytes at most.");
        else if (!may_speak(speaker))
            tell(speaker, "* Not heard: too many lines.");
        else if (speaker.name.empty())
            enter(speaker, line);
        else if (line == "/quit") {
            leave(speaker, "");
            tell(speaker, "* Goodbye.");
            speaker.client->close_after_sending();
        } else if (line == "/who")
            tell(speaker, "* Here: " + names());
        else if (line.starts_with('/'))
            tell(speaker, "* /who tells who is here, /quit leaves.");
        else if (!line.empty())
            tell_others(speaker, speaker.name + ": " + net::visible(line));
    }
    void enter(person& guest, const std::string& name) {
        const bool good = !name.empty() && name.size() <= longest_name && net::visible(name) == name &&
                          name.find_first_of(" !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~") == std::string::npos;
        if (!good) return tell(guest, "* A name has 1 to 20 bytes, no spaces, and no signs but - _ . Your name?");
        for (const auto& [id, other] : people_)
            if (other.name == name) return tell(guest, "* " + name + " is here already; your name?");
        guest.name = name;
        if (!quiet) say(guest.client->peer().to_string(), "  is ", name);
        tell(guest, "* Welcome. Here: " + names());
        tell_others(guest, "* " + name + " has come.");
    }
    void leave(person& leaver, const std::string& why) {
        if (std::exchange(leaver.has_left, true)) return;
        const std::string name = std::exchange(leaver.name, {});
        if (!quiet) say(name.empty() ? leaver.client->peer().to_string() : name, "  gone", why);
        if (!name.empty()) tell_others(leaver, "* " + name + " has left" + why + ".");
    }
    bool may_speak(person& speaker) const {
        const net::time_point now = net::clock::now();
        const std::chrono::duration<double> since = now - std::exchange(speaker.counted, now);
        speaker.allowance = std::min(speaker.allowance + since.count() * lines_a_second, lines_at_once);
        return speaker.allowance >= 1 && (speaker.allowance -= 1, true);
    }
    /// send() does not wait: what a member's kernel does not take is queued, and if the queue grows beyond max_queue he
    /// is dropped, when this event has been dealt with. So the loops below are safe, and as fast as memory.
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
    .max_connections = 1000, .max_queue = 256 * 1024, .idle_timeout = 1h};  // a quiet room is no reason to leave

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

/// Somebody who talks.
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
    /// The next line, or that there is none.
    std::string hear() {
        for (std::size_t end; (end = heard_.find('\n')) == std::string::npos;) {
            char buffer[4096];
            const std::size_t size = stream_.recv(buffer);
            if (size == 0) return "the end";
            heard_.append(buffer, size);
        }
        const std::string line = heard_.substr(0, heard_.find('\n'));
        heard_.erase(0, line.size() + 1);
        return line;
    }
    void hears() { say("  ", name_, " hears   ", hear()); }
    void is_torn_away() {
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
    heading("tcp 模拟qq, for more than two, and without turns");
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
    say("ann comes over IPv4, bob over IPv6 where there is one; carl must look for a name:");
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
    say("ann has two things to say, and says them:");
    ann.says("Good morning!");
    ann.says("你们好");
    for (visitor* one : {&bob, &carl}) one->hears(), one->hears();
    say("bob sends a line in three pieces, and another with the last piece:");
    for (const char* piece : {"a receive ", "is not ", "a message\nnor is a send\n"}) bob.sends(piece);
    ann.hears(), ann.hears();
    say("bob would ring everybody's bell and clear everybody's screen; then he forgets to end his line:");
    bob.says("ding \a and gone \x1b[2J, and \xfc\x80\x80\x80");  // F4 would begin U+100000, FC nothing
    ann.hears();
    bob.says(std::string(100'000, 'x'));
    bob.hears();
    bob.says("/who");
    bob.hears();
    say("bob leaves, and carl is torn away:");
    bob.says("/quit");
    bob.hears(), bob.hears(), ann.hears();
    carl.is_torn_away();
    ann.hears();
    say("the server is stopped:");
    here.stop();
    ann.hears();
}

void a_flood() {
    heading("Who talks too fast");
    room talk;
    talk.quiet = true;
    talk.lines_at_once = 4;   // with the name
    talk.lines_a_second = 0;  // not now: the demonstration is the same on a slow machine
    running_room here{anywhere(), talk};
    visitor ann{"ann", here.where()};
    ann.hear();
    visitor bob{"bob", here.where()};
    bob.hear(), ann.hear();
    for (int i = 1; i <= 5; ++i) bob.says("line " + std::to_string(i));
    ann.hears(), ann.hears(), ann.hears(), bob.hears(), bob.hears();
}

void a_slow_member() {
    heading("Who does not read (and what the server says of it)");
    room talk;
    talk.lines_at_once = 1e9;
    net::tcp_listener listener = anywhere();
    listener.set_option(net::option::send_buffer{16 * 1024});  // or the kernel would keep megabytes for him
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
    say("ann talks, line after line, and bob hears each before she says the next; dave reads nothing:");
    const std::string line(400, 'z');
    std::string heard;
    for (std::size_t said = 0; said <= 1'000'000; said += line.size()) {
        ann.says(line);
        if ((heard = bob.hear()) != "ann: " + line) break;
    }
    say("  bob hears   ", heard);
    say("The room has kept ", limits.max_queue / 1024, " KiB for dave, and no more. Nobody has waited for him.");
    here.stop();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

A room for any number of people who talk line by line. Without an argument: a demonstration.

  serve            the room: asks everybody for a name, and passes on what he says
  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --quiet          only the line `listening on ADDRESS:PORT`
  connect          sends what you type and shows what the others say; /quit or Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    example::roles roles;
    roles.serve = serve;
    roles.connect = [](const std::string& host, std::uint16_t port) {
        example::talk(net::tcp_stream::connect(host, port));
    };
    roles.demonstrate = [] {
        a_conversation();
        a_flood();
        a_slow_member();
    };
    return example::run(argc, argv, help, roles);
}
