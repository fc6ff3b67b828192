// netnotes/tftp/async_client.hpp: getting and putting files with TFTP, in tasks
// SPDX-License-Identifier: MIT
//
// The calls of tftp/client.hpp for tasks: while one waits, others go on.
//
//     task<> fetch(std::string name) {
//         tftp::file_sink file{name, tftp::existing_file::replace};
//         co_await tftp::get({"192.0.2.1", tftp::port}, name, file);
//     }
//     loop.run([]() -> task<> { co_await when_all(fetch("kernel.img"), fetch("initrd.img")); }());    both at once
//
// It is the same machine with the same socket, and another way to wait for it.
//
// On this page:  get, put
// The notes:     tftp 客户端 示例代码 (the client); example 14

#ifndef NETNOTES_TFTP_ASYNC_CLIENT_HPP
#define NETNOTES_TFTP_ASYNC_CLIENT_HPP

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "../coro/descriptor.hpp"
#include "../coro/loop.hpp"
#include "client.hpp"
#include "transfer.hpp"

namespace netnotes::tftp {

/// Moves a file in a task of the loop that is running, and returns the outcome, as client::get() and client::put() do.
/// If the task is cancelled, the transfer ends, and the server is told so.
[[nodiscard]] task<outcome> get(endpoint server, std::string file_name, sink& into, settings wishes = {},
                                request more = {});
[[nodiscard]] task<outcome> put(endpoint server, source& from, std::string file_name, settings wishes = {},
                                request more = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline task<outcome> run_in_task(transfer& one, transfer_socket& socket, const request& more) {
    progress_teller teller{more};
    event_loop& loop = event_loop::current();
    async_descriptor ready{loop, socket.socket().native_handle()};
    one.begin(loop.now());
    std::error_code error;
    bool was_cancelled = false;
    for (bool is_drained = true;;) {
        const bool all_sent = socket.send(one);
        if (one.has_ended()) break;
        const time_point until = std::min(one.deadline(), more.deadline);
        ready.set_timeout(until == time_point::max() ? never : std::max(until - loop.now(), duration::zero()));
        error.clear();
        try {
            if (!all_sent)
                co_await ready.writable();
            else if (is_drained)
                co_await ready.readable();
            else
                co_await yield();  // what is left there is not announced again
        } catch (const std::system_error& failure) {
            error = failure.code();
        } catch (const cancelled&) {  // the server gets an error first
            was_cancelled = true;
            error = std::make_error_code(std::errc::operation_canceled);
        }
        if (!react(one, socket, more, error, loop.now(), is_drained)) break;
        tell(teller, one, socket);
    }
    if (was_cancelled && !one.result().is_whole()) throw cancelled{};
    teller.tell(one, true);
    co_return one.result();
}

}  // namespace detail

inline task<outcome> get(endpoint server, std::string file_name, sink& into, settings wishes, request more) {
    transfer one{detail::as_received(server), file_name, more.mode, into, wishes};
    detail::transfer_socket socket{detail::any_port_for(server), wishes.window_size > 1};
    outcome result = co_await detail::run_in_task(one, socket, more);
    result = detail::explained(std::move(result), socket);
    if (!result.is_whole()) detail::fail("get ", file_name, " from ", server, result);
    co_return result;
}
inline task<outcome> put(endpoint server, source& from, std::string file_name, settings wishes, request more) {
    transfer one{detail::as_received(server), file_name, more.mode, from, wishes};
    detail::transfer_socket socket{detail::any_port_for(server), false};
    outcome result = co_await detail::run_in_task(one, socket, more);
    result = detail::explained(std::move(result), socket);
    if (!result.is_whole()) detail::fail("put ", file_name, " to ", server, result);
    co_return result;
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_ASYNC_CLIENT_HPP
