// A picture as coarse as any proxy of it shows, to tell at a smaller scale whether the source is another by now.
#pragma once
#include <string>

#include "exr.hpp"

namespace svfr {

// Returns the mean colours of 4 x 4 tiles in thousandths, as text. Values that are not finite do not count.
std::string coarse_means(const Pixels& pixels);
// Returns whether a smaller image may be of the picture with these means: hosts filter proxies or leave pixels
// out, so only one whose tiles differ clearly, and most of them, is another. True where the means are not known.
bool may_show(const std::string& means, const Pixels& smaller);

}  // namespace svfr
