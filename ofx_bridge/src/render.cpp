// One frame: the server's result where there is one, the source untouched everywhere else.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "coarse.hpp"
#include "conversation.hpp"
#include "effect.hpp"
#include "images.hpp"
#include "results.hpp"

namespace svfr {

namespace {

const char ANOTHER_SOURCE[] = "The source has changed since it was restored. Press Restore range.";
constexpr Millis FIRST_SIGN(3);        // what a render that shows the source waits for a connection
constexpr Millis MORE(500);            // and for each further piece of a frame, once pieces come
constexpr Millis ASK_AGAIN(200);
constexpr Millis WAITING_SILENCE(5000);
constexpr std::chrono::minutes GONE(2);  // a waiting render gives a server that is gone so long to come back

struct Frame {
  const View& source;
  const View& output;
  OfxRectI window;
};

void copy_pixel(const Frame& f, int x, int y) {
  if (!f.source.holds(x, y)) {
    std::memset(f.output.at(x, y), 0, size_t(f.output.pixel_bytes()));
  } else if (f.source.depth == f.output.depth && f.source.components == f.output.components) {
    std::memcpy(f.output.at(x, y), f.source.at(x, y), size_t(f.output.pixel_bytes()));
  } else {
    float rgba[4];
    f.source.read(x, y, rgba);
    f.output.write(x, y, rgba);
  }
}

template <class Pixel>
void each_pixel(const Frame& f, Pixel pixel) {
  for (int y = f.window.y1; y < f.window.y2; ++y)
    for (int x = f.window.x1; x < f.window.x2; ++x) pixel(x, y);
}

void copy_source(const Frame& f) {
  each_pixel(f, [&f](int x, int y) { copy_pixel(f, x, y); });
}

// Writes colour over the source with the source's own alpha.
void write_restored(const Frame& f, int x, int y, const float restored[3], float mix) {
  float rgba[4];
  f.source.read(x, y, rgba);
  float alpha = f.source.is_premultiplied && rgba[3] != 0 ? rgba[3] : 1.0f;
  for (int c = 0; c < 3; ++c) {
    float value = restored[c] * alpha;
    rgba[c] = mix >= 1 ? value : rgba[c] + mix * (value - rgba[c]);
  }
  f.output.write(x, y, rgba);
}

// A pixel that came back as it was sent is the source's pixel, bit by bit, whatever depth and alpha it has.
void put_result(const Frame& f, const Pixels& sent, const Pixels& restored, float mix) {
  each_pixel(f, [&](int x, int y) {
    if (!f.source.holds(x, y)) return copy_pixel(f, x, y);
    size_t at = (size_t(f.source.bounds.y2 - 1 - y) * size_t(sent.width) + size_t(x - f.source.bounds.x1)) * 4;
    const float* now = &restored.rgba[at];
    if (std::memcmp(now, &sent.rgba[at], 3 * sizeof(float)) == 0) copy_pixel(f, x, y);
    else write_restored(f, x, y, now, mix);
  });
}

// The mean of the restored pixels that one pixel of a smaller render covers.
void mean_of(const Pixels& from, double x1, double y1, double x2, double y2, float rgb[3]) {
  int left = std::clamp(int(x1), 0, from.width - 1), right = std::clamp(int(std::ceil(x2)), left + 1, from.width);
  int top = std::clamp(int(y1), 0, from.height - 1), bottom = std::clamp(int(std::ceil(y2)), top + 1, from.height);
  double sum[3] = {0, 0, 0};
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x)
      for (int c = 0; c < 3; ++c) sum[c] += double(from.row(y)[x * 4 + c]);
  for (int c = 0; c < 3; ++c) rgb[c] = float(sum[c] / (double(right - left) * (bottom - top)));
}

void put_scaled(const Frame& f, const Pixels& restored, float mix) {
  double step_x = double(restored.width) / f.source.width(), step_y = double(restored.height) / f.source.height();
  each_pixel(f, [&](int x, int y) {
    if (!f.source.holds(x, y)) return copy_pixel(f, x, y);
    double left = (x - f.source.bounds.x1) * step_x, top = (f.source.bounds.y2 - 1 - y) * step_y;
    float rgb[3];
    mean_of(restored, left, top, left + step_x, top + step_y, rgb);
    write_restored(f, x, y, rgb, mix);
  });
}

// Puts the server's frame into the output; returns why it cannot be, and then nothing was written.
std::string apply(const Frame& f, const ReadExr& result, double scale, float mix) {
  if (scale < 1) {
    double shape = double(result.pixels.width) * f.source.height() / (double(result.pixels.height) * f.source.width());
    if (shape < 0.9 || shape > 1.1) return "The clip's shape has changed since it was restored. Press Restore range.";
    if (!may_show(result.source.means, to_pixels(f.source))) return ANOTHER_SOURCE;
    put_scaled(f, result.pixels, mix);
    return "";
  }
  Pixels sent = to_pixels(f.source);
  bool has_size = sent.width == result.pixels.width && sent.height == result.pixels.height;
  if (!has_size || fingerprint(sent) != result.source.fingerprint) return ANOTHER_SOURCE;
  put_result(f, sent, result.pixels, mix);
  return "";
}

Result wait_for_result(Conversation& server, const JobRecord& job, int frame, const std::function<bool()>& aborted) {
  Patience patience{WAITING_SILENCE, 1, aborted};
  Clock::time_point heard = Clock::now();
  for (;;) {
    Result result = fetch_result(server, job.id, frame, patience, patience);
    bool is_gone = result.state == Result::State::Unreachable;
    if (!is_gone) heard = Clock::now();
    bool is_waiting = result.state == Result::State::NotReady || (is_gone && Clock::now() - heard < GONE);
    if (!is_waiting || aborted()) return result;
    for (Clock::time_point next = Clock::now() + ASK_AGAIN; Clock::now() < next;) {
      if (aborted()) return result;
      std::this_thread::sleep_for(Millis(10));
    }
  }
}

struct Rendering {
  OfxImageEffectHandle effect;
  Settings settings;
  int frame;
  double scale;
  NotReady policy;
};

Result result_for(const Rendering& r, Conversation& server, const std::function<bool()>& aborted) {
  if (r.policy == NotReady::Wait) return wait_for_result(server, r.settings.job, r.frame, aborted);
  Patience first{WAITING_SILENCE, 0, aborted}, more = first;
  if (r.policy == NotReady::Source) {
    first.silence = server.pace();
    first.reach = FIRST_SIGN;
    more.silence = MORE;
  }
  return fetch_result(server, r.settings.job.id, r.frame, first, more);
}

// Renders the server's frame, or the source, and returns the status.
int render_restored(const Rendering& r, const Frame& f) {
  std::shared_ptr<Conversation> server = Conversation::with(r.settings.server);
  std::function<bool()> aborted = [&r] { return host.effects->abort(r.effect) != 0; };
  Result result = result_for(r, *server, aborted);
  if (aborted()) {
    copy_source(f);
    return ofx::OK;  // the host throws the frame away
  }
  std::string words = result.words;
  if (result.state == Result::State::Ready) words = apply(f, *result.frame, r.scale, float(r.settings.mix));
  if (words.empty()) {
    show_persistent(r.effect, ofx::MESSAGE_WARNING, "");
    return ofx::OK;
  }
  copy_source(f);
  bool is_failure = r.policy != NotReady::Source;
  show_persistent(r.effect, is_failure ? ofx::MESSAGE_ERROR : ofx::MESSAGE_WARNING, words);
  return is_failure ? ofx::FAILED : ofx::OK;
}

bool is_thumbnail(const Properties& in) { return in.text(ofx::THUMBNAIL) == "true" || in.integer(ofx::THUMBNAIL) == 1; }

int source_frame(double time) { return std::fabs(time) < 1e8 ? int(std::floor(time + 0.5)) : -1; }

OfxRectI window_of(const Properties& in, const View& output) {
  OfxRectI w{in.integer(ofx::RENDER_WINDOW, output.bounds.x1, 0), in.integer(ofx::RENDER_WINDOW, output.bounds.y1, 1),
             in.integer(ofx::RENDER_WINDOW, output.bounds.x2, 2), in.integer(ofx::RENDER_WINDOW, output.bounds.y2, 3)};
  const OfxRectI& b = output.bounds;
  return OfxRectI{std::clamp(w.x1, b.x1, b.x2), std::clamp(w.y1, b.y1, b.y2), std::clamp(w.x2, b.x1, b.x2),
                  std::clamp(w.y2, b.y1, b.y2)};
}

}  // namespace

