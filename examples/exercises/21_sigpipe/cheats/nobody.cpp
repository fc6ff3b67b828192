#include "sigpipe.hpp"

void tell(std::vector<int>&, std::string_view) {}
