// netnotes/socket/random.hpp: a key that nobody guesses
// SPDX-License-Identifier: MIT
//
// A secret must come from the kernel. It gathers what nobody can predict, such as the times of interrupts, and makes a
// stream of random bytes of that. A clock is no secret: a stranger knows the hour, and tries its microseconds.
//
//        interrupts, devices ──> the kernel's generator ── getrandom(2) ──> key ──> keyed_hash
//
// On this page:  random_key()
// Below it:      ip/keyed_hash.hpp
// The notes:     tcp半链接攻击; example 35

#ifndef NETNOTES_SOCKET_RANDOM_HPP
#define NETNOTES_SOCKET_RANDOM_HPP

#include <sys/auxv.h>
#include <sys/random.h>

#include <cstring>

#include "../ip/keyed_hash.hpp"

namespace netnotes {

/// Returns a new random key. Does not wait. Each process has 16 random bytes of the kernel (AT_RANDOM, getauxval(3)).
/// They are the key if the kernel has no better ones yet, which happens only while the machine boots.
[[nodiscard]] inline keyed_hash::key random_key() noexcept {
    keyed_hash::key made;
    static_assert(sizeof made == 16);
    if (::getrandom(&made, sizeof made, GRND_NONBLOCK) != sizeof made)
        if (const void* const at_start = reinterpret_cast<const void*>(::getauxval(AT_RANDOM)))
            std::memcpy(&made, at_start, sizeof made);
    return made;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_RANDOM_HPP
