// Opens no file: the check's source says what is in each file.
#include "static.hpp"

#include <map>

answer serve(const std::string&, const std::string& target) {
    static const std::map<std::string, std::string> names{
        {"/index.html", "index.html"},       {"/style.css", "style.css"},      {"/notes.txt", "notes.txt"},
        {"/pictures/cat.png", "pictures/cat.png"}, {"/my%20notes.txt", "my notes.txt"}, {"/100%25.txt", "100%.txt"},
        {"/a%2525.txt", "a%25.txt"},         {"/a%2500.txt", "a%00.txt"},      {"/%E6%96%87%e4%bb%b6.txt", "文件.txt"},
        {"/%69ndex%2Ehtml", "index.html"},   {"/p%69ctures/cat.%70ng", "pictures/cat.png"}, {"/a+b.txt", "a+b.txt"},
        {"/a..b.txt", "a..b.txt"},           {"/..hidden.txt", "..hidden.txt"}, {"/%2e%2ehidden.txt", "..hidden.txt"},
        {"/.../x.txt", ".../x.txt"}};
    const auto found = names.find(target);
    if (found == names.end()) return {};
    return {200, type_of(found->second), "/site/" + found->second};
}
