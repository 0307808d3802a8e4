// Files to the server by content, over the protocol's own connection (plugin/PROTOCOL.md section 8).
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "conversation.hpp"
#include "local_file.hpp"

namespace svfr {

// Sends files in pieces named by their SHA-256; what the server has is not sent again. `local_folder`: what the
// server said in its answer to hello, or empty. Of `patience` the length of a silence is chosen here. `tell` hears how much of the file that is being sent is there, 0 to 1.
class Upload {
 public:
  Upload(Conversation& server, const Patience& patience, std::string local_folder,
         std::function<void(double)> tell);

  // Sends what the server lacks of a file, and notes it as `name`; a connection that breaks goes on with the pieces
  // that have not arrived, also at a server that was started again meanwhile.
  Answer add(const std::string& name, const std::string& content);
  // Notes a file as add() does, sends nothing and counts what the server lacks of it.
  Answer count(const std::string& name, const std::string& content);
  // Asks whether the server takes all that was counted; codes TRANSFERS_FULL and DISK_FULL: it does not.
  Answer ask_room();
  // Asks the same of so many bytes of pieces that it lacks and of files of this set.
  Answer room_for(const std::string& set, int64_t pieces_bytes, int64_t files_bytes);
  // Has the server put all noted files into one folder, and returns it with a separator at the end. Code
  // PIECES_MISSING: the server has cleared some; they must be added again.
  Answer finish(std::string& folder, std::string& results);

 private:
  struct File {
    std::string name;
    std::vector<std::string> pieces;
  };
  using Piece = std::pair<size_t, std::string>;  // where it begins in the content, and its name
  using Pieces = std::vector<Piece>;
  static File file_of(const std::string& name, const std::string& content);
  std::string set_name() const;
  Answer ask_missing(const File& file, Pieces& missing);
  // Each sends pieces and takes those out of `missing` that have arrived.
  Answer send(const std::string& content, Pieces& missing);
  Answer send_by_file(const std::string& content, Pieces& missing);
  Answer send_by_messages(const std::string& content, Pieces& missing);
  void arrived(const std::string& content, const Pieces& missing);

  Conversation& server_;
  const Patience asking_, making_;
  const std::string local_folder_;
  const std::function<void(double)> tell_;
  std::vector<File> files_;
  std::map<std::string, int64_t> lacking_;  // the length of each piece that count() found missing
  int64_t files_bytes_ = 0;
  LocalFile local_;
  SendWindow window_;
};

}  // namespace svfr
