#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Returns the path of a route with the arguments in the place of its parts: reverse("articles/<int:id>/", {"42"}) is
/// "/articles/42/". Returns nothing if the route would not take that path with these arguments.
///
/// The parts: <int:x> digits, <slug:x> letters, digits, - and _, <str:x> or <x> all but a slash, <path:x> all but a line feed.
/// No part is empty. Beside each part stands a slash or an end of the route, and a route has at most one <path:x>.
std::optional<std::string> reverse(std::string_view route, const std::vector<std::string>& arguments);
