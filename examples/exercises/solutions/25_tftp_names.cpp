#include "tftp_names.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

int open_file(const std::string& folder, const std::string& name) {
    int here = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    std::istringstream parts{name};
    for (std::string part; std::getline(parts, part, '/');) {  // one step down at a time; -1 stays -1
        const int next =
            part == ".." ? -1 : ::openat(here, part.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        ::close(here);
        here = next;
    }
    struct stat what {};
    if (::fstat(here, &what) == 0 && S_ISREG(what.st_mode) && name.back() != '/') return here;
    ::close(here);
    return -1;
}
