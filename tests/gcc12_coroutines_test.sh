#!/bin/sh
# What gcc12_coroutines.sh promises: it finds each bad spelling in its line, is silent about the good ones, and this tree
# passes it. The good ones are compiled and run as well, with AddressSanitizer.
#
#     sh gcc12_coroutines_test.sh CXX SOURCE_DIRECTORY

set -u
case ${1-} in
    --help | -h) sed -n 's/^#     //p' "$0"; exit 0 ;;
    -*) sed -n 's/^#     //p' "$0" >&2; exit 2 ;;
esac
[ $# -eq 2 ] || { sed -n 's/^#     //p' "$0" >&2; exit 2; }
cxx=$1
source=$2
finder=$source/tests/gcc12_coroutines.sh
command -v python3 > /dev/null || { echo "SKIPPED: python3 is not installed"; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
status=0

cat > "$scratch/begin.hpp" << 'CPP'
#include <netnotes/coro.hpp>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>
namespace net = netnotes;
using text = std::string;
struct pair { text a; int b; };
struct box { text a; };
struct point { int x, y; };
struct with_constructor { with_constructor(text t, int n) : a{t}, b{n} {} text a; int b; };
static const text words = "a text that is long enough to lie on the heap";
inline net::task<text> get() { co_await net::yield(); co_return words; }
inline net::task<bool> yes() { co_await net::yield(); co_return true; }
inline net::task<int> number() { co_await net::yield(); co_return 3; }
inline net::task<std::optional<text>> perhaps() { co_await net::yield(); co_return words; }
inline net::task<int> takes_a_pair(pair p) { co_await net::yield(); co_return p.b; }
inline net::task<int> takes_point(point p) { co_await net::yield(); co_return p.x; }
inline net::task<int> takes_object(with_constructor p) { co_await net::yield(); co_return p.b; }
inline net::task<int> call(std::function<int()> f) { co_await net::yield(); co_return f(); }
inline net::task<int> length(text t) { co_await net::yield(); co_return int(t.size()); }
CPP

# Each line of these is wrong.
cat > "$scratch/bad.cpp" << 'CPP'
net::task<> b01() { if (co_await yes()) co_return; }
net::task<> b02() { while (!co_await yes()) {} }
net::task<> b03() { switch (co_await number()) { default: co_return; } }
net::task<> b04() { for (; !(co_await yes());) {} }
net::task<> b05() { do {} while (!(co_await yes())); }
net::task<> b06() { text k; co_await takes_a_pair({k, 1}); }
net::task<> b07() { text k; co_await takes_a_pair(pair{k, 1}); }
net::task<> b08() { text k; co_await takes_a_pair({.a = k, .b = 1}); }
net::task<> b09() { text k; co_await [k]() -> net::task<> { co_return; }(); }
net::task<> b10() { text k; int n = co_await call([k] { return int(k.size()); }); (void)n; }
net::task<> b11() { text k; co_await net::with_group([k](net::task_group&) -> net::task<> { co_return; }); }
net::task<> b12() { text k; auto n = [k](text t) { return t.size() + k.size(); }(co_await get()); (void)n; }
net::task<> b13() { text k; auto f = [=](text t) { return t + k; }; auto r = [f](text t) { return f(t); }(co_await get()); }
net::task<> b14() { pair x{co_await get(), 4}; (void)x; }
net::task<> b15() { pair x = {co_await get(), 4}; (void)x; }
net::task<pair> b16() { co_return pair{co_await get(), 4}; }
net::task<> b17() { box x{co_await get()}; (void)x; }
net::task<> b18() { std::vector all{co_await get(), co_await get()}; }
net::task<> b19() { text k; std::array<text, 2> all{k, co_await get()}; }
net::task<> b20() { bool c = true; text t = c ? co_await get() : co_await get(); }
net::task<> b21() { bool c = true; int n = co_await length(c ? text{"a"} : text("b")); (void)n; }
net::task<> b22() { text t = (co_await yes()) ? words : text("x"); }
net::task<> b23() { throw std::runtime_error{co_await get()}; }
net::task<> b24() { auto body = [](net::task_group&) -> net::task<> { if (co_await yes()) co_return; }; co_await net::with_group(body); }
net::task<> b25() { text k; auto p = std::make_pair(co_await get(), pair{k, 1}); }
net::task<> b27() { pair x(co_await get(), 4); (void)x; }
net::task<pair> b28() { co_return pair(co_await get(), 4); }
net::task<> b29() { text k; co_await takes_a_pair(pair(k, 1)); }
net::task<> b30() { auto p = pair(words, co_await number()); (void)p; }
net::task<> b31() { std::vector<pair> all; all.push_back(pair(co_await get(), 1)); }
net::task<> b32() { const box x(co_await get()); (void)x; }
net::task<> b26() { text k; int n = co_await call([k = std::move(k)] { return int(k.size()); }); (void)n; }
CPP
cat > "$scratch/good.cpp" << 'CPP'
#include "begin.hpp"
// if (co_await yes()) in a comment, and "if (co_await yes())" in a text, are neither.
net::task<> g01() { const bool ready = co_await yes(); if (ready) co_return; }
net::task<> g02() { if (auto ready = co_await yes(); ready) co_return; }
net::task<> g03() { int n = 0; while (!co_await yes()) ++n; }
net::task<> g04() { if (const auto got = co_await perhaps()) co_return; }
net::task<> g05() { pair p{words, 1}; co_await takes_a_pair(std::move(p)); }
net::task<> g06() { co_await takes_point({1, 2}); }
net::task<> g07() { co_await takes_object({words, 2}); }
net::task<> g08() { text k = words; auto body = [k]() -> net::task<> { co_return; }; co_await body(); }
net::task<> g09() { text k = words; auto f = [k] { return int(k.size()); }; co_await call(f); }
net::task<> g10() { text k = words; co_await call([&k] { return int(k.size()); }); }
net::task<> g11() { text k = words; auto body = [k](net::task_group&) -> net::task<> { co_return; }; co_await net::with_group(body); }
net::task<> g12() { co_await net::with_group([](net::task_group&) -> net::task<> { co_return; }); }
net::task<> g13() { text k = words; auto t = co_await get(); auto n = [k](text u) { return u.size() + k.size(); }(t); (void)n; }
net::task<> g14() { auto t = co_await get(); pair x{t, 4}; (void)x; }
net::task<> g15() { auto a = co_await get(); auto b = co_await get(); std::vector all{a, b}; }
net::task<> g16() { const bool c = true; text t; if (c) t = co_await get(); else t = words; }
net::task<int> g17() { co_return (co_await yes()) ? 52 : 0; }
net::task<> g18() { text k = words; const bool c = k.empty(); co_await length(c ? k : words); }
net::task<> g19() { auto why = co_await get(); if (why.empty()) throw std::runtime_error{why}; }
net::task<> g20() { std::vector<text> all; all.push_back(co_await get()); auto [one, two] = std::pair{1, 2}; co_await net::sleep_for(net::duration{one - two}); }
net::task<> g22() { with_constructor x(co_await get(), 4); (void)x; }
net::task<> g23() { point x(co_await number(), 4); (void)x; }
net::task<> g24() { text s(co_await get()); auto t = co_await get(); pair x(t, 4); (void)x; }
net::task<> g25() { int n = int(co_await number()) + std::max(1, co_await number()); (void)n; }
net::task<> g26() { std::string s(static_cast<std::size_t>(co_await number()), 'x'); (void)s; }
net::task<> g21() { text s{co_await get()}; co_await length(text{s}); }
int main() {
    net::event_loop loop;
    for (const auto each : {g01, g02, g03, g04, g05, g06, g07, g08, g09, g10, g11, g12, g13, g14, g15, g16, g18, g19, g20, g21, g22, g23, g24, g25, g26})
        loop.run(each());
    return loop.run(g17()) == 52 ? 0 : 1;
}
CPP

cat "$scratch/begin.hpp" "$scratch/bad.cpp" > "$scratch/all_bad.cpp"
before=$(wc -l < "$scratch/begin.hpp")
sh "$finder" "$scratch/all_bad.cpp" > "$scratch/found"
[ $? -eq 1 ] || { echo "FAILED: exit status for bad spellings"; status=1; }
line=$before
while IFS= read -r spelling; do
    line=$((line + 1))
    grep -q "all_bad.cpp:$line: " "$scratch/found" || { echo "FAILED: not found: $spelling"; status=1; }
done < "$scratch/bad.cpp"
sh "$finder" "$scratch/begin.hpp" "$scratch/good.cpp" > "$scratch/found" || { echo "FAILED: good spellings:"; cat "$scratch/found"; status=1; }
"$cxx" -std=c++20 -O1 -fsanitize=address -I"$source/include" "$scratch/good.cpp" -o "$scratch/good" -pthread || { echo "FAILED: they do not compile"; status=1; }
"$scratch/good" || { echo "FAILED: they do not run"; status=1; }
# serve_test.cpp and send_file_test.cpp have such temporaries on purpose: options without a destructor are safe, and they
# show that.
find "$source/include/netnotes" "$source/examples" "$source/tests" -name '*.[ch]pp' ! -name serve_test.cpp ! -name send_file_test.cpp -exec sh "$finder" {} + || { echo "FAILED: this tree"; status=1; }
[ $status -eq 0 ] && echo "all found, and nothing else"
exit $status
