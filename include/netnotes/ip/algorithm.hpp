// netnotes/ip/algorithm.hpp: the few algorithms that the chapters need
// SPDX-License-Identifier: MIT
//
// <algorithm> has 14,000 lines, and a program that includes it waits for them in every compilation. The chapters below
// coro.hpp need six of its functions, in the forms that stand here. A chapter that needs more includes <algorithm>.
//
// On this page:  min, max, clamp · copy_n · find_if · sort

#ifndef NETNOTES_IP_ALGORITHM_HPP
#define NETNOTES_IP_ALGORITHM_HPP

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

// A namespace of its own: the addresses have a base class in detail. For a program that also has `using namespace std`,
// find_if() of addresses would otherwise be two functions that fit equally well, and would not compile.
namespace netnotes::detail::algorithms {

/// Returns the smaller value, and `a` if they are equal.
template <class T>
[[nodiscard]] constexpr const T& min(const T& a, const T& b) {
    return b < a ? b : a;
}
/// Returns the larger value, and `a` if they are equal.
template <class T>
[[nodiscard]] constexpr const T& max(const T& a, const T& b) {
    return a < b ? b : a;
}

/// Returns `value`, or the limit that it passes.
template <class T>
[[nodiscard]] constexpr const T& clamp(const T& value, const T& low, const T& high) {
    return value < low ? low : high < value ? high : value;
}

/// Copies `count` items, and returns the place behind the last copy. The two places must not overlap.
template <class T>
constexpr T* copy_n(const T* from, std::size_t count, T* to) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    if (std::is_constant_evaluated()) {
        for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
    } else if (count > 0) {  // memcpy() refuses a null pointer even for no bytes
        std::memcpy(to, from, count * sizeof(T));
    }
    return to + count;
}

/// Returns the first place whose item fulfils the condition, or `last`.
template <class Place, class Condition>
[[nodiscard]] constexpr Place find_if(Place first, Place last, Condition condition) {
    while (first != last && !condition(*first)) ++first;
    return first;
}

/// Sorts `count` items, the smallest first. Heap sort: it takes count · log(count) steps for any input, and no memory.
template <class T>
constexpr void sort(T* items, std::size_t count) {
    // In a heap no parent is smaller than its two children, so the largest item is the first.
    const auto sink = [&](std::size_t parent, std::size_t size) {
        for (std::size_t child; (child = 2 * parent + 1) < size; parent = child) {
            if (child + 1 < size && items[child] < items[child + 1]) ++child;
            if (!(items[parent] < items[child])) return;
            std::swap(items[parent], items[child]);
        }
    };
    for (std::size_t parent = count / 2; parent > 0; --parent) sink(parent - 1, count);
    for (std::size_t size = count; size > 1; --size) {
        std::swap(items[0], items[size - 1]);
        sink(0, size - 1);
    }
}

}  // namespace netnotes::detail::algorithms

namespace netnotes::detail {
using namespace algorithms;  // a lookup by the types of arguments does not follow this
}

#endif  // NETNOTES_IP_ALGORITHM_HPP
