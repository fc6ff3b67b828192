// netnotes/socket/iostream.hpp: a connection as a C++ stream
// SPDX-License-Identifier: MIT
//
// Python's s.makefile() gives a file on a socket, so that a program can read it line by line. Here it is a
// std::iostream: std::getline, <<, >> and everything that takes a stream work on the connection.
//
//        recv ──> [ 4 KiB read, not yet taken ] ──> getline, >>
//        <<, put ──> [ 4 KiB written, not yet sent ] ──> send_all     when full, at std::flush, and before
//                                                                     every receive that may wait
//
// The flush before a receive prevents a deadlock, in which both sides wait for a question that is still in the other
// side's buffer. A timeout of the socket holds for each receive and each flush. If a receive or flush fails, the stream
// becomes bad() and error() returns the reason. The buffer itself never throws. A buffer can only report an end, so
// eof() is true as well: ask bad() first. Text arrives as the peer sends it: lines of network protocols end in "\r\n",
// and getline leaves the '\r'. The stream has no limit on a line, so it is not for peers that you do not trust.
//
// On this page:  socket_iostream
// The notes:     s.makefile() (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_IOSTREAM_HPP
#define NETNOTES_SOCKET_IOSTREAM_HPP

#include <array>
#include <cstddef>
#include <istream>
#include <streambuf>
#include <system_error>
#include <utility>

#include "socket.hpp"

namespace netnotes {

/// The buffer between a std::iostream and a connected stream socket, which it does not own.
class socket_streambuf : public std::streambuf {
  public:
    /// `stream` is the stream that uses this buffer: it becomes bad() when a receive fails. Without it a failed receive
    /// looks like the end of the stream, and error() tells the difference.
    explicit socket_streambuf(socket& connection, std::ios* stream = nullptr) noexcept
        : connection_{connection}, stream_{stream} {
        setp(out_.data(), out_.data() + out_.size());
    }
    socket_streambuf(const socket_streambuf&) = delete;
    socket_streambuf& operator=(const socket_streambuf&) = delete;
    ~socket_streambuf() override { socket_streambuf::sync(); }  // its own: what is derived from it is gone

    /// Returns why the stream is bad, or no error after an orderly end.
    [[nodiscard]] const std::error_code& error() const noexcept { return error_; }

  protected:
    int_type underflow() override {
        if (sync() != 0) return fail();
        const std::size_t size = connection_.recv(in_, error_);
        if (error_) return fail();
        setg(in_.data(), in_.data(), in_.data() + size);
        return size == 0 ? traits_type::eof() : traits_type::to_int_type(*gptr());
    }
    int_type overflow(int_type c) override {
        if (sync() != 0) return traits_type::eof();
        if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
        return sputc(traits_type::to_char_type(c));
    }
    int sync() override {
        const auto pending = static_cast<std::size_t>(pptr() - pbase());
        if (pending == 0) return 0;
        // After a failed send nothing more is sent, because it would arrive behind a gap. After a failed receive the
        // conversation can continue, for example if the peer was only late.
        if (!send_error_) connection_.send_all(std::span{out_}.first(pending), send_error_);
        setp(out_.data(), out_.data() + out_.size());  // sent or lost
        error_ = send_error_;
        return error_ ? -1 : 0;
    }

  private:
    /// Makes the stream bad. setstate() sets the state before it throws. The exception must not leave a buffer. If the
    /// program has asked for exceptions, the stream itself throws afterwards.
    int_type fail() noexcept {
        try {
            if (stream_) stream_->setstate(std::ios::badbit);
        } catch (const std::ios_base::failure&) {
        }
        return traits_type::eof();
    }

    socket& connection_;
    std::ios* stream_;
    std::error_code error_, send_error_;
    std::array<char, 4096> in_{};
    std::array<char, 4096> out_{};
};

/// A std::iostream on a connection. It owns the socket. The destructor sends the buffered bytes and closes the socket.
/// If the peer does not read, the destructor waits, so give the socket a timeout.
/// Use it only with sockets that wait: `set_blocking(false)` would make every pause of the peer an error.
class socket_iostream : public std::iostream {
  public:
    explicit socket_iostream(socket connection)
        : std::iostream{nullptr}, connection_{std::move(connection)}, buffer_{connection_, this} {
        rdbuf(&buffer_);
    }
    /// Returns the connection, for example for its options and its deadline.
    [[nodiscard]] socket& connection() noexcept { return connection_; }
    [[nodiscard]] const std::error_code& error() const noexcept { return buffer_.error(); }

  private:
    socket connection_;
    socket_streambuf buffer_;
};

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_IOSTREAM_HPP
