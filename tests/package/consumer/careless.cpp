// Every line here earns one of the warnings that netnotes turns on for itself, and is compiled with -Werror:
// it goes through only if none of our flags leaks into the projects of others.

#include <netnotes/ip.hpp>

struct couple {
    int first, second;
};

int careless(int value, int unused_parameter) {  // -Wall -Wextra
    int unused_variable = 0;                     // -Wall
    couple half = {1};                           // -Wextra
    char narrow = value;                         // -Wconversion
    int nothing[0];                              // -Wpedantic
    {
        int value = narrow + half.first;         // -Wshadow
        return value;
    }
}
