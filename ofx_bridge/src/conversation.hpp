// Requests to one service and their answers, within limits: nothing here waits without one, and nothing here
// starts a thread. All threads of the host share one socket per service; who holds the lock uses it.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connection.hpp"
#include "wire.hpp"
#include "zmq_library.hpp"

namespace svfr {

using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

enum class Trouble { None, NoLibrary, NoServer, Silent, Garbled, Refused, Error, Aborted };

// An answer, or why there is none: `words` for the artist, `code` of an error that the service answered.
struct Answer {
  Trouble trouble = Trouble::None;
  std::string words;
  std::string code;
  Message message;
  explicit operator bool() const { return trouble == Trouble::None; }
};

// How long to wait: at most `silence` without an answer, asking again `again` times, stopping when aborted.
struct Patience {
  Clock::duration silence = Millis(5000);
  int again = 2;
  std::function<bool()> aborted = nullptr;
};

class Conversation {
 public:
  explicit Conversation(std::string path) : path_(std::move(path)) {}
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // Begins to connect and returns at once; for a moment before the first request.
  void prepare();
  // Asks and waits; never throws but std::bad_alloc.
  Answer ask(const std::string& op, Json body, std::vector<Buffer> buffers, const Patience& patience);

  // Returns the one conversation with the service of this connection file ("": this user's own).
  static std::shared_ptr<Conversation> with(const std::string& connection_file);
  // Ends all conversations; the plugin is being unloaded.
  static void end_all();

 private:
  struct Waiting;
  Answer open();
  void close();
  Answer try_once(const Message& message, const std::vector<std::string>& frames, const Waiting& waiting);
  Answer wait_for(const Message& message, const Waiting& waiting);
  bool send(const std::vector<std::string>& frames);
  bool receive(std::vector<std::string>& frames);
  void give_credit(size_t bytes);
  void watch();
  Answer refusal() const;
  Answer nobody() const;

  const std::string path_;
  std::timed_mutex lock_;
  std::atomic<int64_t> heard_{0};
  const ZmqLibrary* zmq_ = nullptr;
  Connection connection_;
  void* socket_ = nullptr;
  void* monitor_ = nullptr;
  bool was_up_ = false, is_down_ = false;
  int refusals_ = 0, failed_handshakes_ = 0, breaks_ = 0;
  std::string refused_;
  size_t read_bytes_ = 0;
};

}  // namespace svfr
