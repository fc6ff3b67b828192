// What the tests of web share.
// SPDX-License-Identifier: MIT

#pragma once

#include "../catch.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netnotes::web {}
namespace net = netnotes;
namespace web = netnotes::web;
using namespace std::string_literals;
using namespace std::string_view_literals;
