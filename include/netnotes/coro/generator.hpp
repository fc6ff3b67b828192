// netnotes/coro/generator.hpp: functions that pause
// SPDX-License-Identifier: MIT
//
// A function that is called begins, runs to its end and is gone, and its variables with it. A *coroutine* may stop in
// the middle and be gone on with later: its variables live not on the stack but in a *frame* of its own, on the heap,
// together with the place where it stopped. That is all. There is no second stack and no copy of the processor's
// registers (the notes have it that a coroutine "carries its own CPU context"; so do the ones with a stack of their
// own, such as Python's greenlet, but not Python's generators and not C++'s): to go on is a call, to pause a return.
//
//        generator: asymmetric. Whoever asks is          greenlet: symmetric. Each names
//        always answered by a return to him              the next, nobody is the master
//
//          loop ── next() ──> coroutine                    run() ──> a ── switch_to(b) ──> b
//            ^                    |                                   ^                    |
//            └── co_yield value ──┘                                   └── switch_to(a) ────┘
//
// Nobody but the program decides when (that is *co-operative*), so between two pauses nobody interferes, and who never
// pauses lets nobody else go on.
//
// A coroutine's parameters are copied into its frame, but what a reference or a pointer refers to is not: it must live
// as long as the coroutine. The same holds for what a lambda has captured: the lambda, not the frame, holds it. So a
// coroutine's lambda captures nothing, and takes parameters.
//
// On this page:  generator · greenlet · switch_to
// The notes:     协程简单例子 (a generator), greenlet 版协程 (greenlets); examples 22 and 23

#ifndef NETNOTES_CORO_GENERATOR_HPP
#define NETNOTES_CORO_GENERATOR_HPP

#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "../ip/version.hpp"

namespace netnotes {

// ---- The generator -------------------------------------------------------------------------------------

/// Values, one after another, each computed when it is asked for:
///
///     generator<int> count_to(int last) { for (int i = 1; i <= last; ++i) co_yield i; }
///
///     for (int i : count_to(3)) ...                                   as any range
///     while (int* i = numbers.next()) ...                             or step by step, as Python's next()
///
/// An input range: it is passed once. A second loop goes on behind the value at which the first was left. What is
/// yielded is not copied when it is a temporary, so move-only values will do; of a `generator<T&>` one gets the very
/// object. An exception of the coroutine comes out of the call that made it go on, and then the generator has ended.
/// Destroying a generator in the middle destroys the coroutine's variables. For one thread at a time. `co_await` has
/// no meaning inside and does not compile.
template <class T>
class [[nodiscard]] generator {
  public:
    class promise_type;
    class iterator;
    using value_type = std::remove_cvref_t<T>;
    using reference = std::conditional_t<std::is_reference_v<T>, T, T&&>;
    using pointer = std::add_pointer_t<reference>;

    generator(generator&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    generator& operator=(generator&& other) noexcept {
        generator{std::move(other)}.swap(*this);
        return *this;
    }
    ~generator() {
        if (coroutine_) coroutine_.destroy();
    }
    void swap(generator& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// Lets the coroutine run to its next co_yield, and gives the address of what it yields, valid until it goes on; or
    /// nullptr when it has ended. Throws what it throws.
    pointer next();
    /// Runs to the first value; see next().
    [[nodiscard]] iterator begin() { return iterator{next() ? coroutine_ : nullptr}; }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  private:
    explicit generator(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}
    static pointer next_of(std::coroutine_handle<promise_type> coroutine);

    std::coroutine_handle<promise_type> coroutine_;
};

/// It refers to the coroutine, not to the generator object: when the generator is moved or swapped, the iterator goes on
/// with the same values. It must not be used when the generator that owns the coroutine is gone.
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
    [[nodiscard]] reference operator*() const noexcept {
        return static_cast<reference>(*source_.promise().value_);
    }
    iterator& operator++() {
        const auto source = std::exchange(source_, nullptr);  // at the end, if this throws
        if (next_of(source)) source_ = source;
        return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return !at.source_; }

  private:
    friend generator;
    explicit iterator(std::coroutine_handle<promise_type> source) noexcept : source_{source} {}

    std::coroutine_handle<promise_type> source_;
};

// ---- The greenlet --------------------------------------------------------------------------------------

/// A coroutine that says who goes on when it pauses, as Python's greenlet does:
///
///     greenlet a_body(greenlet& b) { ...; co_await switch_to(b); ... }
///
///     greenlet a, b;                        declared first, for each is to know the other
///     a = a_body(b);
///     b = b_body(a);
///     a.run();                              until one of them ends; the others stay where they paused
///
/// For one thread at a time. Destroying one that has paused destroys its variables; none may destroy itself.
class [[nodiscard]] greenlet {
  public:
    class promise_type;
    class switching;

