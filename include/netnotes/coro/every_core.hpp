// netnotes/coro/every_core.hpp: as many loops as there are processors
// SPDX-License-Identifier: MIT
//
// A loop keeps one processor busy. For the others one does not share it, which would need a lock around everything that
// is said above of "one thread"; one makes more of them:
//
//        processor 0             processor 1             processor 2
//        event_loop              event_loop              event_loop
//        its listener            its listener            its listener         the same port: SO_REUSEPORT
//            └───────────────────────┴───────────────────────┴── the kernel shares out the connections among them
//
// A connection stays with the loop that has accepted it, so its tasks never meet those of another thread. What all must
// know (a count, a cache) is shared as between any threads. The kernel shares out by a hash of the addresses, not by
// how busy a loop is: with a few heavy clients one loop may have them all.
//
//     auto one = [&](event_loop&, unsigned index) {
//         return serve(std::move(listeners[index]), echo);
//     };
//     run_on_every_core(one, stop);
//
// `listeners` has a tcp_listener with listen_options::reuse_port for each of core_count(); serve() is coro/serve.hpp's.
//
// On this page:  every_core_options · core_count · run_on_every_core
// The notes:     协程问题 (1:N: a coroutine server uses one processor); example 26

#ifndef NETNOTES_CORO_EVERY_CORE_HPP
#define NETNOTES_CORO_EVERY_CORE_HPP

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "loop.hpp"

namespace netnotes {

struct every_core_options {
    unsigned threads = 0;  ///< 0: core_count()
    /// Each thread on a processor of its own: the caches stay warm, but nobody evens out what else runs there.
    bool pinned = false;
    loop_options loop = {};
};

/// The processors on which this process may run (sched_getaffinity(2)), which can be fewer than the machine has.
[[nodiscard]] inline unsigned core_count() noexcept {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return std::max(1u, std::thread::hardware_concurrency());
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
}

/// Calls `make(loop, index)` in each of so many threads, the caller's is the first, each with a loop of its own, and runs
/// the task<> that it gives. Blocks until all have ended. A stop cancels all; false when that was the end of one. The
/// first exception comes out, and it has requested the stop, for all. `make` is called from several threads at once.
/// Throws std::system_error when the system refuses a thread or a descriptor.
template <class Make>
bool run_on_every_core(Make make, stop_event& stop, const every_core_options& options = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
/// Puts this thread on the index-th of the processors that it may use. A wish: where it is refused nothing is lost.
inline void stay_on_core(unsigned index) noexcept {
    cpu_set_t allowed, one;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    index %= static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (!CPU_ISSET(core, &allowed) || index-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        ::sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

/// Puts back where this thread may run: the first one is the caller's.
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

class joined_threads {
  public:
    joined_threads() noexcept = default;
    joined_threads(const joined_threads&) = delete;
    joined_threads& operator=(const joined_threads&) = delete;
    ~joined_threads() {
        for (std::thread& each : all) each.join();
    }
    std::vector<std::thread> all;
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
        detail::joined_threads others;
        bool have_begun = false;
        try {
            others.all.reserve(count - 1);
            for (unsigned index = 1; index < count; ++index) others.all.emplace_back(run, index);
            have_begun = true;
        } catch (...) {
            fails(std::current_exception());
        }
        if (have_begun) run(0);  // also when another has failed already: whether a task is made is no matter of luck
    }
    if (failure) std::rethrow_exception(failure);
    return has_ended_well;
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_EVERY_CORE_HPP
