// Plates to the server and results back, over the protocol's own connection (plugin/PROTOCOL.md section 8).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "conversation.hpp"
#include "exr.hpp"
#include "local_file.hpp"

namespace svfr {

// Sends files in pieces named by their SHA-256; what the server has is not sent again. `local_folder`: what the
// server said in its answer to hello, or empty.
class Upload {
 public:
  Upload(Conversation& server, Patience patience, const std::string& local_folder)
      : server_(server), patience_(std::move(patience)) {
    local_.open(local_folder);
  }

  // Sends what the server lacks of a file, and notes it as `name`.
  Answer add(const std::string& name, const std::string& content);
  // Has the server put all noted files into one folder, and returns it with a separator at the end.
  Answer finish(std::string& folder, std::string& results);

 private:
  struct File {
    std::string name;
    std::vector<std::string> pieces;
  };
  using Wanted = std::vector<std::pair<size_t, std::string>>;  // where pieces of a content begin, their names
  // Hands pieces over by the file, and takes those out of `wanted` that the server has then.
  Answer put_local(const std::string& content, Wanted& wanted);

  Conversation& server_;
  Patience patience_;
  std::vector<File> files_;
  LocalFile local_;
};

// How a frame of a job stands.
struct Result {
  enum class State { Ready, NotReady, Failed, Unreachable } state = State::Unreachable;
  std::string words;
  std::shared_ptr<const ReadExr> frame;
};

// Returns a frame from the cache in memory, or from the server: `first` limits the wait for the first sign,
// `more` that for each further piece.
Result fetch_result(Conversation& server, const std::string& job, int frame, const Patience& first,
                    const Patience& more);
// Empties the cache in memory.
void forget_results();

}  // namespace svfr
