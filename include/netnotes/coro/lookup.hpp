// netnotes/coro/lookup.hpp: looking up names while other tasks run
// SPDX-License-Identifier: MIT
//
// A socket can be made non-blocking, but the resolver cannot. The function getaddrinfo(3) blocks its thread until a
// name server answers, and for seconds if no server does. A loop has one thread, so all its tasks would wait. Therefore
// the call runs in another thread, and only the task that asks waits:
//
//     const auto endpoints = co_await async_resolve("www.example.org", "80");
//
//        task  ── async_resolve() ············································· endpoints ──>
//                       │                                                           ↑
//        a thread       └── getaddrinfo(3) ── asks /etc/hosts and the name servers ─┘
//
// At most 8 such threads run, so a crowd of clients does not become a crowd of threads. A thread ends when no lookup is
// queued. A host that is an address needs no thread.
//
// On this page:  async_resolve · async_canonical_name · async_resolve_name
// Above it:      coro/connect.hpp (async_connect)

#ifndef NETNOTES_CORO_LOOKUP_HPP
#define NETNOTES_CORO_LOOKUP_HPP

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <concepts>
#include <coroutine>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../socket/owner.hpp"
#include "../socket/resolve.hpp"
#include "loop.hpp"

namespace netnotes {

/// Returns the endpoints of a host and a service, in the order in which to try them. It is the resolve() of
/// socket/resolve.hpp for tasks, and throws the same errors. It suspends until the answer arrives. It does not suspend
/// if the host is an address or empty and the service is a number or empty.
///
/// A cancelled task does not wait for the answer. getaddrinfo() cannot be interrupted, so the lookup continues in its
/// thread, and its result is discarded. At most 8 lookups of a process run at a time, abandoned lookups included;
/// further lookups are queued. Throws errc::resource_unavailable_try_again if it cannot start a first thread.
///
/// A loop with virtual time does not wait for a lookup: its clock may jump while the lookup runs. Pass addresses there.
[[nodiscard]] task<std::vector<endpoint>> async_resolve(std::string host, std::string service,
                                                        resolve_hints hints = {});
/// Does the same, but reports an error instead of throwing it, and then returns no endpoints. A cancellation is still
/// thrown. `error` must stay valid until the task ends.
[[nodiscard]] detail::reporting_task<std::vector<endpoint>> async_resolve(std::string host, std::string service,
                                                                          resolve_hints hints, std::error_code& error);
/// Returns the endpoints of a host and a port. A number above 65535 is an error, not a different port.
template <std::integral Port>
[[nodiscard]] task<std::vector<endpoint>> async_resolve(std::string host, Port port, resolve_hints hints = {}) {
    return async_resolve(std::move(host), std::to_string(port), hints);
}

/// Returns the official name of a host: canonical_name() of socket/resolve.hpp for tasks, with the same errors. It waits
/// and ends like async_resolve().
[[nodiscard]] task<std::string> async_canonical_name(std::string host);
/// Returns the name of the host that has this address, or nullopt if it has no name: resolve_name() of
/// socket/resolve.hpp for tasks, with the same errors. It waits and ends like async_resolve(). The owner of an address
/// chooses its name and may lie.
[[nodiscard]] task<std::optional<std::string>> async_resolve_name(endpoint where);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

// ---- looking up

class lookup_threads;

/// One lookup. If its task abandons it while a thread works on it, it lives until the thread has finished.
class lookup final : public posted_call {
  public:
    lookup(std::string host, std::string service, resolve_hints hints) noexcept
        : host_{std::move(host)}, service_{std::move(service)}, hints_{hints} {}
    explicit lookup(std::string host) noexcept : wanted_{question::canonical_name}, host_{std::move(host)} {}
    explicit lookup(const endpoint& where) : endpoints(1, where), wanted_{question::name} {}

    std::vector<endpoint> endpoints;  // the answer, or the address whose name is asked for
    std::optional<std::string> name;
    std::error_code error;

    struct abandon {
        void operator()(lookup* one) const noexcept;
    };
    class waiting;

  private:
    friend lookup_threads;
    enum class state {
        idle,     // not begun, or finished: only the owner has a pointer to it
        queued,   // waits for a thread
        running,  // a thread works on it, and then posts it, or deletes it if it was abandoned
        posted,   // waits for the loop to call it
    };
    ~lookup() = default;
    inline void call() override;
    void look() noexcept {
        try {
            switch (wanted_) {
                case question::endpoints: endpoints = resolve(host_, service_, hints_, error); break;
                case question::canonical_name: name = canonical_name(host_); break;
                case question::name: name = resolve_name(endpoints.front()); break;
            }
        } catch (const std::system_error& failure) {
            error = failure.code();
        } catch (...) {
            error = std::make_error_code(std::errc::not_enough_memory);
        }
    }

