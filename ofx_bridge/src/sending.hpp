// What a job reads, out of the host and off this machine's disk, on its way to the server.
#pragma once
#include <functional>
#include <string>

#include "range.hpp"
#include "upload.hpp"

namespace svfr {

// Everything that was found out before a job is handed in.
struct Handing {
  OfxImageEffectHandle effect;
  Settings settings;
  Clip source, mask;
  Colour colour;
  Range range;
  std::string sent_config;  // the OCIO config, where it is sent: the server does not see it
};

// Finds out whether the OCIO config has to be sent; returns why it cannot be, or nothing.
std::string find_config(Conversation& server, Handing& h, const Patience& patience);
// Returns the OCIO config as the server, which has the sent files in `folder`, sees it.
std::string config_there(const Handing& h, const std::string& folder);
// Returns the words for a frame of the range that the host gives no image of the mask of.
std::string no_mask_words(int frame);
// Returns the name of the reference photo among the sent files.
std::string photo_name(const std::string& path);
// What becomes of a file that the job reads.
using Take = std::function<Answer(const std::string& name, const std::string& content)>;
// Takes the photo, the config and the range, asking before each frame whether to go on; returns why not, or nothing.
std::string take_all(const Handing& h, const Take& take, const std::function<bool(int)>& begin_frame);
// Returns why the server has no room for what take_all() takes, or nothing; `counted` has no files yet.
std::string check_room(const Handing& h, Upload& counted, const std::function<bool(int)>& begin_frame);

}  // namespace svfr
