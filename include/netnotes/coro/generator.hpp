// netnotes/coro/generator.hpp: functions that pause
// SPDX-License-Identifier: MIT
//
// A normal function runs from its beginning to its end, and then its variables are gone. A *coroutine* can stop in the
// middle and continue later. Its variables do not live on the stack but in a *frame* on the heap. The frame also stores
// the place where the coroutine stopped. To resume a coroutine is a call, and to pause it is a return.
//
// There is no second stack and no copy of the processor's registers. The notes say that a coroutine "carries its own
// CPU context". That is true of coroutines with their own stack, such as Python's greenlets. It is not true of Python's
// generators, nor of C++'s coroutines.
//
//        generator: asymmetric. co_yield                 greenlet: symmetric. Each coroutine names
//        always returns to the caller of next()          the next one, and no caller is in charge
//
//          loop ── next() ──> coroutine                    run() ──> a ── switch_to(b) ──> b
//            ^                    │                                   ^                    │
//            └── co_yield value ──┘                                   └── switch_to(a) ────┘
//
// A coroutine runs until it pauses: that is called *co-operative*. Between two pauses no other coroutine of the thread
// can change its data. But a coroutine that never pauses keeps all others waiting.
//
// The parameters of a coroutine are copied into its frame. The object behind a reference or a pointer is not copied, so
// it must live as long as the coroutine. The same holds for a lambda's captures, because the lambda holds them and not
// the frame. So write a lambda that is a coroutine without captures, and give it parameters.
//
// On this page:  generator · greenlet · switch_to
// The notes:     协程简单例子 (a generator), greenlet 版协程 (greenlets); examples 22 and 23

#ifndef NETNOTES_CORO_GENERATOR_HPP
#define NETNOTES_CORO_GENERATOR_HPP

#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "../ip/version.hpp"

namespace netnotes {

// ---- The generator -------------------------------------------------------------------------------------

/// A sequence of values. Each value is computed when the caller asks for it:
///
///     generator<int> count_to(int last) { for (int i = 1; i <= last; ++i) co_yield i; }
///
///     for (int i : count_to(3)) ...                                   as a range
///     while (int* i = numbers.next()) ...                             or step by step, like Python's next()
///
/// A generator is an input range, so its values can be read only once. A second loop continues behind the value at
/// which the first loop ended. A temporary is yielded without a copy, so T may be move-only. A `generator<T&>` yields
/// the object itself.
///
/// If the coroutine throws, the exception leaves the call that resumed it, and the generator has ended. To destroy a
/// generator in the middle destroys the coroutine's variables. Only one thread at a time may use a generator.
/// `co_await` inside a generator does not compile.
template <class T>
class [[nodiscard]] generator {
  public:
    class promise_type;
    class iterator;
    using value_type = std::remove_cvref_t<T>;
    using reference = std::conditional_t<std::is_reference_v<T>, T, T&&>;
    using pointer = std::add_pointer_t<reference>;

    /// Takes over the coroutine of `other`, which is then empty: its next() returns nullptr.
    generator(generator&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    generator& operator=(generator&& other) noexcept {
        generator{std::move(other)}.swap(*this);
        return *this;
    }
    ~generator() {
        if (coroutine_) coroutine_.destroy();
    }
    void swap(generator& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// Resumes the coroutine until its next co_yield. Returns the address of the yielded value, or nullptr if the
    /// coroutine has ended. The value is valid until the coroutine is resumed again. Throws the exception of the
    /// coroutine, and std::logic_error if the coroutine calls next() on its own generator.
    pointer next();
    /// Calls next() and returns an iterator at that value. Throws the same as next().
    [[nodiscard]] iterator begin() { return iterator{next() ? coroutine_ : nullptr}; }
    /// Returns the end of the range.
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  private:
    explicit generator(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}
    static pointer next_of(std::coroutine_handle<promise_type> coroutine);

    std::coroutine_handle<promise_type> coroutine_;
};

/// Iterates over the values of a generator. It refers to the coroutine and not to the generator object, so it stays
/// valid when the generator is moved or swapped. Do not use it after the generator that owns the coroutine is
/// destroyed.
template <class T>
class generator<T>::iterator {
  public:
    using value_type = generator::value_type;
    using difference_type = std::ptrdiff_t;

    iterator(iterator&& other) noexcept : source_{std::exchange(other.source_, nullptr)} {}
    iterator& operator=(iterator&& other) noexcept {
        source_ = std::exchange(other.source_, nullptr);
        return *this;
    }
    /// Returns the value, which is valid until the coroutine is resumed. The iterator must not be at the end.
    [[nodiscard]] reference operator*() const noexcept {
        return static_cast<reference>(*source_.promise().value_);
    }
    /// Resumes the coroutine until its next value; see generator::next().
    iterator& operator++() {
        const auto source = std::exchange(source_, nullptr);  // if the next line throws, the iterator is at the end
        if (next_of(source)) source_ = source;
        return *this;
    }
    void operator++(int) { ++*this; }
    /// Returns true if the coroutine has ended.
    friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return !at.source_; }

  private:
    friend generator;
    explicit iterator(std::coroutine_handle<promise_type> source) noexcept : source_{source} {}

    std::coroutine_handle<promise_type> source_;
};

// ---- The greenlet --------------------------------------------------------------------------------------

/// A coroutine that names the next coroutine when it pauses, like Python's greenlet:
///
///     greenlet a_body(greenlet& b) { ...; co_await switch_to(b); ... }
///
///     greenlet a, b;                        // declared first, because each body needs the other greenlet
///     a = a_body(b);
///     b = b_body(a);
///     a.run();                              // until one of them ends; the other one stays paused
///
/// Only one thread at a time may use a greenlet. To destroy a paused greenlet destroys its variables. A greenlet must
/// not destroy itself.
class [[nodiscard]] greenlet {
  public:
    class promise_type;
    class switching;

