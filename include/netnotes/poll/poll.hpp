// netnotes/poll/poll.hpp: waiting for many descriptors at once
// SPDX-License-Identifier: MIT
//
// One thread, a thousand connections. It cannot wait in recv() for one of them, for then it is deaf to the
// others, and it cannot ask each in turn, for then it burns a processor to hear "nothing" (the notes' 非阻塞
// server). So it asks the kernel one question: *which of these can go on now?* That is a poller.
//
//        poller.add(listener, read)          poller.add(a, read)          poller.add(b, read | write)
//                         \                          |                          /
//                          └──────────────  poller.wait(timeout)  ─────────────┘
//                                                    |
//                            { token of a: read }  { token of b: write }          handle them, wait again
//
// A socket is not, as the notes have it, a device with a driver. Its protocol knows whether it is ready, and wakes
// those who sleep in the socket's queue; so nothing is asked round and round while nothing happens.
//
// The kernel answers in three ways, and there is a poller for each; what is written for one runs on all:
//
//                           select_poller            poll_poller              epoll_poller
//   it is handed            three sets of bits       a list of descriptors    nothing: it keeps the list itself
//   descriptors             below FD_SETSIZE, 1024   any                      any
//   a wait looks at         all, up to the highest   all                      those that are ready
//   triggers                level, one_shot          level, one_shot          level, one_shot, edge
//   read, write, urgent     yes                      yes                      yes
//   peer_done               no: read, it brings 0    yes                      yes
//   hang_up, error          as read; error as write  yes, and unasked         yes, and unasked
//   a wait brings           all that is ready        all that is ready        128, the rest at the next
//   a regular file          is always ready          is always ready          is refused
//   closed, not removed     error, once; forgotten   error, once; forgotten   forgotten, if there is no duplicate
//
// select(2) and poll(2) are handed the whole list at every call, and the kernel asks each descriptor on it in
// turn before it sleeps and after it has been woken. With epoll(7) a descriptor to which something happens puts
// itself on a list of the ready, and a wait looks at that list only, so its cost follows what is active and not
// what is connected: to find one ready among 19,900 takes select and poll 10 ms, and epoll 4 us. Where all are
// active it gains little. And the "callback" of the notes is the kernel's own: the program still has to ask.
//
// *Level* or *edge*? A level-triggered descriptor is reported at every wait as long as there is something to
// read: read a part, and you are reminded. An edge-triggered one is reported when something *new* arrives:
// then read until there is no more, or the rest lies there until the peer happens to send again. The notes
// say that edge-triggered events must be handled at once or are lost. They may be handled at any time; what
// is not repeated is the announcement.
//
// A readiness is a hint, not a promise: a datagram with a bad checksum wakes you and is dropped when you look
// (select(2), BUGS). So descriptors in a poller are non-blocking, and "would block" is a normal answer.
//
// On this page:  interest · event · trigger · the concept poller · epoll_poller · select_poller · poll_poller
// Above it:      server/reactor.hpp, a whole server on any poller
// The notes:     单进程服务器,非阻塞模式 (asking each in turn), select版 TCP服务器 (select), 包含writeList服务器 (write
//                queues), epoll版-TCP服务器 (epoll); examples 18 to 21

#ifndef NETNOTES_POLL_POLL_HPP
#define NETNOTES_POLL_POLL_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../socket/socket.hpp"

