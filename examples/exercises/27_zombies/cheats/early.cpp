#include "zombies.hpp"

#include <cstdlib>

void serve(int, int) { std::_Exit(0); }  // an early exit
