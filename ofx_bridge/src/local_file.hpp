// Files that this process shares with a server on the same machine (plugin/PROTOCOL.md section 8.1). Nothing is
// mapped: a mapping of a full disk, or of a file that shrank, ends the host, where a failed read or write does not.
#pragma once
#include <cstdint>
#include <string>

namespace svfr {

// One file in the server's local folder, locked while it is open and removed at its end.
class LocalFile {
 public:
  LocalFile() = default;
  ~LocalFile() { close(); }
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  // Makes the file; leaves it closed where the folder is not there, not this user's, or open to others.
  void open(const std::string& folder);
  void close();
  bool is_open() const { return descriptor_ >= 0; }
  const std::string& name() const { return name_; }
  // Returns whether everything was written.
  bool write(const char* data, size_t size, int64_t offset);

 private:
  std::string path_, name_;
  int descriptor_ = -1;
};

// Appends the rest of a frame from the file that the server wrote, if it is this user's, `total` bytes long and has
// the server's stamp before and after. Returns whether it did; else `content` is as it was.
bool read_rest(const std::string& path, const std::string& stamp, int64_t total, std::string& content);

}  // namespace svfr