namespace netnotes {

/// What one waits for, and what has come. A set of flags: test a bit, never compare the whole, for an error
/// and a hang-up come along unasked. (The notes test `events == EPOLLIN` and so lose every client that resets.)
/// The values are those of epoll(7) and poll(2): what the kernel reports need not be translated.
enum class interest : std::uint32_t {
    none = 0,
    read = 0x1,          ///< bytes, a connection to accept, or the end of the stream
    urgent = 0x2,        ///< TCP's urgent data is there: a receive stops at its mark, though there is more behind it
    write = 0x4,         ///< room in the send buffer, or a connect() that is done
    error = 0x8,         ///< socket::take_error() tells which. Only reported, never asked for
    hang_up = 0x10,      ///< both directions are finished. Only reported, never asked for
    peer_done = 0x2000,  ///< the peer has shut down its sending side; bytes may still wait to be read
};
constexpr interest operator|(interest a, interest b) noexcept {
    return static_cast<interest>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr interest& operator|=(interest& a, interest b) noexcept { return a = a | b; }
/// Have the two sets a flag in common?
constexpr bool any_of(interest set, interest flags) noexcept {
    return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(flags)) != 0;
}

namespace detail {
static_assert(EPOLLIN == 0x1 && EPOLLPRI == 0x2 && EPOLLOUT == 0x4 && EPOLLERR == 0x8 && EPOLLHUP == 0x10 &&
              EPOLLRDHUP == 0x2000);
static_assert(POLLIN == 0x1 && POLLPRI == 0x2 && POLLOUT == 0x4 && POLLERR == 0x8 && POLLHUP == 0x10 &&
              POLLRDHUP == 0x2000);
constexpr std::uint32_t to_bits(interest what) noexcept { return static_cast<std::uint32_t>(what); }
constexpr interest to_interest(std::uint32_t bits) noexcept { return static_cast<interest>(bits & 0x201f); }
}  // namespace detail

enum class trigger {
    level,     ///< reported as long as it lasts
    edge,      ///< reported when it begins, and whenever more comes. Where the poller has it: has_edge
    one_shot,  ///< reported once; then nothing until modify() arms it again
};

/// One descriptor that can go on. The token is what was given to add(): a number that says whose it is. Not
/// the descriptor: that may have been closed, and its number given to another, by an earlier event of the
/// same batch. A token with a generation in it tells the two apart (server/reactor.hpp does so).
struct event {
    std::uint64_t token = 0;
    interest ready = interest::none;
};

/// A way to wait, for one thread. add() and modify() throw std::system_error:
///
///     errc::bad_file_descriptor        add: it is not open
///     errc::file_exists                add: it is there already
///     errc::no_such_file_or_directory  modify: it is not there
///     errc::operation_not_supported    edge, where there is none
///     errc::value_too_large            add: this poller can never hold a descriptor of that number. (Any other
///                                      error is a shortage, of memory say, and may pass)
///
/// remove() of what is not there does nothing; a descriptor must be removed *before* it is closed, for its number
/// may soon stand for something else. wait() waits until something is ready or the time has passed (then the span
/// is empty), whatever signals come. Its events are valid until the next wait(): adding and removing do not touch
/// them. A poller may also have `time_point now() const noexcept`, a clock of its own: a reactor_server goes by it. So a
/// test lets time pass as it likes.
template <class Poller>
concept poller = requires(Poller& poller, int descriptor, interest what, std::uint64_t token, trigger how,
                          duration timeout) {
    { Poller::has_edge } -> std::convertible_to<bool>;
    poller.add(descriptor, what, token, how);
    poller.modify(descriptor, what, token, how);
    poller.remove(descriptor);
    { poller.wait(timeout) } -> std::convertible_to<std::span<const event>>;
};

namespace detail {
/// The time of a wait that may have to begin anew. The clock is read only where it has something to say: for `never`
/// and for zero, which are most of a busy server's waits, it is not.
class countdown {
  public:
    explicit countdown(duration timeout) noexcept
        : left_{std::max(timeout, duration::zero())}, until_{is_limited() ? end_of(left_) : time_point::max()} {}
    [[nodiscard]] duration left() const noexcept { return left_; }
    /// Has it run out? Looks at the clock, and brings left() up to date.
    [[nodiscard]] bool is_over() noexcept {
        if (is_limited()) left_ = std::max(until_ - clock::now(), duration::zero());
        return left_ == duration::zero();
    }

