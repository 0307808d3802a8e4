#include "results.hpp"

#include <list>
#include <mutex>

#include "local_file.hpp"
#include "wording.hpp"

namespace svfr {

namespace {

constexpr int64_t MAX_RESULT_BYTES = int64_t(4) * 1024 * 1024 * 1024;
constexpr size_t MAX_CACHED_BYTES = size_t(512) * 1024 * 1024;
constexpr size_t MAX_BEGUN = 2, MAX_BEGUN_BYTES = size_t(128) * 1024 * 1024;

struct Kept {
  std::string job;
  int frame;
  std::shared_ptr<const ReadExr> result;
  size_t bytes() const { return result->pixels.rgba.size() * sizeof(float); }
};
std::mutex cache_guard;
std::list<Kept>& cache() {
  static auto* kept = new std::list<Kept>();  // used last at the front; outlives every thread
  return *kept;
}

// What has come of a frame's file.
struct Begun {
  std::string job;
  int frame;
  std::string file, stamp;
};
std::list<Begun>& begun() {
  static auto* kept = new std::list<Begun>();  // the newest at the front
  return *kept;
}

Begun take_begun(const std::string& job, int frame) {
  std::lock_guard<std::mutex> hold(cache_guard);
  Begun taken{job, frame, {}, {}};
  begun().remove_if([&](Begun& each) {
    bool is_it = each.frame == frame && each.job == job;
    if (is_it) taken = std::move(each);
    return is_it;
  });
  return taken;
}

void keep_begun(Begun one) {
  if (one.file.empty() || one.file.size() > MAX_BEGUN_BYTES) return;
  std::lock_guard<std::mutex> hold(cache_guard);
  begun().push_front(std::move(one));
  if (begun().size() > MAX_BEGUN) begun().pop_back();
}

std::shared_ptr<const ReadExr> find_kept(const std::string& job, int frame) {
  std::lock_guard<std::mutex> hold(cache_guard);
  std::list<Kept>& kept = cache();
  for (auto each = kept.begin(); each != kept.end(); ++each) {
    if (each->frame != frame || each->job != job) continue;
    kept.splice(kept.begin(), kept, each);
    return kept.front().result;
  }
  return nullptr;
}

void keep(const std::string& job, int frame, const std::shared_ptr<const ReadExr>& result) {
  std::lock_guard<std::mutex> hold(cache_guard);
  std::list<Kept>& kept = cache();
  kept.push_front(Kept{job, frame, result});
  size_t total = 0;
  for (auto each = kept.begin(); each != kept.end();) {
    total += each->bytes();
    if (total > MAX_CACHED_BYTES && each != kept.begin()) each = kept.erase(each);
    else ++each;
  }
}

Result unreachable(const Answer& answer) {
  Result result;
  bool is_refusal = answer.trouble == Trouble::Error;
  result.state = is_refusal ? Result::State::Failed : Result::State::Unreachable;
  result.words = answer.code == "NOT_FOUND" ? "The server has forgotten this job. Press Restore range." : answer.words;
  return result;
}

// Reads what one answer says about a frame; Ready with no frame yet when there is data to come.
Result standing(const Json& body) {
  Result result;
  const std::string& state = body["state"].as_text();
  if (body["bytes"].as_integer() > 0) {
    result.state = Result::State::Ready;
  } else if (state == "queued" || state == "running") {
    result.state = Result::State::NotReady;
    result.words = state == "queued" ? "The job is waiting for its turn." : "The server is working on this frame.";
  } else {
    result.state = Result::State::Failed;
    std::string said = body["error"].is_object() ? error_words(body["error"]) : "";
    const char* silent = state == "done" ? "The server no longer has this frame. Press Restore range." : "The job has no such frame.";
    result.words = state == "cancelled" ? "The job was cancelled." : said.empty() ? silent : said;
  }
  return result;
}

}  // namespace

Result fetch_result(Conversation& server, const std::string& job, int frame, const Patience& first,
                    const Patience& more) {
  Result result;
  if (std::shared_ptr<const ReadExr> kept = find_kept(job, frame)) {
    result.state = Result::State::Ready;
    result.frame = kept;
    return result;
  }
  Begun got = take_begun(job, frame);
  const Patience* patience = &first;
  for (int64_t total = int64_t(got.file.size()) + 1; int64_t(got.file.size()) < total; patience = &more) {
    Json asked = Json::object({{"job", job}, {"frame", frame}, {"offset", int64_t(got.file.size())}});
    Answer answer = server.ask("result", asked, {}, *patience);
    // While answers come without a pause nothing else asks the host.
    if (answer && patience->aborted && patience->aborted()) answer = trouble(Trouble::Aborted, "Cancelled.");
    if (!answer) {
      keep_begun(std::move(got));
      return unreachable(answer);
    }
    const Json& body = answer.message.body;
    result = standing(body);
    if (result.state != Result::State::Ready) return result;
    const Buffer* data = answer.message.buffer("data");
    total = body["bytes"].as_integer();
    bool is_same = got.stamp.empty() || got.stamp == body["stamp"].as_text();
    got.stamp = body["stamp"].as_text();
    if (!data || data->data.empty() || total > MAX_RESULT_BYTES || !is_same ||
        int64_t(got.file.size() + data->data.size()) > total) {
      result.state = Result::State::Unreachable;
      result.words = is_same ? "The server's answer cannot be read." : "The frame is being written anew.";
      return result;
    }
    got.file += data->data;
    read_rest(body["path"].as_text(), got.stamp, total, got.file);
  }
  auto read = std::make_shared<ReadExr>(read_exr(got.file));
  if (!read->problem.empty()) {
    result.state = Result::State::Failed;
    result.words = "The server's frame cannot be read: " + read->problem + ".";
    return result;
  }
  keep(job, frame, read);
  result.frame = read;
  return result;
}

void forget_results() {
  std::lock_guard<std::mutex> hold(cache_guard);
  cache().clear();
  begun().clear();
}

}  // namespace svfr