int render(OfxImageEffectHandle effect, Properties in) {
  double time = in.number(ofx::PROP_TIME);
  Clip source_clip = find_clip(effect, SOURCE_CLIP), output_clip = find_clip(effect, OUTPUT_CLIP);
  ClipImage source(source_clip.handle, time), output(output_clip.handle, time);
  if (!output.is_there()) return host.effects->abort(effect) ? ofx::OK : ofx::FAILED;
  View nothing;  // no source: transparent black
  nothing.depth = output.view().depth;
  nothing.components = output.view().components;
  Frame frame{source.is_there() ? source.view() : nothing, output.view(), window_of(in, output.view())};
  Rendering r{effect, read_settings(effect, time), source_frame(time), in.number(ofx::RENDER_SCALE, 1, 0), NotReady::Source};
  r.policy = Properties(host.ofx->host).integer(ofx::HOST_IS_BACKGROUND) ? NotReady::Wait : r.settings.not_ready;
  bool is_ours = source.is_there() && r.settings.job.holds(r.frame) && r.settings.mix > 0;
  if (!is_ours || is_pass_through() || is_thumbnail(in)) {
    copy_source(frame);
    return ofx::OK;
  }
  std::string problem = refusal(effect, source_clip);
  if (problem.empty() && source.field() != ofx::FIELD_NONE && source.field() != ofx::FIELD_BOTH)
    problem = "The clip is interlaced. Deinterlace it before this effect.";
  if (problem.empty()) return render_restored(r, frame);
  copy_source(frame);
  show_persistent(effect, ofx::MESSAGE_ERROR, problem);
  return r.policy == NotReady::Source ? ofx::OK : ofx::FAILED;
}

int is_identity(OfxImageEffectHandle effect, Properties in, Properties out) {
  double time = in.number(ofx::PROP_TIME);
  Settings settings = read_settings(effect, time);
  // Never because a frame is merely not ready: hosts keep the answer.
  if (settings.job.holds(source_frame(time)) && settings.mix > 0 && !is_pass_through()) return ofx::REPLY_DEFAULT;
  out.set(ofx::PROP_NAME, SOURCE_CLIP).set(ofx::PROP_TIME, time);
  return ofx::OK;
}

}  // namespace svfr
