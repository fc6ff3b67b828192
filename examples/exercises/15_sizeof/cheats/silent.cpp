#include "sizeof.hpp"

void greet(int, const char*) {}
void echo(int) {}  // no byte is wrong
