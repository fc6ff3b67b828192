// tests/back_end.hpp: the loops of a test program, on the back end that the environment names
// SPDX-License-Identifier: MIT
//
// One suite runs on both: the test program is started twice, the second time with NETNOTES_BACK_END=io_uring.

#ifndef NETNOTES_TESTS_BACK_END_HPP
#define NETNOTES_TESTS_BACK_END_HPP

#include <cstdlib>
#include <string_view>

#include <netnotes/coro/io/io_uring.hpp>
#include <netnotes/coro/loop.hpp>

inline bool asks_for_io_uring() {
    const char* const wish = std::getenv("NETNOTES_BACK_END");
    return wish && std::string_view{wish} == "io_uring";
}
class test_loop : public netnotes::event_loop {
  public:
    explicit test_loop(netnotes::loop_options options = {}) : event_loop{on_back_end(options)} {}

  private:
    static netnotes::loop_options on_back_end(netnotes::loop_options options) {
        if (asks_for_io_uring()) options.backend = netnotes::io_backend::io_uring;
        return options;
    }
};

#endif
