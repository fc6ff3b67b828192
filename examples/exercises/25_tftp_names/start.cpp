#include "tftp_names.hpp"

#include <fcntl.h>
#include <stdlib.h>

int open_file(const std::string& folder, const std::string& name) {
    std::string safe = name;
    for (std::size_t at; (at = safe.find("../")) != std::string::npos;) safe.erase(at, 3);

    char* const real = ::realpath((folder + "/" + safe).c_str(), nullptr);
    if (!real) return -1;
    const std::string path = real;
    ::free(real);
    if (path.compare(0, folder.size(), folder) != 0) return -1;  // not in the folder
    return ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}
