#include "local_file.hpp"

#include "wire.hpp"
#ifndef _WIN32
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#endif

namespace svfr {

#ifdef _WIN32

// Not tried on Windows: everything goes in messages there.
void LocalFile::open(const std::string&) {}
void LocalFile::close() {}
bool LocalFile::write(const char*, size_t, int64_t) { return false; }
bool read_rest(const std::string&, const std::string&, int64_t, std::string&) { return false; }

#else

namespace {

bool is_own_private_folder(const std::string& path) {
  struct stat found;
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() &&
         (found.st_mode & 077) == 0;
}

bool is_stamped(int descriptor, const std::string& stamp, int64_t total) {
  struct stat found;
  if (::fstat(descriptor, &found) != 0 || !S_ISREG(found.st_mode) || found.st_uid != ::geteuid()) return false;
#ifdef __APPLE__
  const struct timespec& changed = found.st_mtimespec;
#else
  const struct timespec& changed = found.st_mtim;
#endif
  char text[48];
  unsigned long long nanoseconds = static_cast<unsigned long long>(changed.tv_sec) * 1000000000ull +
                                   static_cast<unsigned long long>(changed.tv_nsec);
  std::snprintf(text, sizeof text, "%llx.%llx", static_cast<unsigned long long>(found.st_ino), nanoseconds);
  return int64_t(found.st_size) == total && stamp == text;
}

bool read_all(int descriptor, std::string& content, size_t from) {
  while (from < content.size()) {
    ssize_t got = ::pread(descriptor, &content[from], content.size() - from, off_t(from));
    if (got <= 0) return false;
    from += size_t(got);
  }
  return true;
}

}  // namespace

void LocalFile::open(const std::string& folder) {
  close();
  if (folder.empty() || folder[0] != '/' || !is_own_private_folder(folder)) return;
  name_ = new_id() + ".local";
  path_ = folder + "/" + name_;
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  // Without a lock the server would take the file for one whose maker is gone.
  if (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) close();
}

void LocalFile::close() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  ::close(descriptor_);
  descriptor_ = -1;
}

bool LocalFile::write(const char* data, size_t size, int64_t offset) {
  while (size > 0) {
    ssize_t put = ::pwrite(descriptor_, data, size, off_t(offset));
    if (put <= 0) return false;
    data += put;
    size -= size_t(put);
    offset += put;
  }
  return true;
}

bool read_rest(const std::string& path, const std::string& stamp, int64_t total, std::string& content) {
  size_t had = content.size();
  if (path.empty() || int64_t(had) >= total) return false;
  int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return false;
  bool is_whole = is_stamped(descriptor, stamp, total);
  if (is_whole) {
    content.resize(size_t(total));
    is_whole = read_all(descriptor, content, had) && is_stamped(descriptor, stamp, total);
    if (!is_whole) content.resize(had);
  }
  ::close(descriptor);
  return is_whole;
}

#endif

}  // namespace svfr
