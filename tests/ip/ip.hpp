// What the tests of ip share. Random input comes from generators with fixed seeds and is drawn without
// std::uniform_int_distribution, whose results differ between libraries, so a failure repeats everywhere.
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/ip.hpp>

#include "../catch.hpp"

#ifdef _WIN32
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <netdb.h>
#endif

#include <algorithm>
#include <array>
#include <bitset>
#include <filesystem>
#include <iomanip>
#include <iterator>
#include <random>
#include <ranges>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace net = netnotes;
using namespace net::literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
