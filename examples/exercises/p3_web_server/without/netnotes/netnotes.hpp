#error "netnotes.hpp includes the answer of this project. Use the sockets or the coroutines of the library."
