// netnotes/coro/lookup.hpp: names, looked up without holding up the others
// SPDX-License-Identifier: MIT
//
// getaddrinfo(3) blocks its thread until a name server answers, for seconds if none does. A loop has one thread, so the
// call runs in another thread, and only the task that asks waits:
//
//     const auto endpoints = co_await async_resolve("www.example.org", "80");
//
//        task  ── async_resolve() ············································· endpoints ──>
//                       │                                                           ↑
//        a thread       └── getaddrinfo(3) ── asks /etc/hosts and the name servers ─┘
//
// A host that is a number needs no thread. A cancelled task goes on at once; its thread ends when the call returns.
//
// On this page:  async_resolve

#ifndef NETNOTES_CORO_LOOKUP_HPP
#define NETNOTES_CORO_LOOKUP_HPP

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <concepts>
#include <coroutine>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../socket/address.hpp"
#include "loop.hpp"

namespace netnotes {

/// resolve() of socket/address.hpp for tasks: the endpoints behind a host and a service, in the order in which they
/// should be tried, or its errors. Others go on meanwhile, and a cancelled task does not wait for the answer: the
/// lookup, which nothing can break off, ends by itself and is forgotten. At most 8 lookups of a process run at a time,
/// forgotten ones as well; the others stand in line. A host that is an address, or empty, with a service that is a
/// number is answered without waiting. std::system_error with errc::resource_unavailable_try_again when no thread can be had.
///
/// The wait is real in a loop with virtual time, too, which does not stand still for it: there give addresses.
[[nodiscard]] task<std::vector<endpoint>> async_resolve(std::string host, std::string service,
                                                        resolve_hints hints = {});
template <std::integral Port>
[[nodiscard]] task<std::vector<endpoint>> async_resolve(std::string host, Port port, resolve_hints hints = {}) {
    return async_resolve(std::move(host), std::to_string(port), hints);
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

// ---- looking up

class lookup_threads;

/// A name that is looked up for a task. It outlives the task's interest while a thread is at work on it.
class lookup final : public posted_call {
  public:
    lookup(std::string host, std::string service, resolve_hints hints) noexcept
        : host_{std::move(host)}, service_{std::move(service)}, hints_{hints} {}

    std::vector<endpoint> endpoints;
    std::error_code error;

    struct abandon {
        void operator()(lookup* one) const noexcept;
    };
    class waiting;

  private:
    friend lookup_threads;
    enum class state {
        idle,     // nobody but its owner knows of it: not begun, or over
        queued,   // in line for a thread
        running,  // in a thread's hands, which posts it, or destroys it when nobody wants it any more
        posted,   // on its way to the loop, which calls it
    };
    ~lookup() = default;
    void call() override;
    void look() noexcept {
        try {
            endpoints = resolve(host_, service_, hints_, error);
        } catch (...) {
            error = std::make_error_code(std::errc::not_enough_memory);
        }
    }

    std::string host_, service_;
    resolve_hints hints_;
    waiting* waiting_ = nullptr;  // the loop's thread alone looks at it
    lookup_threads* threads_ = nullptr;
    // The rest is guarded by the threads' lock.
    scheduler* loop_ = nullptr;
    lookup* behind_ = nullptr;
    lookup** place_ = nullptr;  // where its pointer stands: in the one before it, or at the head of the line
    state state_ = state::idle;
    bool is_wanted_ = true;
};

/// The threads that look up, and those who stand in line for them. There is one of it in a process, and it is never
/// destroyed: a thread may be in the resolver when the program ends.
class lookup_threads {
  public:
    static constexpr int most = 8;

    static lookup_threads& of_this_process() {
        static std::atomic<lookup_threads*> all{nullptr};
        lookup_threads* there = all.load();
        // Of threads, fork() takes over only the one that has called it: what is said here of others is no longer true,
        // and the lock may be in their hands.
        if (there && there->process_ == ::getpid()) return *there;
        auto made = std::make_unique<lookup_threads>();
        return all.compare_exchange_strong(there, made.get()) ? *made.release() : *there;
    }

    /// Throws std::system_error when there is no thread and none can be had.
    void begin(lookup& one, scheduler& loop) {
        const std::lock_guard lock{mutex_};
        if (running_ < most) {
            try {
                start();
                ++running_;
            } catch (const std::system_error&) {
                if (running_ == 0) throw;  // or else one of those that run comes to it
            }
        }
        one.threads_ = this;
        one.loop_ = &loop;
        one.state_ = lookup::state::queued;
        one.place_ = end_;
        *end_ = &one;
        end_ = &one.behind_;
    }
    void abandon(lookup* one) noexcept {
        const std::lock_guard lock{mutex_};
        one->is_wanted_ = false;
        switch (one->state_) {
            case lookup::state::queued: take_out(*one); [[fallthrough]];
            case lookup::state::idle: delete one; break;
            case lookup::state::running:
            case lookup::state::posted: break;
        }
    }

  private:
    // Signals are for the threads that the program knows of: one of these may be the only one that is awake.
    void start() {
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        const struct restoring {
            const sigset_t& mask;
            ~restoring() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
        } at_the_end{before};
        std::thread{[this] { work(); }}.detach();
    }
    void work() noexcept {
        std::unique_lock lock{mutex_};
        while (first_) {
            lookup* const one = first_;
            take_out(*one);
            one->state_ = lookup::state::running;
            lock.unlock();
            one->look();
            lock.lock();
            if (!one->is_wanted_) {
                delete one;
                continue;
            }
            one->state_ = lookup::state::posted;
            one->loop_->post_call(*one);  // under the lock: who abandons it waits for that, so the loop still lives
        }
        --running_;
    }
    void take_out(const lookup& one) noexcept {
        *one.place_ = one.behind_;
        (one.behind_ ? one.behind_->place_ : end_) = one.place_;
    }

    const pid_t process_ = ::getpid();
    std::mutex mutex_;
    int running_ = 0;
    lookup* first_ = nullptr;
    lookup** end_ = &first_;
};

/// `co_await` waits until it is over, well or not.
class lookup::waiting final : public loop_operation {
  public:
    explicit waiting(lookup& one) noexcept : one_{one} {}
    ~waiting() { one_.waiting_ = nullptr; }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        if ((was_cancelled_ = whose.is_cancelled())) return hear_at_once(waiter, whose);
        try {
            lookup_threads::of_this_process().begin(one_, whose.loop());
        } catch (const std::system_error& refusal) {
            one_.error = refusal.code();
            return hear_at_once(waiter, whose);
        }
        waits(waiter, whose);  // it is this thread that hears of the end, so this is not too late
        one_.waiting_ = this;
        return true;
    }
    void await_resume() const {
        if (was_cancelled_) throw_cancelled();
    }

  private:
    void cancelled() noexcept override {
        one_.waiting_ = nullptr;
        was_cancelled_ = true;
        go_on();
    }
    lookup& one_;
    bool was_cancelled_ = false;
};

inline void lookup::call() {
    if (!is_wanted_) {
        delete this;
        return;
    }
    state_ = state::idle;
    if (waiting_) std::exchange(waiting_, nullptr)->go_on();
}
inline void lookup::abandon::operator()(lookup* one) const noexcept {
    if (one->threads_)
        one->threads_->abandon(one);
    else
        delete one;
}

/// Is there nobody to ask?
inline bool is_numeric(std::string_view host, std::string_view service) noexcept {
    return (host.empty() || ip_address::parse(host) || is_number_of_old(host)) &&
           (service.empty() || is_like_number(service));
}

}  // namespace detail

inline task<std::vector<endpoint>> async_resolve(std::string host, std::string service, resolve_hints hints) {
    if (detail::is_numeric(host, service)) {
        co_await detail::stepping{};
        co_return resolve(host, service, hints);
    }
    const std::unique_ptr<detail::lookup, detail::lookup::abandon> one{new detail::lookup{host, service, hints}};
    co_await detail::lookup::waiting{*one};
    if (one->error) detail::throw_error(one->error, "resolve ", detail::with_service(host, service));
    co_return std::move(one->endpoints);
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_LOOKUP_HPP
