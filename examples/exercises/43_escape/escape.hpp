#pragma once

#include <string>
#include <string_view>

/// Returns the text as HTML shows it: `&`, `<`, `>`, `"` and `'` become `&amp;`, `&lt;`, `&gt;`, `&quot;` and `&#x27;`. Each
/// other byte stays as it is.
std::string escape(std::string_view text);
