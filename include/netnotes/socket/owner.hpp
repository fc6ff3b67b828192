// netnotes/socket/owner.hpp: a pointer that owns
// SPDX-License-Identifier: MIT
//
// An owner deletes its object when it is destroyed, so no path out of a function can forget the object:
//
//     first{new object}            first ──> object
//     second{std::move(first)}     second ──> object        `first` is empty now
//
// std::unique_ptr does the same. But <memory> takes five times as long to compile as this page. So a chapter that needs
// only an owner, such as tcp/reader.hpp, includes this page.
//
// On this page:  owner

#ifndef NETNOTES_SOCKET_OWNER_HPP
#define NETNOTES_SOCKET_OWNER_HPP

#include <cstddef>
#include <utility>

namespace netnotes::detail {

/// Releases an object with delete.
template <class T>
struct deleting {
    void operator()(T* object) const noexcept { delete object; }
};
/// Releases an array with delete[].
template <class T>
struct deleting<T[]> {
    void operator()(T* first) const noexcept { delete[] first; }
};
/// Names the type of the object, or of an element if T is an array.
template <class T>
struct owned {
    using type = T;
};
template <class T>
struct owned<T[]> {
    using type = T;
};

/// Owns an object, or an array if T is `U[]`. Calls `Release{}(object)` when the owner is destroyed. It can be moved,
/// not copied.
template <class T, class Release = deleting<T>>
class owner {
  public:
    /// Names the type that the owner points to.
    using element = typename owned<T>::type;

    /// Makes an empty owner.
    constexpr owner() noexcept = default;
    /// Makes an empty owner.
    constexpr owner(std::nullptr_t) noexcept {}
    /// Takes the object. nullptr makes an empty owner.
    constexpr explicit owner(element* object) noexcept : object_{object} {}
    /// Takes the object of `other`, which is empty afterwards.
    constexpr owner(owner&& other) noexcept : object_{other.release()} {}
    /// Takes the object of `other`, which is empty afterwards, and releases the old object.
    constexpr owner& operator=(owner&& other) noexcept {
        reset(other.release());
        return *this;
    }
    /// Releases the object, if there is one.
    constexpr ~owner() {
        if (object_) Release{}(object_);
    }

    /// Returns the object, which the caller now owns, and leaves this owner empty.
    [[nodiscard]] constexpr element* release() noexcept { return std::exchange(object_, nullptr); }
    /// Takes `object`, then releases the old object, if there is one.
    constexpr void reset(element* object = nullptr) noexcept {
        if (element* const old = std::exchange(object_, object)) Release{}(old);
    }
    /// Returns the object, which this owner keeps; nullptr if it is empty.
    [[nodiscard]] constexpr element* get() const noexcept { return object_; }
    /// Returns the object. The owner must not be empty.
    [[nodiscard]] constexpr element& operator*() const noexcept { return *object_; }
    /// Accesses a member of the object. The owner must not be empty.
    [[nodiscard]] constexpr element* operator->() const noexcept { return object_; }
    /// Returns an element of the array. `index` is not checked.
    [[nodiscard]] constexpr element& operator[](std::size_t index) const noexcept { return object_[index]; }
    /// Returns true if it owns an object.
    constexpr explicit operator bool() const noexcept { return object_ != nullptr; }

  private:
    element* object_ = nullptr;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_OWNER_HPP