  private:
    bool is_limited() const noexcept { return left_ != never && left_ != duration::zero(); }
    duration left_;
    time_point until_;
};
}  // namespace detail

// ---- epoll ---------------------------------------------------------------------------------------------

/// epoll(7), Linux. No limit of its own on the number of descriptors; there are RLIMIT_NOFILE, memory, and
/// fs.epoll.max_user_watches, about 160 bytes each.
class epoll_poller {
  public:
    static constexpr bool has_edge = true;
    /// How many events one wait() brings at most; the rest comes with the next, before those that have been
    /// reported come again. One system call for a whole batch is half the secret of a fast server.
    static constexpr std::size_t batch = 128;

    /// Throws std::system_error when no descriptor is to be had.
    epoll_poller() : descriptor_{::epoll_create1(EPOLL_CLOEXEC)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::system_category(), "epoll_create1"};
    }
    epoll_poller(epoll_poller&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    epoll_poller& operator=(epoll_poller&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~epoll_poller() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    /// errc::file_exists when it is there already, errc::operation_not_permitted for a regular file, which is
    /// always ready.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        control(EPOLL_CTL_ADD, descriptor, what, token, how, "epoll add ");
    }
    /// Changes what is waited for. Also looks anew: what is ready now is reported, by an edge trigger too.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        control(EPOLL_CTL_MOD, descriptor, what, token, how, "epoll modify ");
    }
    /// Closing a descriptor does not always remove it: the interest belongs to the open file behind it, and a
    /// duplicate (dup, fork) keeps that alive. It would go on being reported, and could no longer be removed.
    void remove(int descriptor) noexcept { ::epoll_ctl(descriptor_, EPOLL_CTL_DEL, descriptor, nullptr); }

    /// Never returns early: time is rounded up to the next millisecond, the unit of epoll_wait(2), and what is
    /// longer than the 24 days that fit into its int is waited for in parts.
    std::span<const event> wait(wait_time timeout) {
        for (detail::countdown time{timeout};;) {
            const int ready =
                ::epoll_wait(descriptor_, raw_.data(), static_cast<int>(raw_.size()), milliseconds(time.left()));
            if (ready < 0 && errno != EINTR) throw std::system_error{errno, std::system_category(), "epoll_wait"};
            if (ready > 0 || (time.is_over() && ready == 0)) {
                for (std::size_t i = 0; i < static_cast<std::size_t>(ready); ++i)
                    events_[i] = {raw_[i].data.u64, static_cast<interest>(raw_[i].events)};  // no more than was asked
                return {events_.data(), static_cast<std::size_t>(ready)};
            }
        }
    }

  private:
    static int milliseconds(duration timeout) noexcept {
        if (timeout == never) return -1;
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
        return static_cast<int>(std::clamp<std::int64_t>(rounded, 0, std::numeric_limits<int>::max()));
    }
    static constexpr std::uint32_t to_raw(interest what, trigger how) noexcept {
        const std::uint32_t bits = how == trigger::edge       ? std::uint32_t{EPOLLET}
                                   : how == trigger::one_shot ? std::uint32_t{EPOLLONESHOT}
                                                              : 0u;
        return bits | detail::to_bits(what);
    }
    void control(int operation, int descriptor, interest what, std::uint64_t token, trigger how, const char* attempt) {
        epoll_event raw{};
        raw.events = to_raw(what, how);
        raw.data.u64 = token;
        if (::epoll_ctl(descriptor_, operation, descriptor, &raw) != 0)
            throw std::system_error{errno, std::system_category(), detail::joined(attempt, std::to_string(descriptor))};
    }

    int descriptor_;
    std::array<epoll_event, batch> raw_{};
    std::array<event, batch> events_{};
};
static_assert(poller<epoll_poller>);

// ---- select and poll -----------------------------------------------------------------------------------

