// tests/fuzz/driver.cpp: runs a fuzzer without libFuzzer, so with any compiler
// SPDX-License-Identifier: MIT
//
//     ip_text_fuzz corpus/ip_text                                  each file of the folder, once: what ctest does
//     ip_text_fuzz --random 100000 --seed 7 corpus/ip_text         and then 100,000 inputs made out of them
//     ip_text_fuzz ip_text_fuzz.input                              what a run before has died of, again
//
// The inputs that it makes are mutations: bits flipped, pieces cut out, doubled, or taken from another input, words of
// a dictionary put in. Unlike libFuzzer it does not see which inputs reach new code, so it finds less in the same time.
// But each number and seed give the same inputs everywhere, a debugger or another sanitizer may watch, and g++ is
// enough. The input that runs is in a file all the time: whatever kills the program, there it is.

#include "fuzz.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using bytes = std::vector<std::uint8_t>;
volatile std::sig_atomic_t was_stopped = 0;

constexpr std::string_view usage =
    "usage: NAME_fuzz [--random N] [--seed N] [--dictionary FILE] FILE_OR_FOLDER...\n"
    "Gives each file to the fuzzer, and then N inputs made by chance out of them. Without an input it fails.\n";

bytes read_file(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{"cannot read " + path.string()};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// In memory of just that size, so that AddressSanitizer sees a read beyond it.
void run(const bytes& input) {
    const auto exact = std::make_unique<std::uint8_t[]>(input.size());
    std::copy(input.begin(), input.end(), exact.get());
    LLVMFuzzerTestOneInput(exact.get(), input.size());
}

/// The words in quotation marks, one a line, in the form that libFuzzer and AFL read: "a", name="a\x00b".
std::vector<bytes> read_dictionary(const std::filesystem::path& path) {
    std::vector<bytes> words;
    std::ifstream file{path};
    if (!file) throw std::runtime_error{"cannot read " + path.string()};
    for (std::string line; std::getline(file, line);) {
        const std::size_t first = line.find('"'), last = line.rfind('"');
        if (line.starts_with('#') || first == last) continue;
        bytes& word = words.emplace_back();
        for (std::size_t i = first + 1; i < last; ++i) {
            auto byte = static_cast<std::uint8_t>(line[i]);
            if (line[i] == '\\' && line[++i] == 'x') {
                std::from_chars(line.data() + i + 1, line.data() + i + 3, byte, 16);
                i += 2;
            } else
                byte = static_cast<std::uint8_t>(line[i]);
            word.push_back(byte);
        }
    }
    return words;
}

/// Makes inputs. Number and seed decide all of each.
class mutator {
  public:
    static constexpr std::size_t longest = 4096;
    mutator(const std::vector<bytes>& corpus, const std::vector<bytes>& words) : corpus_{corpus}, words_{words} {}

    bytes make(std::uint64_t seed) {
        random_.seed(seed);
        bytes input = any_of(corpus_);
        for (std::size_t change = 0, changes = 1 + below(4); change < changes; ++change) mutate(input);
        input.resize(std::min(input.size(), longest));
        return input;
    }

  private:
    using offset = bytes::difference_type;
    std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_() % count); }
    const bytes& any_of(const std::vector<bytes>& all) { return all[below(all.size())]; }
    void put(bytes& into, const bytes& what, std::size_t at, std::size_t instead_of) {
        const auto place = into.begin() + static_cast<offset>(at);
        const auto end = place + static_cast<offset>(std::min(instead_of, into.size() - at));
        into.insert(into.erase(place, end), what.begin(), what.end());
    }
    bytes piece_of(const bytes& from) {
        const std::size_t begin = below(from.size() + 1), size = below(from.size() - begin + 1);
        const auto first = from.begin() + static_cast<offset>(begin);
        return {first, first + static_cast<offset>(size)};
    }
    void mutate(bytes& input) {
        const std::size_t at = below(input.size() + 1);
        const auto byte = static_cast<std::uint8_t>(random_());
        switch (below(8)) {
            case 0:
                if (at < input.size()) input[at] ^= static_cast<std::uint8_t>(1u << below(8));
                break;
            case 1:
                if (at < input.size()) input[at] = byte;
                break;
            case 2: put(input, {byte}, at, 0); break;
            case 3: put(input, bytes(below(16), byte), at, 0); break;
            case 4: put(input, {}, at, 1 + below(16)); break;
            case 5: put(input, piece_of(input), at, 0); break;
            case 6: put(input, piece_of(any_of(corpus_)), at, below(2) * longest); break;
            default:
                if (!words_.empty()) put(input, any_of(words_), at, below(2) * 4);
        }
    }

    const std::vector<bytes>& corpus_;
    const std::vector<bytes>& words_;
    std::mt19937_64 random_;
};

