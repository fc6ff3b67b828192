#include "chunks.hpp"

std::size_t chunk_decoder::take(std::string_view, std::string&) {
    where_ = place::refused;
    return 0;
}
