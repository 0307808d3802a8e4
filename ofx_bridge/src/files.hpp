// Files that an artist or a connection names, whatever lies there.
#pragma once
#include <cstddef>
#include <string>

namespace svfr {

// Returns whether the path is a regular file of at most `most` bytes, whose content it then is. Never waits, as
// opening a pipe would.
bool read_file(const std::string& path, size_t most, std::string& content);

// Returns in words why read_file() did not read what this path names, as in "PATH is a folder"; empty where the path may
// be another machine's, because its folder is not here.
std::string why_unread(const std::string& path, size_t most);
// Returns the ending of a file's name in small letters with its dot; empty if it has none.
std::string ending_of(const std::string& path);

}  // namespace svfr
