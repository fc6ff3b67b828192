// netnotes/coro/every_core.hpp: one loop for each processor
// SPDX-License-Identifier: MIT
//
// A loop uses only one processor. To use the others, a program could share one loop among threads, but then all data of
// the tasks would need locks. It is simpler to make one loop for each processor:
//
//        processor 0             processor 1             processor 2
//        event_loop              event_loop              event_loop
//        its listener            its listener            its listener         the same port: SO_REUSEPORT
//            └───────────────────────┴───────────────────────┴── the kernel distributes the connections
//
// A connection stays with the loop that has accepted it, so its tasks share no data with tasks of another thread. Data
// that all threads need (a count, a cache) still needs a lock or an atomic. The kernel chooses the listener by a hash
// of the addresses, not by the load of a loop. If a few clients cause most of the work, one loop may get all of them.
//
//     serve_on_every_core({ipv6_address::any(), 6666}, echo, stop);        // a serve() in each of the loops
//
//     auto one = [&](event_loop& loop, unsigned index) { return work(loop, index); };
//     run_on_every_core(one, stop);                                        // any task in each of the loops
//
// On this page:  every_core_options · core_count · run_on_every_core · listen_on_every_core · serve_on_every_core
// Below it:      coro/loop.hpp, coro/serve.hpp
// The notes:     协程问题 (1:N: a coroutine server uses one processor); example 26

#ifndef NETNOTES_CORO_EVERY_CORE_HPP
#define NETNOTES_CORO_EVERY_CORE_HPP

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <concepts>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "../ip/algorithm.hpp"
#include "listener.hpp"
#include "loop.hpp"
#include "serve.hpp"

