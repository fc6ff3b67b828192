// netnotes/coro/owner.hpp: a pointer that owns
// SPDX-License-Identifier: MIT
//
// std::unique_ptr does the same, but <memory> costs the compiler more than all of this page's users together. The
// chapters of coro/ need a tenth of it.
//
// On this page:  owner

#ifndef NETNOTES_CORO_OWNER_HPP
#define NETNOTES_CORO_OWNER_HPP

#include <cstddef>
#include <utility>

namespace netnotes::detail {

/// Deletes an object.
template <class T>
struct deleting {
    void operator()(T* object) const noexcept { delete object; }
};
/// Deletes an array.
template <class T>
struct deleting<T[]> {
    void operator()(T* first) const noexcept { delete[] first; }
};
template <class T>
struct owned {
    using type = T;
};
template <class T>
struct owned<T[]> {
    using type = T;
};

/// Owns an object, or an array if T is `U[]`, and gives it to Release when the owner ends. It can be moved, not copied.
template <class T, class Release = deleting<T>>
class owner {
  public:
    using element = typename owned<T>::type;

    /// Makes an empty owner.
    constexpr owner() noexcept = default;
    /// Makes an empty owner.
    constexpr owner(std::nullptr_t) noexcept {}
    /// Takes the object.
    constexpr explicit owner(element* object) noexcept : object_{object} {}
    constexpr owner(owner&& other) noexcept : object_{other.release()} {}
    constexpr owner& operator=(owner&& other) noexcept {
        reset(other.release());
        return *this;
    }
    constexpr ~owner() {
        if (object_) Release{}(object_);
    }

    /// Returns the object, which the caller now owns, and leaves this owner empty.
    [[nodiscard]] constexpr element* release() noexcept { return std::exchange(object_, nullptr); }
    /// Takes `object`, then releases the old object.
    constexpr void reset(element* object = nullptr) noexcept {
        if (element* const old = std::exchange(object_, object)) Release{}(old);
    }
    /// Returns the object, which this owner keeps; nullptr if it is empty.
    [[nodiscard]] constexpr element* get() const noexcept { return object_; }
    /// Refers to the object. The owner must not be empty.
    [[nodiscard]] constexpr element& operator*() const noexcept { return *object_; }
    [[nodiscard]] constexpr element* operator->() const noexcept { return object_; }
    [[nodiscard]] constexpr element& operator[](std::size_t index) const noexcept { return object_[index]; }
    /// Returns true if it owns an object.
    constexpr explicit operator bool() const noexcept { return object_ != nullptr; }

  private:
    element* object_ = nullptr;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_CORO_OWNER_HPP
