#include "static.hpp"

answer serve(const std::string&, const std::string&) { return {}; }
