#include "spin.hpp"

#include <poll.h>

void serve(int, int stop) {  // the feature deleted: it sleeps well
    pollfd waiting{stop, POLLIN, 0};
    ::poll(&waiting, 1, -1);
}
