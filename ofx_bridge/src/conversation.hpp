// Requests to one service and their answers, within limits: nothing here waits without one, and nothing here
// starts a thread. All threads of the host share one socket per service; who holds the lock uses it.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "answer.hpp"
#include "connection.hpp"
#include "send_window.hpp"
#include "zmq_library.hpp"

namespace svfr {

using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

constexpr Millis SLICE(10);  // how often abort() is asked while waiting

// How long to wait: at most `silence` without an answer, of it at most `reach` without a connection, asking again
// `again` times, stopping when aborted. A service that is not there any more may come back within `away`, as one does
// that is started again. `waiting` hears, as long as nothing is answered, until when that will be waited for.
struct Patience {
  Clock::duration silence = Millis(5000);
  int again = 2;
  std::function<bool()> aborted = nullptr;
  Clock::duration reach = Millis(5000);
  Clock::duration away = Millis(0);
  std::function<void(Clock::time_point)> waiting = nullptr;
  bool is_aborted(Clock::time_point until) const {
    if (waiting) waiting(until);
    return aborted && aborted();
  }
};

// What ask_ahead() sends, in its order: `next` fills in a request's op, body and buffers and returns true, or false
// after the last one; `answered` hears the number of each, from 0 on, that the service has carried out, and its reply.
// `is_forgiven` hears of each that it refused, and returns whether to go on all the same.
struct Requests {
  std::function<bool(Message&)> next;
  std::function<void(size_t, const Message&)> answered;
  std::function<bool(size_t, const Answer&)> is_forgiven = nullptr;
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
  // Sends requests, as many at once as the window allows, while others may ask in between. Silent when the connection
  // breaks or nothing is answered: what was not heard of may have been carried out or not.
  Answer ask_ahead(const Requests& requests, SendWindow& window, const Patience& patience);
  // How long a request that must hold nobody up may wait for its answer: as long as a service that was heard lately
  // needs, else some milliseconds.
  Clock::duration pace() const { return std::chrono::microseconds(pace_us_.load()); }
  // When the service last answered anything.
  Clock::time_point heard_at() const { return Clock::time_point(Millis(heard_.load())); }

  // Returns the one conversation with the service of this connection file ("": this user's own).
  static std::shared_ptr<Conversation> with(const std::string& connection_file);
  // Ends all conversations; the plugin is being unloaded.
  static void end_all();

 private:
  struct Waiting;
  class Ahead;
  Answer take_turn(std::unique_lock<std::timed_mutex>& hold, const Patience& patience, Clock::time_point& began);
  Answer open();
  void close();
  Answer try_once(const Message& message, const std::vector<std::string>& frames, const Waiting& waiting);
  Answer wait_for(const Message& message, const Waiting& waiting);
  bool receive_reply(Message& reply);
  void ask_for_life();
  void hand_over(Message reply);
  void learn_pace(Clock::duration after);
  bool send(const std::vector<std::string>& frames);
  bool receive(std::vector<std::string>& frames);
  void give_credit(size_t bytes);
  void watch();
  Answer refusal() const;
  Answer nobody() const;

  const std::string path_;
  std::timed_mutex lock_;
  std::atomic<int> in_line_{0};
  std::atomic<int64_t> heard_{0}, pace_us_{3000};
  int64_t pinged_ = 0;
  const ZmqLibrary* zmq_ = nullptr;
  Connection connection_;
  void* socket_ = nullptr;
  void* monitor_ = nullptr;
  bool was_up_ = false, is_down_ = false;
  int refusals_ = 0, failed_handshakes_ = 0, breaks_ = 0;
  std::string refused_;
  size_t read_bytes_ = 0;
  std::string given_up_;  // the request that was last given up, and how long it had been waited for
  Clock::duration given_up_after_{};
  bool is_late_heard_ = false;  // whether its answer came while the next one was waited for
  std::mutex ahead_guard_;
  std::map<std::string, std::unique_ptr<Message>> ahead_;  // requests of ask_ahead() under way, and their replies
};

}  // namespace svfr
