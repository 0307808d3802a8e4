#include "files.hpp"

#include <sys/stat.h>

#ifdef _WIN32
#include <fstream>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

namespace svfr {

#ifdef _WIN32

bool read_file(const std::string& path, size_t most, std::string& content) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::streamoff size = file ? std::streamoff(file.tellg()) : -1;
  if (size < 0 || size > std::streamoff(most)) return false;
  content.resize(size_t(size));
  file.seekg(0);
  return size == 0 || bool(file.read(&content[0], size));
}

#else

bool read_file(const std::string& path, size_t most, std::string& content) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat found;
  bool is_good = ::fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode) && size_t(found.st_size) <= most;
  content.resize(is_good ? size_t(found.st_size) : 0);
  for (size_t at = 0; is_good && at < content.size();) {
    ssize_t got = ::read(descriptor, &content[at], content.size() - at);
    is_good = got > 0;
    if (is_good) at += size_t(got);
  }
  ::close(descriptor);
  return is_good;
}

#endif

std::string ending_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of("/\\") + 1);
  size_t dot = name.find_last_of('.');
  std::string ending = dot == std::string::npos ? "" : name.substr(dot);
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  return ending;
}

std::string why_unread(const std::string& path, size_t most) {
  struct stat found;
  if (::stat(path.c_str(), &found) != 0) {
    size_t end = path.find_last_of("/\\");
    if (end == std::string::npos) return "";
    std::string folder = path.substr(0, end == 0 ? 1 : end);
    return ::stat(folder.c_str(), &found) == 0 && (found.st_mode & S_IFMT) == S_IFDIR ? "does not exist" : "";
  }
  if ((found.st_mode & S_IFMT) == S_IFDIR) return "is a folder";
  if ((found.st_mode & S_IFMT) != S_IFREG) return "is no regular file";
  return size_t(found.st_size) > most ? "is too long" : "cannot be read";
}

}  // namespace svfr
