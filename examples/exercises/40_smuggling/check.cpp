#include "kill_main.hpp"
