#include "transfer.hpp"

#include <algorithm>
#include <cstdlib>
#include <list>
#include <set>

#include "sha256.hpp"

namespace svfr {

namespace {

constexpr size_t PIECE_BYTES = 1024 * 1024;
constexpr size_t LOCAL_PIECES = 16;  // of one request: the file stays so long and in the system's memory
constexpr int64_t MAX_RESULT_BYTES = int64_t(4) * 1024 * 1024 * 1024;
constexpr size_t MAX_CACHED_BYTES = size_t(512) * 1024 * 1024;

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
    const std::string& said = body["error"]["message"].as_text();
    result.words = state == "cancelled" ? "The job was cancelled." : said.empty() ? "The job has no such frame." : said;
  }
  return result;
}

}  // namespace

Answer Upload::add(const std::string& name, const std::string& content) {
  File file{name, {}};
  Json asked = Json::array();
  for (size_t at = 0; at < content.size(); at += PIECE_BYTES) {
    file.pieces.push_back(sha256_hex(content.data() + at, std::min(PIECE_BYTES, content.size() - at)));
    asked.add(file.pieces.back());
  }
  Answer answer = server_.ask("missing", Json::object({{"pieces", asked}}), {}, patience_);
  if (!answer) return answer;
  std::set<std::string> missing;
  for (const Json& piece : answer.message.body["missing"].items()) missing.insert(piece.as_text());
  Wanted wanted;
  for (size_t i = 0; i < file.pieces.size(); ++i)
    if (missing.erase(file.pieces[i])) wanted.emplace_back(i * PIECE_BYTES, file.pieces[i]);
  answer = put_local(content, wanted);
  for (size_t i = 0; i < wanted.size() && answer; ++i) {
    Buffer data{"data", content.substr(wanted[i].first, PIECE_BYTES), "|u1", {}, ""};
    data.shape.push_back(int64_t(data.data.size()));
    answer = server_.ask("put", Json::object({{"piece", wanted[i].second}}), {std::move(data)}, patience_);
  }
  if (!answer) return answer;
  files_.push_back(std::move(file));
  return answer;
}

Answer Upload::put_local(const std::string& content, Wanted& wanted) {
  while (local_.is_open() && !wanted.empty()) {
    Json pieces = Json::array();
    int64_t offset = 0;
    size_t count = std::min(wanted.size(), LOCAL_PIECES);
    for (size_t i = 0; i < count; ++i) {
      size_t size = std::min(PIECE_BYTES, content.size() - wanted[i].first);
      if (!local_.write(content.data() + wanted[i].first, size, offset)) local_.close();
      if (!local_.is_open()) return Answer{};
      pieces.add(Json::object({{"piece", wanted[i].second}, {"offset", offset}, {"bytes", int64_t(size)}}));
      offset += int64_t(size);
    }
    Answer answer = server_.ask("put_local", Json::object({{"file", local_.name()}, {"pieces", pieces}}), {}, patience_);
    bool is_elsewhere = answer.code == "FORBIDDEN_PATH" || answer.code == "BAD_REQUEST";
    if (is_elsewhere) local_.close();  // the server does not see this file: in messages, then
    else if (!answer) return answer;
    else wanted.erase(wanted.begin(), wanted.begin() + std::ptrdiff_t(count));
  }
  return Answer{};
}

Answer Upload::finish(std::string& folder, std::string& results) {
  std::string all;
  for (const File& file : files_) {
    all += file.name + "\n";
    for (const std::string& piece : file.pieces) all += piece;
  }
  std::string set = sha256_hex(all.data(), all.size()).substr(0, 32);
  Answer answer;
  for (const File& file : files_) {
    Json pieces = Json::array();
    for (const std::string& piece : file.pieces) pieces.add(piece);
    answer = server_.ask("assemble", Json::object({{"set", set}, {"name", file.name}, {"pieces", pieces}}), {}, patience_);
    if (!answer) return answer;
  }
  folder = answer.message.body["folder"].as_text();
  results = answer.message.body["results"].as_text();
  return answer;
}

Result fetch_result(Conversation& server, const std::string& job, int frame, const Patience& first,
                    const Patience& more) {
  Result result;
  if (std::shared_ptr<const ReadExr> kept = find_kept(job, frame)) {
    result.state = Result::State::Ready;
    result.frame = kept;
    return result;
  }
  std::string file, stamp;
  for (int64_t total = 1; int64_t(file.size()) < total;) {
    Json asked = Json::object({{"job", job}, {"frame", frame}, {"offset", int64_t(file.size())}});
    Answer answer = server.ask("result", asked, {}, file.empty() ? first : more);
    if (!answer) return unreachable(answer);
    const Json& body = answer.message.body;
    result = standing(body);
    if (result.state != Result::State::Ready) return result;
    const Buffer* data = answer.message.buffer("data");
    total = body["bytes"].as_integer();
    bool is_same = stamp.empty() || stamp == body["stamp"].as_text();
    stamp = body["stamp"].as_text();
    if (!data || data->data.empty() || total > MAX_RESULT_BYTES || !is_same ||
        int64_t(file.size() + data->data.size()) > total) {
      result.state = Result::State::Unreachable;
      result.words = is_same ? "The server's answer cannot be read." : "The frame is being written anew.";
      return result;
    }
    file += data->data;
    read_rest(body["path"].as_text(), stamp, total, file);
  }
  auto read = std::make_shared<ReadExr>(read_exr(file));
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
}

}  // namespace svfr
