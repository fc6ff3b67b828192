// tests/old_kernel.hpp: a process of its own, and a kernel that knows less
// SPDX-License-Identifier: MIT

#pragma once

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>

#include "catch.hpp"

namespace support {

/// In a process of its own, for what cannot be taken back. Its answer, or what it threw.
template <class Call>
std::string in_a_child(Call call) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::string answer;
        try {
            answer = call();
        } catch (const std::exception& failure) {
            answer = failure.what();
        }
        const auto written = ::write(ends[1], answer.data(), answer.size());
        ::_exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    }
    ::close(ends[1]);
    std::string answer;
    std::array<char, 256> room;
    for (ssize_t size = 0; (size = ::read(ends[0], room.data(), room.size())) > 0;)
        answer.append(room.data(), static_cast<std::size_t>(size));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return answer;
}
/// From now on the kernel does as an older one or a poorer file system would: no O_TMPFILE, and no renameat2().
inline bool take_away_new_calls() {
    constexpr auto low_word_of_argument = [](unsigned number) {
        return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * number);
    };
    constexpr std::uint32_t unnamed = O_TMPFILE & ~O_DIRECTORY;
    std::array<sock_filter, 8> steps{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_word_of_argument(2)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, unnamed, 1, 2),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace support