std::uint64_t number(std::string_view option, std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        throw std::invalid_argument{std::string{option} + " needs a number, and not '" + std::string{text} + "'"};
    return value;
}

/// A file with the input that runs. It is opened once: a million times would take minutes.
class kept_input {
  public:
    explicit kept_input(const std::filesystem::path& path)
        : path_{path}, file_{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)} {
        if (file_ < 0) fail();
    }
    kept_input(const kept_input&) = delete;
    kept_input& operator=(const kept_input&) = delete;
    ~kept_input() {
        ::close(file_);
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    void put(const bytes& input) const {
        const auto size = static_cast<off_t>(input.size());
        if (::pwrite(file_, input.data(), input.size(), 0) != size || ::ftruncate(file_, size) != 0) fail();
    }

  private:
    [[noreturn]] void fail() const {
        throw std::system_error{errno, std::system_category(), "write " + path_.string()};
    }
    std::filesystem::path path_;
    int file_;
};

void run_random(std::uint64_t count, std::uint64_t seed, const std::vector<bytes>& corpus,
                const std::vector<bytes>& words, const std::filesystem::path& path) {
    std::cout << count << " inputs from seed " << seed << ", each in " << path << " while it runs" << std::endl;
    const kept_input kept{path};
    mutator make{corpus, words};
    std::uint64_t done = 0;
    for (; done < count && !was_stopped; ++done) {
        const bytes input = make.make(seed + done);
        kept.put(input);
        run(input);
    }
    std::cout << "done: " << done << std::endl;
}

int fuzz_all(int count, char** arguments) {
    std::uint64_t wanted = 0, seed = 1;
    std::vector<bytes> corpus, words;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        const auto value = [&] {
            if (++i == count) throw std::invalid_argument{std::string{argument} + " needs a value"};
            return std::string_view{arguments[i]};
        };
        if (argument == "--help") return std::cout << usage, 0;
        if (argument == "--random")
            wanted = number(argument, value());
        else if (argument == "--seed")
            seed = number(argument, value());
        else if (argument == "--dictionary")
            words = read_dictionary(value());
        else if (argument.starts_with('-'))
            throw std::invalid_argument{"unknown option " + std::string{argument}};
        else {
            std::vector<std::filesystem::path> files{argument};
            if (std::filesystem::is_directory(argument)) {
                files.assign(std::filesystem::directory_iterator{argument}, {});
                std::sort(files.begin(), files.end());
            }
            for (const auto& file : files) corpus.push_back(read_file(file));
            for (std::size_t at = 0; at < files.size() && !was_stopped; ++at) {
                const bytes& input = corpus[corpus.size() - files.size() + at];
                std::cout << files[at].string() << ", " << input.size() << " bytes" << std::endl;
                run(input);
            }
        }
    }
    if (corpus.empty()) throw std::invalid_argument{"no input"};
    std::cout << "done: " << corpus.size() << " files" << std::endl;
    const auto keep = std::filesystem::path{arguments[0]}.filename() += ".input";
    if (wanted > 0) run_random(wanted, seed, corpus, words, keep);
    return was_stopped ? 128 + was_stopped : 0;
}

}  // namespace

int main(int count, char** arguments) {
    for (const int signal : {SIGINT, SIGTERM})
        std::signal(signal, [](int which) {
            was_stopped = which;
            std::signal(which, SIG_DFL);  // the second ends a fuzzer that hangs
        });
    try {
        return fuzz_all(count, arguments);
    } catch (const std::exception& error) {
        std::cerr << arguments[0] << ": " << error.what() << '\n' << usage;
        return 2;
    }
}