    enum class question { endpoints, canonical_name, name };
    question wanted_ = question::endpoints;
    std::string host_, service_;
    resolve_hints hints_{};
    waiting* waiting_ = nullptr;  // used only in the loop's thread
    lookup_threads* threads_ = nullptr;
    // The members below are guarded by lookup_threads::mutex_.
    scheduler* loop_ = nullptr;
    lookup* behind_ = nullptr;
    lookup** place_ = nullptr;  // the pointer that points to this lookup: the previous `behind_`, or `first_`
    state state_ = state::idle;
    bool is_wanted_ = true;
};

/// The threads of all lookups, and the queue of lookups. A process has one object, which is never destroyed because a
/// thread may still be in getaddrinfo() when the program ends.
class lookup_threads {
  public:
    static constexpr int most = 8;

    static lookup_threads& of_this_process() {
        static std::atomic<lookup_threads*> all{nullptr};
        lookup_threads* there = all.load();
        // fork() copies only the thread that calls it. In the child this object counts threads that do not exist there,
        // and one of them may hold the mutex. So the child makes a new object.
        if (there && there->process_ == ::getpid()) return *there;
        owner<lookup_threads> made{new lookup_threads};
        return all.compare_exchange_strong(there, made.get()) ? *made.release() : *there;
    }

    /// Queues the lookup, and starts a thread if fewer than `most` run. Throws std::system_error if no thread runs and
    /// none can be started.
    void begin(lookup& one, scheduler& loop) {
        const std::lock_guard lock{mutex_};
        if (running_ < most) {
            try {
                start();
                ++running_;
            } catch (const std::system_error&) {
                if (running_ == 0) throw;  // otherwise a running thread will take this lookup from the queue
            }
        }
        one.threads_ = this;
        one.loop_ = &loop;
        one.state_ = lookup::state::queued;
        one.place_ = end_;
        *end_ = &one;
        end_ = &one.behind_;
    }
    /// Deletes the lookup now, or lets its thread or its loop delete it.
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
    // The new thread blocks all signals, so that the kernel delivers them to the program's own threads.
    void start() {
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_t thread;
        const auto run = [](void* threads) -> void* {
            static_cast<lookup_threads*>(threads)->work();
            return nullptr;
        };
        const int failure = ::pthread_create(&thread, nullptr, run, this);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (failure != 0) detail::throw_error({failure, std::system_category()}, "pthread_create");
        ::pthread_detach(thread);
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
            one->loop_->post_call(*one);  // under the lock: abandon() waits for it, so the loop still exists
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

/// Awaiter: begins the lookup and suspends until it has finished, with a result or with an error.
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
        waits(waiter, whose);  // not too late: the loop calls call() later, in this same thread
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

/// Returns true if the answer needs no name server and no file.
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
    const detail::owner<detail::lookup, detail::lookup::abandon> one{new detail::lookup{host, service, hints}};
    co_await detail::lookup::waiting{*one};
    if (one->error) detail::throw_error(one->error, "resolve ", detail::with_service(host, service));
    co_return std::move(one->endpoints);
}
namespace detail {
inline task<std::vector<endpoint>> resolve_or_report(std::string host, std::string service, resolve_hints hints,
                                                     std::error_code& error) {
    error.clear();
    try {
        co_return co_await async_resolve(std::move(host), std::move(service), hints);
    } catch (const std::system_error& failure) {
        error = failure.code();
    }
    co_return std::vector<endpoint>{};
}
}  // namespace detail
inline detail::reporting_task<std::vector<endpoint>> async_resolve(std::string host, std::string service,
                                                                   resolve_hints hints, std::error_code& error) {
    return {detail::resolve_or_report(std::move(host), std::move(service), hints, error), error};
}
inline task<std::string> async_canonical_name(std::string host) {
    if (ip_address::parse(host)) {
        co_await detail::stepping{};
        co_return host;
    }
    const detail::owner<detail::lookup, detail::lookup::abandon> one{new detail::lookup{host}};
    co_await detail::lookup::waiting{*one};
    if (one->error) detail::throw_error(one->error, "canonical name of ", visible(host));
    co_return std::move(*one->name);
}
inline task<std::optional<std::string>> async_resolve_name(endpoint where) {
    const detail::owner<detail::lookup, detail::lookup::abandon> one{new detail::lookup{where}};
    co_await detail::lookup::waiting{*one};
    if (one->error) detail::throw_error(one->error, "name of ", where.address().to_string());
    co_return std::move(one->name);
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_LOOKUP_HPP
