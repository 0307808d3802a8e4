// What each action does. All of them may throw ActionFailed; entry.cpp has the wall that stops everything.
#pragma once
#include <string>

#include "json.hpp"
#include "settings.hpp"

namespace svfr {

constexpr const char* SOURCE_CLIP = "Source";
constexpr const char* MASK_CLIP = "Mask";
constexpr const char* OUTPUT_CLIP = "Output";

// One clip of an instance with its properties; handle null if the context has none.
struct Clip {
  OfxImageClipHandle handle = nullptr;
  Properties properties;
};
Clip find_clip(OfxImageEffectHandle effect, const char* name);
Properties effect_properties(OfxImageEffectHandle effect);

// Whether SVFR_OFX_PASS_THROUGH asks for the source everywhere, so that any project can be opened.
bool is_pass_through();

// Why the source cannot be worked on in this project, in words; empty if it can.
std::string refusal(OfxImageEffectHandle effect, const Clip& source);

// The plate's colour as it is claimed to the server, or why it cannot be said.
struct Colour {
  std::string space, config, problem;
};
Colour colour_of(OfxImageEffectHandle effect, const Clip& source, const Settings& settings);

int describe(OfxImageEffectHandle descriptor);
int describe_in_context(OfxImageEffectHandle descriptor, Properties in);
int create_instance(OfxImageEffectHandle effect);
int instance_changed(OfxImageEffectHandle effect, Properties in);
int render(OfxImageEffectHandle effect, Properties in);
int is_identity(OfxImageEffectHandle effect, Properties in, Properties out);
int clip_preferences(OfxImageEffectHandle effect, Properties out);
int regions_of_interest(OfxImageEffectHandle effect, Properties in, Properties out);
int output_colourspace(Properties out);

}  // namespace svfr
