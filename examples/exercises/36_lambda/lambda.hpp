#pragma once

#include "netnotes/coro.hpp"

#include <stdexcept>
#include <string>
#include <vector>

/// A visitor knows if it is dead: then its functions throw.
class visitor {
  public:
    visitor(std::string name, netnotes::duration delay) : name_{std::move(name)}, delay_{delay} { ++count; }
    visitor(const visitor& other) : name_{other.name()}, delay_{other.delay()} { ++count; }
    visitor& operator=(const visitor&) = delete;
    ~visitor() {
        state_ = dead;
        --count;
    }
    const std::string& name() const { return check(), name_; }
    netnotes::duration delay() const { return check(), delay_; }
    static inline int count = 0;  ///< visitors that are alive

  private:
    static constexpr unsigned alive = 0x600d1d, dead = 0xdead1d;
    void check() const {
        if (state_ != alive) throw std::logic_error{"a visitor was used after its end"};
    }
    volatile unsigned state_ = alive;
    std::string name_;
    netnotes::duration delay_;
};

/// Greets all visitors at the same time: adds "hello NAME" to `said` when the visitor's delay is over. Returns when all have
/// been greeted. `said` lives longer than the task.
netnotes::task<> greet_all(std::vector<visitor> visitors, std::vector<std::string>& said);