    /// None: it can be assigned to, and not be run.
    greenlet() noexcept = default;
    greenlet(greenlet&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    greenlet& operator=(greenlet&& other) noexcept {
        greenlet{std::move(other)}.swap(*this);
        return *this;
    }
    ~greenlet() {
        if (coroutine_) coroutine_.destroy();
    }
    void swap(greenlet& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// Lets it go on, and whomever it switches to, and so on, until one of them ends; and throws what that one throws.
    /// Inside a greenlet it may be called too: then it is a run inside a run. Throws std::logic_error when the greenlet
    /// is none, has ended, or is running already.
    void run();
    /// Has it run to its end? One that is none has not.
    [[nodiscard]] bool finished() const noexcept { return coroutine_ && coroutine_.done(); }

  private:
    friend switching switch_to(greenlet& next) noexcept;
    [[nodiscard]] promise_type& to_be_continued() const;
    explicit greenlet(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

/// Inside a greenlet, `co_await switch_to(next)`: pauses here and goes on there, until somebody switches back. Throws
/// std::logic_error, here, when `next` is none, has ended, or waits in a run() further out.
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
    /// What is yielded outlives the pause: a temporary lives to the end of the full expression, and the pause is in it.
    std::suspend_always yield_value(reference value) noexcept {
        value_ = std::addressof(value);
        return {};
    }
    /// A variable of the coroutine may go on being used by it, so the one who asks gets a copy.
    auto yield_value(const value_type& value) requires(!std::is_reference_v<T> &&
                                                       std::is_copy_constructible_v<value_type>) {
        return copied{value, value_};
    }
    void return_void() const noexcept {}
    void unhandled_exception() const { throw; }  // out of next(), and the coroutine counts as ended
    void await_transform() = delete;

  private:
    friend generator;
    friend iterator;
    class copied : public std::suspend_always {
      public:
        copied(const value_type& value, pointer& where) : value_{value}, where_{where} {}
        void await_suspend(std::coroutine_handle<>) noexcept { where_ = std::addressof(value_); }

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

// The language has its own way of going from one coroutine to another, "symmetric transfer": await_suspend() returns
// the next one's handle. It needs the compiler to make a jump of a call, and g++ does so from -O2 on and not under a
// sanitizer; elsewhere each switch would leave a return address behind and the stack would overflow after some hundred
// thousand of them. So a switch here is a return to run(), which calls the next. That costs a nanosecond, and the stack
// never grows, with any compiler.

class greenlet::promise_type {
  public:
    greenlet get_return_object() noexcept { return greenlet{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const { throw; }  // out of resume(), and so out of run()
    /// Nothing else is awaited here: nobody would know that this greenlet is to go on.
    switching await_transform(switching next) const noexcept;

  private:
    friend greenlet;
    friend switching;
    /// Where the run() that has called this greenlet looks for the next. None while it has paused.
    promise_type** next_ = nullptr;
};

class [[nodiscard]] greenlet::switching {
  public:
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<promise_type> from) const {
        promise_type& current = from.promise();
        if (next_.coroutine_ == from) return false;  // to itself: it just goes on
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
