// netnotes/server/calls.hpp: work for a reactor from other threads
// SPDX-License-Identifier: MIT
//
// All connections of a reactor belong to one thread. Another thread that has a result for a client must not touch the
// connection. It posts a call, and the reactor's thread makes that call between two events:
//
//        worker thread                                     reactor's thread, in run()
//          result = compute(...)                             |
//          server.post([=](auto& server) { ... }) ────────>  |  wakes up, makes the call
//                                                            |     if (auto* client = server.find(id))
//                                                            |         client->send(result);
//
// The queue is a linked list whose head is atomic. A poster pushes in front. The reactor takes the whole list at once
// and turns it round, so the calls run in the order in which they were posted. An eventfd wakes the reactor.
//
// On this page:  for reactor_server: call_queue
// Above it:      server/reactor.hpp

#ifndef NETNOTES_SERVER_CALLS_HPP
#define NETNOTES_SERVER_CALLS_HPP

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <utility>

#include "../socket/address.hpp"

namespace netnotes::detail {

/// Calls that any thread may push, for one thread that runs them. `Server` is passed to each call that takes it.
template <class Server>
class call_queue {
  public:
    /// Throws std::system_error if the system has no descriptor left.
    call_queue() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        if (event_ < 0) throw_error(last_error(), "eventfd");
    }
    call_queue(const call_queue&) = delete;
    call_queue& operator=(const call_queue&) = delete;
    /// Waits until each push() has returned. The pushed call may have ended the server while push() still runs.
    ~call_queue() {
        while (pushing_.load() != 0) std::this_thread::yield();
        destroy(head_.load());
        ::close(event_);
    }
    /// Returns the descriptor that can be read while calls are queued.
    [[nodiscard]] int native_handle() const noexcept { return event_; }

    /// Queues a call. Any thread may do so. Throws std::bad_alloc.
    template <class Call>
    void push(Call&& call) {
        node* const made = new node_of<std::decay_t<Call>>{std::forward<Call>(call)};
        pushing_.fetch_add(1);
        made->next = head_.load(std::memory_order_relaxed);
        while (!head_.compare_exchange_weak(made->next, made, std::memory_order_release, std::memory_order_relaxed)) {
        }
        constexpr std::uint64_t one = 1;
        static_cast<void>(!::write(event_, &one, sizeof one));  // a full counter wakes as well
        pushing_.fetch_sub(1);
    }
    /// Runs the calls that are queued now, in their order. If a call throws, the calls behind it are dropped.
    void run_all(Server& server) {
        std::uint64_t count;
        static_cast<void>(!::read(event_, &count, sizeof count));  // first: a later push sets it again
        node* list = nullptr;
        for (node* one = head_.exchange(nullptr, std::memory_order_acquire); one;)
            one = std::exchange(one->next, std::exchange(list, one));
        struct guard {
            node*& list;
            ~guard() { destroy(list); }
        } rest{list};
        while (list) {
            const struct done {
                node* one;
                ~done() { delete one; }
            } now{std::exchange(list, list->next)};
            now.one->run(server);
        }
    }

  private:
    struct node {
        virtual ~node() = default;
        virtual void run(Server& server) = 0;
        node* next = nullptr;
    };
    template <class Call>
    struct node_of final : node {
        template <class Made>
        explicit node_of(Made&& made) : call(std::forward<Made>(made)) {}
        void run(Server& server) override {
            if constexpr (std::is_invocable_v<Call&, Server&>)
                call(server);
            else
                call();
        }
        Call call;
    };
    static void destroy(node* list) noexcept {
        while (list) delete std::exchange(list, list->next);
    }

    std::atomic<node*> head_{nullptr};
    std::atomic<int> pushing_{0};  // threads inside push()
    int event_;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_SERVER_CALLS_HPP
