#include "conversation.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <thread>

namespace svfr {

namespace {

constexpr size_t CREDIT_EVERY_BYTES = 256 * 1024;
constexpr int MOST_STUMBLES = 120;  // handshakes that may fail in a row with a server that was there: about a minute
constexpr Millis RETURN_EVERY(200);  // how often is looked whether a service is back
constexpr Millis PING_EVERY(1500);   // how often a silent one is asked whether it lives, where somebody wants to know
constexpr Millis ALIVE(250);      // a service heard so recently keeps those waiting that stand in line
constexpr Millis QUICK(3);        // the least and the most of pace()
constexpr Millis MOST_PACE(500);

std::mutex all_guard;
std::map<std::string, std::shared_ptr<Conversation>>& all() {
  // Never destroyed: at the end of the process libzmq may be gone before this library is.
  static auto* conversations = new std::map<std::string, std::shared_ptr<Conversation>>();
  return *conversations;
}
void* context = nullptr;  // one per process, under all_guard

int64_t now_ms() { return std::chrono::duration_cast<Millis>(Clock::now().time_since_epoch()).count(); }

// Returns the time left as whole milliseconds, at least 1 while any is left, at most a slice.
long slice_until(Clock::time_point end) {
  auto left = std::chrono::duration_cast<std::chrono::microseconds>(end - Clock::now()).count();
  return left <= 0 ? 0 : long(std::min<int64_t>((left + 999) / 1000, SLICE.count()));
}

}  // namespace

struct Conversation::Waiting {
  Waiting(Clock::time_point from, const Patience& how, int tries_left)
      : began(from), reached_by(from + std::min(how.reach, how.silence)), until(from + how.silence),
        last(until + tries_left * how.silence), patience(how) {}
  Clock::time_point began, reached_by, until, last;
  const Patience& patience;
  bool is_aborted() const { return patience.is_aborted(last); }
};

Conversation::~Conversation() { close(); }

std::shared_ptr<Conversation> Conversation::with(const std::string& connection_file) {
  std::string path = connection_path(connection_file);
  std::lock_guard<std::mutex> hold(all_guard);
  std::shared_ptr<Conversation>& found = all()[path];
  if (!found) found = std::make_shared<Conversation>(path);
  return found;
}

void Conversation::end_all() {
  std::lock_guard<std::mutex> hold(all_guard);
  all().clear();
  const ZmqLibrary* zmq = context ? ZmqLibrary::get() : nullptr;
  if (zmq) zmq->ctx_term(context);
  context = nullptr;
}

void Conversation::prepare() {
  std::unique_lock<std::timed_mutex> hold(lock_, std::try_to_lock);
  if (hold.owns_lock()) open();
}

Answer Conversation::ask(const std::string& op, Json body, std::vector<Buffer> buffers, const Patience& patience) {
  Message message;
  message.op = op;
  message.body = std::move(body);
  message.id = new_id();
  message.buffers = std::move(buffers);
  std::vector<std::string> frames;
  try {
    frames = pack(message);
  } catch (const std::runtime_error& problem) {
    return trouble(Trouble::Error, std::string("The request cannot be sent: ") + problem.what() + ".");
  }
  message.buffers.clear();
  std::unique_lock<std::timed_mutex> hold(lock_, std::defer_lock);
  Clock::time_point began;
  Answer answer = take_turn(hold, patience, began);
  if (!answer) return answer;
  Clock::time_point returned_by{};
  for (int attempt = 0;; ++attempt) {
    answer = open();
    if (answer) {
      Waiting waiting(attempt == 0 ? began : Clock::now(), patience, std::max(0, patience.again - attempt));
      answer = try_once(message, frames, waiting);
    }
    if (answer.trouble == Trouble::Refused) close();  // the next request begins anew: keys may be authorised
    if (answer.trouble == Trouble::NoServer && patience.away.count()) {
      if (returned_by == Clock::time_point{}) returned_by = Clock::now() + patience.away;
      if (Clock::now() >= returned_by) return answer;
      hold.unlock();  // others show the source meanwhile
      for (Clock::time_point next = Clock::now() + RETURN_EVERY; Clock::now() < next; std::this_thread::sleep_for(SLICE))
        if (patience.is_aborted(returned_by)) return trouble(Trouble::Aborted, "Cancelled.");
      answer = take_turn(hold, patience, began);
      if (!answer) return answer;
    } else if (answer.trouble != Trouble::Silent || attempt >= patience.again) {
      return answer;
    }
  }
}

// Waits for the socket, as long as the service answers those before; `began` is when waiting for it counts from.
Answer Conversation::take_turn(std::unique_lock<std::timed_mutex>& hold, const Patience& patience,
                               Clock::time_point& began) {
  began = Clock::now();
  Clock::duration longest = std::min(patience.reach, patience.silence);
  ++in_line_;
  Answer answer;
  while (answer && !hold.try_lock_for(Millis(slice_until(began + longest)))) {
    if (patience.is_aborted(began + longest)) answer = trouble(Trouble::Aborted, "Cancelled.");
    else if (now_ms() - heard_.load() < ALIVE.count()) began = Clock::now();
    else if (Clock::now() >= began + longest) answer = trouble(Trouble::Silent, "The SVFR server does not answer.");
  }
  --in_line_;
  return answer;
}

Answer Conversation::open() {
  if (socket_ && connection_stamp(path_) == connection_.stamp) return Answer{};
  close();
  std::string problem = read_connection(path_, connection_);
  if (!problem.empty()) return trouble(Trouble::NoServer, problem);
  zmq_ = ZmqLibrary::get();
  if (!zmq_) return trouble(Trouble::NoLibrary, "The plugin's bundle is damaged: " + ZmqLibrary::why() + ".");
  std::lock_guard<std::mutex> hold(all_guard);
  if (!context) context = zmq_->ctx_new();
  socket_ = context ? zmq_->socket(context, zmq::DEALER) : nullptr;
  if (!socket_) return trouble(Trouble::NoLibrary, "No socket can be made.");
  const std::pair<int, int> options[] = {
      {zmq::LINGER, 0}, {zmq::IMMEDIATE, 1}, {zmq::RECONNECT_IVL, 50}, {zmq::RECONNECT_IVL_MAX, 2000},
      {zmq::SNDHWM, 256}, {zmq::RCVHWM, 0}, {zmq::HEARTBEAT_IVL, 2000}, {zmq::HEARTBEAT_TIMEOUT, 6000}};
  for (const auto& option : options) zmq_->setsockopt(socket_, option.first, &option.second, sizeof(int));
  int64_t most = int64_t(MAX_FRAME_BYTES);
  zmq_->setsockopt(socket_, zmq::MAXMSGSIZE, &most, sizeof most);
  bool is_good = zmq_->setsockopt(socket_, zmq::CURVE_SERVERKEY, connection_.server_key.c_str(), 41) == 0 &&
                 zmq_->setsockopt(socket_, zmq::CURVE_PUBLICKEY, connection_.public_key.c_str(), 41) == 0 &&
                 zmq_->setsockopt(socket_, zmq::CURVE_SECRETKEY, connection_.secret_key.c_str(), 41) == 0;
  std::string name = "inproc://svfr." + new_id();
  int events = zmq::EVENT_CLOSED | zmq::EVENT_DISCONNECTED | zmq::EVENT_HANDSHAKE_FAILED_NO_DETAIL |
               zmq::EVENT_HANDSHAKE_SUCCEEDED | zmq::EVENT_HANDSHAKE_FAILED_PROTOCOL |
               zmq::EVENT_HANDSHAKE_FAILED_AUTH;
  is_good = is_good && zmq_->socket_monitor(socket_, name.c_str(), events) == 0;
  monitor_ = is_good ? zmq_->socket(context, zmq::PAIR) : nullptr;
  int none = 0;
  is_good = monitor_ && zmq_->setsockopt(monitor_, zmq::LINGER, &none, sizeof none) == 0 &&
            zmq_->connect(monitor_, name.c_str()) == 0 &&
            zmq_->connect(socket_, connection_.endpoint.c_str()) == 0;
  if (is_good) return Answer{};
  close();
  return trouble(Trouble::NoServer, "The server's connection file " + path_ + " is damaged. Restart the server; one elsewhere is joined again with: svfr key join");
}

void Conversation::close() {
  if (socket_) zmq_->socket_monitor(socket_, nullptr, 0);
  if (monitor_) zmq_->close(monitor_);
  if (socket_) zmq_->close(socket_);
  socket_ = monitor_ = nullptr;
  was_up_ = is_down_ = false;
  refusals_ = failed_handshakes_ = 0;
  refused_.clear();
  read_bytes_ = 0;
  ++breaks_;
}

Answer Conversation::try_once(const Message& message, const std::vector<std::string>& frames,
                              const Waiting& waiting) {
  for (;;) {
    zmq::PollItem items[] = {{socket_, 0, zmq::POLLOUT, 0}, {monitor_, 0, zmq::POLLIN, 0}};
    zmq_->poll(items, 2, slice_until(waiting.reached_by));
    bool is_ready = (items[0].revents & zmq::POLLOUT) && !items[1].revents && !is_down_;
    if (items[1].revents) watch();
    if (!refused_.empty()) return refusal();
    // Between a break and the next handshake libzmq may still take a message, for the connection that is gone.
    if (is_ready) break;
    if (refusals_ >= 2) return nobody();
    if (waiting.is_aborted()) return trouble(Trouble::Aborted, "Cancelled.");
    if (Clock::now() >= waiting.reached_by) return trouble(Trouble::Silent, "The SVFR server cannot be reached.");
  }
  if (!send(frames)) return trouble(Trouble::Silent, "The SVFR server cannot be reached.");
  return wait_for(message, waiting);
}

Answer Conversation::wait_for(const Message& message, const Waiting& waiting) {
  int breaks = breaks_;
  is_late_heard_ = false;
  Clock::time_point sent_at = Clock::now();
  for (;;) {
    zmq::PollItem items[] = {{socket_, 0, zmq::POLLIN, 0}, {monitor_, 0, zmq::POLLIN, 0}};
    zmq_->poll(items, 2, slice_until(waiting.until));
    if (items[1].revents) watch();
    if (!refused_.empty()) return refusal();
    try {
      Message reply;
      if (items[0].revents & zmq::POLLIN && receive_reply(reply)) {
        bool is_ours = reply.re == message.id;
        if (is_ours && (message.op == "result" || message.op == "status")) learn_pace(Clock::now() - sent_at);
        // One that took a job just now is there, and busy beginning it.
        if (is_ours && message.op == "submit") pace_us_ = std::chrono::microseconds(MOST_PACE).count();
        if (is_ours) return answer_of(std::move(reply));
        hand_over(std::move(reply));
        continue;
      }
    } catch (const std::runtime_error& problem) {
      return garbled(problem);
    }
    if (is_down_ && refusals_ >= 2) return nobody();
    if (waiting.is_aborted()) return trouble(Trouble::Aborted, "Cancelled.");
    if (waiting.patience.waiting) ask_for_life();
    // After a break the request may be lost: it is sent again with the same id, which costs nothing.
    if (breaks_ != breaks) return trouble(Trouble::Silent, "The connection to the SVFR server broke.");
    if (Clock::now() < waiting.until) continue;
    given_up_ = message.id;
    given_up_after_ = waiting.until - waiting.began;
    pace_us_ = std::chrono::microseconds(is_late_heard_ ? MOST_PACE : QUICK).count();
    return trouble(Trouble::Silent, given_up_after_ > MOST_PACE
                                        ? "The SVFR server does not answer."
                                        : "The SVFR server did not answer as soon as a render needs it. Press Refresh, or choose Wait.");
  }
}

// Returns whether a reply was there, which `reply` then is; throws BadMessage or BadJson for one that cannot be read.
bool Conversation::receive_reply(Message& reply) {
  std::vector<std::string> frames;
  if (!receive(frames)) return false;
  heard_ = now_ms();
  reply = unpack(frames);
  return reply.op == "ok" || reply.op == "error";
}

// What takes the service long is not answered soon; whether it lives is.
void Conversation::ask_for_life() {
  if (now_ms() - std::max(heard_.load(), pinged_) < PING_EVERY.count()) return;
  Message ping;
  ping.op = "ping";
  ping.id = new_id();
  pinged_ = now_ms();
  send(pack(ping));
}

// Takes a reply that nobody waits for with the socket in hand: one of ask_ahead(), or to somebody who has given up.
void Conversation::hand_over(Message reply) {
  // It is slower than was waited for, but there; one that is slower than anybody may wait for is as good as none.
  if (reply.re == given_up_) {
    is_late_heard_ = given_up_after_ < MOST_PACE;
    pace_us_ = std::chrono::microseconds(is_late_heard_ ? MOST_PACE : QUICK).count();
    given_up_.clear();
  }
  std::lock_guard<std::mutex> hold(ahead_guard_);
  auto found = ahead_.find(reply.re);
  if (found != ahead_.end()) found->second = std::make_unique<Message>(std::move(reply));
}

// Three times what it took: answers come later while the server works.
void Conversation::learn_pace(Clock::duration after) {
  Clock::duration pace = after > MOST_PACE ? Clock::duration(QUICK) : std::clamp<Clock::duration>(3 * after, QUICK, MOST_PACE);
  pace_us_ = std::chrono::duration_cast<std::chrono::microseconds>(pace).count();
}

bool Conversation::send(const std::vector<std::string>& frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    int flags = zmq::DONTWAIT | (i + 1 < frames.size() ? zmq::SNDMORE : 0);
    if (zmq_->send(socket_, frames[i].data(), frames[i].size(), flags) < 0) return false;
  }
  return true;
}