namespace detail {
[[noreturn]] inline void refuse(int error, const char* attempt, int descriptor, const char* why = "") {
    throw_error(std::error_code{error, std::system_category()}, attempt, std::to_string(descriptor), why);
}
/// select(2) and poll(2) learn of a descriptor when they are called, so what epoll_ctl(2) refuses is asked here.
inline void require_open(const char* attempt, int descriptor) {
    if (::fcntl(descriptor, F_GETFD) < 0) refuse(errno, attempt, descriptor);
}
inline void require_no_edge(trigger how, const char* attempt, int descriptor) {
    if (how == trigger::edge) refuse(EOPNOTSUPP, attempt, descriptor, ", edge-triggered: that takes an epoll_poller");
}
}  // namespace detail

/// select(2): in every system, and for few descriptors. It is handed three sets of bits, and writes its answer over
/// them; so they are copied for each call.
///
/// The sets have FD_SETSIZE bits, 1024 with glibc on every machine. (Not 2048 where there are 64 bits, as the notes
/// have it; and /proc/sys/fs/file-max, to which they refer, is how many files the whole system may have open. Nor does
/// a macro or another kernel raise it: the kernel has no limit, glibc's fd_set is as large as it is.) What has to be
/// below is the *number* of each descriptor, not their count: a program that has 1100 files open cannot wait for one
/// socket that it opens then. And nothing stops a program that tries: FD_SET writes beyond the end of the set, and what
/// was there is lost. Here add() refuses.
///
/// No memory is taken after it is made; about 25 kB.
class select_poller {
  public:
    static constexpr bool has_edge = false;
    /// One wait() reports all that is ready, so that none can hide behind the others.
    static constexpr std::size_t batch = FD_SETSIZE;

    select_poller() noexcept = default;
    select_poller(select_poller&& other) noexcept : list_{std::exchange(other.list_, {})} {}
    select_poller& operator=(select_poller&& other) noexcept {
        std::swap(list_, other.list_);
        return *this;
    }

    /// errc::value_too_large from FD_SETSIZE on. A regular file is always ready. See poller for the rest.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "select add ";
        if (descriptor >= FD_SETSIZE) refuse_number(attempt, descriptor);
        detail::require_open(attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        if (FD_ISSET(descriptor, &list_.present)) detail::refuse(EEXIST, attempt, descriptor);
        FD_SET(descriptor, &list_.present);
        list_.end = std::max(list_.end, descriptor + 1);
        set(descriptor, what, token, how);
    }
    /// No system call, and no allocation: it changes some bits, which the next wait() takes along.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "select modify ";
        if (!is_present(descriptor)) detail::refuse(ENOENT, attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        set(descriptor, what, token, how);
    }
    void remove(int descriptor) noexcept {
        if (!is_present(descriptor)) return;
        ask_for(descriptor, interest::none);
        FD_CLR(descriptor, &list_.present);
        while (list_.end > 0 && !FD_ISSET(list_.end - 1, &list_.present)) --list_.end;
    }

    /// Never returns early. A descriptor that was closed without remove() makes select(2) fail as a whole (EBADF):
    /// it is looked for, reported once as an error, and forgotten.
    std::span<const event> wait(wait_time timeout) {
        for (detail::countdown time{timeout};;) {
            sets found = list_.asked;
            const timespec left = detail::to_timespec(time.left());
            const int ready = ::pselect(list_.end, &found.read, &found.write, &found.urgent,
                                        time.left() == never ? nullptr : &left, nullptr);
            if (ready < 0 && errno != EINTR && errno != EBADF)
                throw std::system_error{errno, std::system_category(), "select"};
            const std::size_t count = ready > 0 ? collect(found, ready) : ready < 0 && errno == EBADF ? forget() : 0;
            if (count > 0 || (time.is_over() && ready == 0)) return {events_.data(), count};
        }
    }

  private:
    struct sets {
        fd_set read{}, write{}, urgent{};
    };
    struct list {
        sets asked;
        fd_set present{}, one_shot{};
        int end = 0;  ///< one above the highest descriptor, where select(2) may stop looking
        std::array<std::uint64_t, FD_SETSIZE> tokens{};
    };

