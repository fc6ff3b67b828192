// One fault after the other: each call that a session makes fails once: the first, the second, and so on to the last.
// Each time the result is checked. See faults.hpp.

#pragma once

#include "faults.hpp"
#include "support.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace faults {

/// Ends the program if a session hangs, because a thread that hangs cannot be ended, and says where it hangs.
class watchdog {
  public:
    static constexpr auto patience = std::chrono::seconds{600};  // no measure of speed: all of it takes milliseconds
    watchdog() : thread_{[this] { watch(); }} {}
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog() {
        {
            const std::lock_guard guard{mutex_};
            is_over_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    void begins(std::string what) {
        const std::lock_guard guard{mutex_};
        what_ = std::move(what);
        ++number_;
        changed_.notify_one();
    }

  private:
    void watch() {
        std::unique_lock lock{mutex_};
        for (;;) {
            const unsigned watched = number_;
            if (changed_.wait_for(lock, patience, [&] { return is_over_ || number_ != watched; })) {
                if (is_over_) return;
                continue;
            }
            std::fprintf(stderr, "it hangs when %s\n", what_.c_str());
            std::_Exit(1);
        }
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string what_{"it begins"};
    unsigned number_ = 0;
    bool is_over_ = false;
    std::thread thread_;
};

/// What came of a session. CHECK it afterwards: what Catch2 remembers would count as lost memory.
struct account {
    unsigned right = 0;   ///< conversations in which every byte has come back
    unsigned broken = 0;  ///< sessions that ended early, and correctly up to there
    unsigned wrong = 0;
    bool has_ended = false;        ///< the server, as it was told to
    std::exception_ptr failure{};  ///< or with this
    [[nodiscard]] bool failed() const { return static_cast<bool>(failure); }
};
using session = std::function<account(script&)>;

inline std::string words_of(const std::exception_ptr& failure) {
    if (!failure) return "no failure";
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        return error.what();
    }
}

/// Has a session with the first call of each kind failing, then with the second, and so on until there is no such call
/// any more. `check` says what must have come of it. Returns how many faults there were.
inline unsigned sweep(const std::vector<std::pair<call, int>>& faults_to_come, const session& hold,
                      const std::function<void(const account&, script&, call)>& check) {
    constexpr unsigned bound = 2000;  // far more calls than a session makes
    watchdog dog;
    unsigned struck = 0;
    {
        script none;  // the first time in a program some memory is taken that is kept
        hold(none);
    }
    for (const auto& [what, error] : faults_to_come) {
        for (unsigned nth = 1; nth < bound; ++nth) {
            const std::string words = std::string{name(what)} + " number " + std::to_string(nth) +
                                     " fails: " + std::system_category().message(error);
            INFO(words);
            dog.begins(words);
            script chosen;
            chosen.fail(what, error, nth);
            const auto descriptors = support::open_descriptors();
            const auto blocks = blocks_in_use.load();
            const account came = hold(chosen);
            const auto blocks_left = blocks_in_use.load() - blocks;
            CHECK(support::open_descriptors() == descriptors);
            INFO(words_of(came.failure));
            if (!came.failed()) CHECK(blocks_left == 0);  // an exception that is kept has its words
            CHECK(came.wrong == 0);
            check(came, chosen, what);
            if (chosen.failed() == 0) break;
            ++struck;
        }
    }
    return struck;
}

}  // namespace faults