    /// Creates an empty greenlet. It can be assigned to, but not run.
    greenlet() noexcept = default;
    /// Takes over the coroutine of `other`, which is then empty.
    greenlet(greenlet&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    greenlet& operator=(greenlet&& other) noexcept {
        greenlet{std::move(other)}.swap(*this);
        return *this;
    }
    ~greenlet() {
        if (coroutine_) coroutine_.destroy();
    }
    void swap(greenlet& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// Resumes this greenlet, and then each greenlet that is switched to, until one of them ends. Throws the exception
    /// of that greenlet. A greenlet may call run() too; then one run happens inside another. Throws std::logic_error if
    /// this greenlet is empty, has ended, or is already running.
    void run();
    /// Returns true if the greenlet has run to its end. Returns false for an empty greenlet.
    [[nodiscard]] bool finished() const noexcept { return coroutine_ && coroutine_.done(); }

  private:
    friend switching switch_to(greenlet& next) noexcept;
    [[nodiscard]] promise_type& to_be_continued() const;
    explicit greenlet(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

/// Pauses this greenlet and resumes `next`, until another greenlet switches back: `co_await switch_to(next)`. The
/// co_await throws std::logic_error if `next` is empty, has ended, or waits in an outer run().
[[nodiscard]] greenlet::switching switch_to(greenlet& next) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

template <class T>
class generator<T>::promise_type {
  public:
    generator get_return_object() noexcept {
        return generator{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    /// Stores the address of the yielded object. A temporary lives until the end of the full expression, and the
    /// coroutine pauses inside this expression. So the object outlives the pause.
    std::suspend_always yield_value(reference value) noexcept {
        value_ = __builtin_addressof(value);  // std::addressof without <memory>
        return {};
    }
    /// Yields a copy of a variable, because the coroutine may still use the variable.
    auto yield_value(const value_type& value) requires(!std::is_reference_v<T> &&
                                                       std::is_copy_constructible_v<value_type>) {
        return copied{value, value_};
    }
    void return_void() const noexcept {}
    void unhandled_exception() const { throw; }  // leaves next(), and the coroutine counts as ended
    void await_transform() = delete;

  private:
    friend generator;
    friend iterator;
    class copied : public std::suspend_always {
      public:
        copied(const value_type& value, pointer& where) : value_{value}, where_{where} {}
        void await_suspend(std::coroutine_handle<>) noexcept { where_ = __builtin_addressof(value_); }

      private:
        value_type value_;
        pointer& where_;
    };

    pointer value_ = nullptr;
    bool is_running_ = false;
};

template <class T>
typename generator<T>::pointer generator<T>::next() {
    return next_of(coroutine_);
}
template <class T>
typename generator<T>::pointer generator<T>::next_of(std::coroutine_handle<promise_type> coroutine) {
    if (!coroutine || coroutine.done()) return nullptr;
    promise_type& promise = coroutine.promise();
    if (promise.is_running_) throw std::logic_error{"a generator cannot ask itself for the next value"};
    const struct running {
        promise_type& promise;
        explicit running(promise_type& of) noexcept : promise{of} { promise.is_running_ = true; }
        ~running() { promise.is_running_ = false; }
    } until_it_pauses{promise};
    coroutine.resume();
    return coroutine.done() ? nullptr : promise.value_;
}

// C++ has its own way to switch from one coroutine to another, "symmetric transfer": await_suspend() returns the handle
// of the next coroutine. This works well only if the compiler turns the call into a jump. The compiler g++ does so from
// -O2 on, but not with a sanitizer. Without the jump each switch leaves a return address on the stack, and it overflows
// after about 100,000 switches. So here a switch is a return to run(), which calls the next greenlet. That costs a
// nanosecond, and the stack never grows, with any compiler.

class greenlet::promise_type {
  public:
    greenlet get_return_object() noexcept { return greenlet{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const { throw; }  // leaves resume(), and so run()
    /// Allows only co_await switch_to(). After any other co_await nothing would resume this greenlet.
    switching await_transform(switching next) const noexcept;

  private:
    friend greenlet;
    friend switching;
    /// The variable in which run() looks for the next greenlet. nullptr while this greenlet is paused.
    promise_type** next_ = nullptr;
};

class [[nodiscard]] greenlet::switching {
  public:
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<promise_type> from) const {
        promise_type& current = from.promise();
        if (next_.coroutine_ == from) return false;  // a switch to itself does nothing
        promise_type& next = next_.to_be_continued();
        next.next_ = current.next_;
        *std::exchange(current.next_, nullptr) = &next;
        return true;
    }
    void await_resume() const noexcept {}

  private:
    friend switching switch_to(greenlet& next) noexcept;
    explicit switching(greenlet& next) noexcept : next_{next} {}

    greenlet& next_;
};

inline greenlet::switching greenlet::promise_type::await_transform(switching next) const noexcept { return next; }

inline greenlet::switching switch_to(greenlet& next) noexcept { return greenlet::switching{next}; }

inline greenlet::promise_type& greenlet::to_be_continued() const {
    if (!coroutine_) throw std::logic_error{"empty greenlet: default-constructed or moved from"};
    if (coroutine_.done()) throw std::logic_error{"this greenlet has ended"};
    if (coroutine_.promise().next_) throw std::logic_error{"this greenlet is running already"};
    return coroutine_.promise();
}

inline void greenlet::run() {
    promise_type* next = &to_be_continued();
    next->next_ = &next;
    while (promise_type* const current = std::exchange(next, nullptr))
        std::coroutine_handle<promise_type>::from_promise(*current).resume();
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_GENERATOR_HPP