    [[noreturn]] static void refuse_number(const char* attempt, int descriptor) {
        static_assert(FD_SETSIZE == 1024, "the text below, and the first page, name the number");
        detail::refuse(EOVERFLOW, attempt, descriptor, ": a descriptor must be below FD_SETSIZE, 1024");
    }
    bool is_present(int descriptor) const noexcept {
        return descriptor >= 0 && descriptor < FD_SETSIZE && FD_ISSET(descriptor, &list_.present);
    }
    static void put(int descriptor, bool member, fd_set& set) noexcept {
        if (member)
            FD_SET(descriptor, &set);
        else
            FD_CLR(descriptor, &set);
    }
    void ask_for(int descriptor, interest what) noexcept {
        put(descriptor, any_of(what, interest::read), list_.asked.read);
        put(descriptor, any_of(what, interest::write), list_.asked.write);
        put(descriptor, any_of(what, interest::urgent), list_.asked.urgent);
    }
    void set(int descriptor, interest what, std::uint64_t token, trigger how) noexcept {
        ask_for(descriptor, what);
        put(descriptor, how == trigger::one_shot, list_.one_shot);
        list_.tokens[static_cast<std::size_t>(descriptor)] = token;
    }
    /// `left` counts down select's answer, the bits that are set in all three sets.
    std::size_t collect(const sets& found, int left) noexcept {
        std::size_t count = 0;
        for (int descriptor = 0; left > 0 && descriptor < list_.end; ++descriptor) {
            interest ready = interest::none;
            if (FD_ISSET(descriptor, &found.read)) ready |= interest::read, --left;
            if (FD_ISSET(descriptor, &found.write)) ready |= interest::write, --left;
            if (FD_ISSET(descriptor, &found.urgent)) ready |= interest::urgent, --left;
            if (ready == interest::none) continue;
            events_[count++] = {list_.tokens[static_cast<std::size_t>(descriptor)], ready};
            if (FD_ISSET(descriptor, &list_.one_shot)) ask_for(descriptor, interest::none);
        }
        return count;
    }
    std::size_t forget() noexcept {
        std::size_t count = 0;
        for (int descriptor = list_.end - 1; descriptor >= 0; --descriptor) {
            if (!FD_ISSET(descriptor, &list_.present) || ::fcntl(descriptor, F_GETFD) >= 0) continue;
            events_[count++] = {list_.tokens[static_cast<std::size_t>(descriptor)], interest::error};
            remove(descriptor);
        }
        return count;
    }

    list list_;
    std::array<event, batch> events_{};
};
static_assert(poller<select_poller>);

/// poll(2): select without its limit. It is handed a list of descriptors, each with what is asked and room for the
/// answer, so nothing has to be copied; still the kernel asks every one of them at every call.
///
/// Adding, modifying and removing take constant time, and no system call but one to see that the descriptor is open.
/// Memory is taken by add() alone: 56 bytes for each descriptor, and 4 for each number up to the highest.
class poll_poller {
  public:
    static constexpr bool has_edge = false;
    // One wait() reports all that is ready, so that none can hide behind the others.

    poll_poller() noexcept = default;
    poll_poller(poll_poller&&) noexcept = default;
    poll_poller& operator=(poll_poller&&) noexcept = default;