bool Conversation::receive(std::vector<std::string>& frames) {
  size_t total = 0;
  for (bool has_more = true; has_more;) {
    zmq::Frame frame;
    zmq_->msg_init(&frame);
    if (zmq_->msg_recv(&frame, socket_, zmq::DONTWAIT) < 0) {
      zmq_->msg_close(&frame);
      return false;
    }
    size_t size = zmq_->msg_size(&frame);
    total += size;
    if (total <= MAX_MESSAGE_BYTES + MAX_HEADER_BYTES + 64)
      frames.emplace_back(static_cast<const char*>(zmq_->msg_data(&frame)), size);
    has_more = zmq_->msg_more(&frame) != 0;
    zmq_->msg_close(&frame);
  }
  give_credit(total);
  return true;
}

// Tells the service what was read, as it sends nothing beyond its window otherwise.
void Conversation::give_credit(size_t bytes) {
  read_bytes_ += bytes;
  if (read_bytes_ < CREDIT_EVERY_BYTES) return;
  Message credit;
  credit.op = "credit";
  credit.id = new_id();
  credit.body = Json::object({{"bytes", int64_t(read_bytes_)}});
  if (send(pack(credit))) read_bytes_ = 0;
}

void Conversation::watch() {
  std::vector<std::string> parts;
  for (;;) {
    zmq::Frame frame;
    zmq_->msg_init(&frame);
    bool is_there = zmq_->msg_recv(&frame, monitor_, zmq::DONTWAIT) >= 0;
    if (is_there) parts.emplace_back(static_cast<const char*>(zmq_->msg_data(&frame)), zmq_->msg_size(&frame));
    bool has_more = is_there && zmq_->msg_more(&frame);
    zmq_->msg_close(&frame);
    if (!is_there) return;
    if (has_more) continue;
    uint16_t event = 0;
    if (parts[0].size() >= 2) std::memcpy(&event, parts[0].data(), 2);
    parts.clear();
    if (event == zmq::EVENT_HANDSHAKE_SUCCEEDED) {
      was_up_ = true;
      is_down_ = false;
      refusals_ = failed_handshakes_ = 0;
    } else if (event == zmq::EVENT_DISCONNECTED) {
      is_down_ = was_up_;
      ++breaks_;
      read_bytes_ = 0;
    } else if (event == zmq::EVENT_CLOSED) {
      ++refusals_;
    } else if (event == zmq::EVENT_HANDSHAKE_FAILED_AUTH) {
      refused_ = "The SVFR server does not know this client's key. Authorise it there with: svfr key authorize";
    } else if (event == zmq::EVENT_HANDSHAKE_FAILED_NO_DETAIL && was_up_ && ++failed_handshakes_ < MOST_STUMBLES) {
      continue;  // this peer has shown the right key: it is only too busy, or being started
    } else if (event == zmq::EVENT_HANDSHAKE_FAILED_NO_DETAIL && was_up_) {
      refused_ = "What listens at " + connection_.endpoint + " has another key than before. Fetch its connection file again.";
    } else if (event == zmq::EVENT_HANDSHAKE_FAILED_PROTOCOL || ++failed_handshakes_ >= 2) {
      refused_ = "What listens at " + connection_.endpoint + " is not the SVFR server" +
                 (connection_.is_elsewhere ? " that was joined. Ask whoever runs it." : ". Restart the server.");
    }
  }
}

Answer Conversation::refusal() const { return trouble(Trouble::Refused, refused_); }

Answer Conversation::nobody() const {
  return trouble(Trouble::NoServer, "Nothing listens at " + connection_.endpoint + ". " +
                                        (connection_.is_elsewhere ? "Ask whoever runs the server whether it is up."
                                                                  : "Start a server with: svfr serve"));
}

}  // namespace svfr