namespace netnotes {

/// The options of run_on_every_core().
struct every_core_options {
    unsigned threads = 0;  ///< the number of threads; 0 means core_count()
    /// Binds each thread to one processor. Its caches stay warm, but the kernel can no longer move the thread to a
    /// processor that is less busy.
    bool pinned = false;
    loop_options loop = {};  ///< the options of every loop
};

/// Returns the number of processors on which this thread may run (sched_getaffinity(2)), at least 1. It can be smaller
/// than the number of the machine's processors.
[[nodiscard]] inline unsigned core_count() noexcept {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return static_cast<unsigned>(detail::max(1l, ::sysconf(_SC_NPROCESSORS_ONLN)));
    return static_cast<unsigned>(detail::max(1, CPU_COUNT(&allowed)));
}

/// Runs a loop in each of `options.threads` threads; the first is the caller's thread. Each thread calls `make(loop,
/// index)`, which returns the task<> to run. Several threads call `make` at the same time.
///
/// Blocks until all loops have ended. A stop request cancels the tasks of all loops. Returns false if a task of `make`
/// ended by that cancellation. If a thread fails, the function requests `stop` itself, waits for the other threads, and
/// throws the first exception. Throws std::system_error if the system refuses a thread or a descriptor.
template <class Make>
bool run_on_every_core(Make make, stop_event& stop, const every_core_options& options = {});

/// Returns `threads` listeners (0 means core_count()) that share the address `where`: listen_options::reuse_port. If its
/// port is 0, the system chooses one port for all of them. Small answers are sent at once (option::no_delay).
///
/// Throws the errors of tcp_listener's constructor. But another program of the same user that has set SO_REUSEPORT, too,
/// is no error: the kernel then gives it a share of the clients (socket(7)).
[[nodiscard]] inline std::vector<tcp_listener> listen_on_every_core(endpoint where, unsigned threads = 0);

/// Runs serve() with each of the listeners in a thread and a loop of its own. Each thread has its own copy of `handler`.
/// `limits` hold for each loop: max_connections and max_per_client are limits of one thread, and several threads call
/// on_error at the same time. The listeners decide the number of threads, and options.threads is not used.
///
/// Blocks until a stop is requested and the handlers have ended or stop_grace has passed; then it returns. Throws the
/// errors of serve() and of run_on_every_core().
template <connection_handler Handler>
requires(std::copy_constructible<Handler>)
void serve_on_every_core(std::vector<tcp_listener> listeners, Handler handler, stop_event& stop,
                         const serve_options& limits = {}, const every_core_options& options = {});
/// Listens at `where` with listen_on_every_core(where, options.threads) and serves as above. Also throws its errors.
template <connection_handler Handler>
requires(std::copy_constructible<Handler>)
void serve_on_every_core(endpoint where, Handler handler, stop_event& stop, const serve_options& limits = {},
                         const every_core_options& options = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
/// Binds this thread to the index-th of the processors that it may use. Ignores errors, because the program also runs
/// without the binding.
inline void stay_on_core(unsigned index) noexcept {
    cpu_set_t allowed, one;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    index %= static_cast<unsigned>(detail::max(1, CPU_COUNT(&allowed)));
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (!CPU_ISSET(core, &allowed) || index-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        ::sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

/// Restores the set of processors on which this thread may run. It is needed because the first thread is the caller's.
class affinity_of_caller {
  public:
    affinity_of_caller() noexcept : is_known_{::sched_getaffinity(0, sizeof before_, &before_) == 0} {}
    affinity_of_caller(const affinity_of_caller&) = delete;
    affinity_of_caller& operator=(const affinity_of_caller&) = delete;
    ~affinity_of_caller() {
        if (is_known_) ::sched_setaffinity(0, sizeof before_, &before_);
    }

  private:
    cpu_set_t before_;
    bool is_known_;
};

/// Threads that call `run(index)`. The destructor waits for their ends.
template <class Run>
class joined_threads {
  public:
    explicit joined_threads(Run& run) noexcept : run_{run} {}
    joined_threads(const joined_threads&) = delete;
    joined_threads& operator=(const joined_threads&) = delete;
    ~joined_threads() {
        for (const one& each : all_) ::pthread_join(each.thread, nullptr);
    }
    /// Makes room for `most` threads.
    void reserve(std::size_t most) { all_.reserve(most); }
    /// Starts a thread, for which there is room. Throws std::system_error if the system refuses it.
    void start(unsigned index) {
        one& added = all_.emplace_back(one{{}, run_, index});  // stays in place, because the room is reserved
        const auto begin = [](void* object) -> void* {
            one& self = *static_cast<one*>(object);
            self.run(self.index);
            return nullptr;
        };
        const int failure = ::pthread_create(&added.thread, nullptr, begin, &added);
        if (failure == 0) return;
        all_.pop_back();
        detail::throw_error({failure, std::system_category()}, "pthread_create");
    }

  private:
    struct one {
        pthread_t thread;
        Run& run;
        unsigned index;
    };
    Run& run_;
    std::vector<one> all_;
};
}  // namespace detail

template <class Make>
bool run_on_every_core(Make make, stop_event& stop, const every_core_options& options) {
    std::atomic<bool> has_ended_well{true};
    std::atomic_flag has_failed;
    std::exception_ptr failure;
    const auto fails = [&](std::exception_ptr exception) noexcept {
        if (!has_failed.test_and_set()) failure = std::move(exception);
        stop.request_stop();
    };
    const auto run = [&](unsigned index) noexcept {
        try {
            if (options.pinned) detail::stay_on_core(index);
            event_loop loop{options.loop};
            if (!loop.run(make(loop, index), stop)) has_ended_well = false;
        } catch (...) {
            fails(std::current_exception());
        }
    };
    const unsigned count = options.threads > 0 ? options.threads : core_count();
    {
        const detail::affinity_of_caller at_the_end;
        detail::joined_threads others{run};
        bool have_begun = false;
        try {
            others.reserve(count - 1);
            for (unsigned index = 1; index < count; ++index) others.start(index);
            have_begun = true;
        } catch (...) {
            fails(std::current_exception());
        }
        if (have_begun) run(0);  // even if another thread has failed already, so that each thread calls make()
    }
    if (failure) std::rethrow_exception(failure);
    return has_ended_well;
}

inline std::vector<tcp_listener> listen_on_every_core(endpoint where, unsigned threads) {
    std::vector<tcp_listener> listeners;
    for (unsigned left = threads > 0 ? threads : core_count(); left > 0; --left) {
        listeners.emplace_back(where, listen_options{.reuse_port = true}).set_option(option::no_delay{});
        where = listeners.front().local_endpoint();
    }
    return listeners;
}

template <connection_handler Handler>
requires(std::copy_constructible<Handler>)
void serve_on_every_core(std::vector<tcp_listener> listeners, Handler handler, stop_event& stop,
                         const serve_options& limits, const every_core_options& options) {
    if (listeners.empty()) throw std::invalid_argument{"serve_on_every_core: no listener"};
    every_core_options each = options;
    each.threads = static_cast<unsigned>(listeners.size());
    const auto one = [&](event_loop&, unsigned index) { return serve(std::move(listeners[index]), handler, limits); };
    run_on_every_core(one, stop, each);
}
template <connection_handler Handler>
requires(std::copy_constructible<Handler>)
void serve_on_every_core(endpoint where, Handler handler, stop_event& stop, const serve_options& limits,
                         const every_core_options& options) {
    serve_on_every_core(listen_on_every_core(where, options.threads), std::move(handler), stop, limits, options);
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_EVERY_CORE_HPP