    /// A regular file is always ready. See poller for the rest. std::bad_alloc leaves all as it was.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "poll add ";
        detail::require_open(attempt, descriptor);  // and so a number that can have a place
        detail::require_no_edge(how, attempt, descriptor);
        const auto number = static_cast<std::size_t>(descriptor);
        if (place_of(descriptor) != nowhere) detail::refuse(EEXIST, attempt, descriptor);
        if (number >= places_.size()) places_.resize(number + 1, nowhere);
        const std::size_t size = watched_.size();
        if (size == watched_.capacity()) watched_.reserve(std::max<std::size_t>(64, 2 * size));
        if (size == who_.capacity()) who_.reserve(watched_.capacity());
        // Whoever adds may be walking through the events of the last wait(). So they stay where they are, and
        // wait(), which must not fail for want of memory, finds the greater room ready.
        if (std::max(events_.size(), room_.size()) <= size) room_.resize(watched_.capacity());
        watched_.push_back({descriptor, to_raw(what), 0});
        who_.push_back({descriptor, how == trigger::one_shot, token});
        places_[number] = static_cast<std::uint32_t>(size);
    }
    /// No system call, and no allocation.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "poll modify ";
        const std::uint32_t place = place_of(descriptor);
        if (place == nowhere) detail::refuse(ENOENT, attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        watched_[place] = {descriptor, to_raw(what), 0};
        who_[place] = {descriptor, how == trigger::one_shot, token};
    }
    void remove(int descriptor) noexcept {
        const std::uint32_t place = place_of(descriptor);
        if (place == nowhere) return;
        watched_[place] = watched_.back();  // the last one fills the gap
        who_[place] = who_.back();
        places_[static_cast<std::size_t>(who_[place].descriptor)] = place;
        places_[static_cast<std::size_t>(descriptor)] = nowhere;
        watched_.pop_back();
        who_.pop_back();
    }

    /// Never returns early. A descriptor that was closed without remove() is reported once as an error (POLLNVAL),
    /// and forgotten. std::system_error when there are more descriptors than RLIMIT_NOFILE (poll(2)): somebody has
    /// lowered it.
    std::span<const event> wait(wait_time timeout) {
        if (room_.size() > events_.size()) events_.swap(room_);
        for (detail::countdown time{timeout};;) {
            const timespec left = detail::to_timespec(time.left());
            const int ready =
                ::ppoll(watched_.data(), watched_.size(), time.left() == never ? nullptr : &left, nullptr);
            if (ready < 0 && errno != EINTR) throw std::system_error{errno, std::system_category(), "poll"};
            if (ready > 0) return collect(static_cast<std::size_t>(ready));
            if (time.is_over() && ready == 0) return {};
        }
    }

  private:
    struct registration {
        int descriptor;  ///< here, too: that of a one-shot one is not in watched_ until it is armed again
        bool one_shot;
        std::uint64_t token;
    };
    static constexpr std::uint32_t nowhere = ~std::uint32_t{0};
    static short to_raw(interest what) noexcept { return static_cast<short>(detail::to_bits(what)); }
    static interest from_raw(short raw) noexcept {
        const interest ready = detail::to_interest(static_cast<std::uint16_t>(raw));
        return (raw & POLLNVAL) != 0 ? ready | interest::error : ready;
    }
    std::uint32_t place_of(int descriptor) const noexcept {
        const auto number = static_cast<std::size_t>(descriptor);  // of a negative one far beyond all others
        return number < places_.size() ? places_[number] : nowhere;
    }
    std::span<const event> collect(std::size_t ready) noexcept {
        std::size_t count = 0;
        for (std::size_t place = 0; count < ready && place < watched_.size();) {
            const short raw = watched_[place].revents;
            if (raw != 0) events_[count++] = {who_[place].token, from_raw(raw)};
            if ((raw & POLLNVAL) != 0) {
                remove(who_[place].descriptor);  // and look at this place again
                continue;
            }
            if (raw != 0 && who_[place].one_shot) watched_[place].fd = -1;  // poll(2) passes over it
            ++place;
        }
        return {events_.data(), count};
    }

    std::vector<pollfd> watched_;        // what the kernel is handed
    std::vector<registration> who_;      // of the same place
    std::vector<std::uint32_t> places_;  // by descriptor: where it stands in the two
    std::vector<event> events_, room_;
};
static_assert(poller<poll_poller>);

}  // namespace netnotes

#endif  // NETNOTES_POLL_POLL_HPP
