// What the plugin tells the host about itself. Nothing here is kept, opened, connected or started.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "conversation.hpp"
#include "effect.hpp"

namespace svfr {

namespace {

void define_clip(OfxImageEffectHandle descriptor, const char* name, bool is_mask) {
  OfxPropertySetHandle handle = nullptr;
  if (host.effects->clipDefine(descriptor, name, &handle) != ofx::OK) throw ActionFailed{ofx::FAILED};
  Properties clip(handle);
  int index = 0;
  if (is_mask) clip.set(ofx::SUPPORTED_COMPONENTS, ofx::ALPHA, index++);
  clip.set(ofx::SUPPORTED_COMPONENTS, ofx::RGBA, index++);
  if (!is_mask) clip.set(ofx::SUPPORTED_COMPONENTS, ofx::RGB, index++);
  clip.set(ofx::TEMPORAL_ACCESS, std::string(name) == OUTPUT_CLIP ? 0 : 1)
      .set(ofx::SUPPORTS_TILES, 0)
      .set(ofx::CLIP_OPTIONAL, is_mask ? 1 : 0)
      .set(ofx::CLIP_IS_MASK, is_mask ? 1 : 0)
      .set(ofx::CLIP_FIELD_EXTRACTION, ofx::FIELD_BOTH);
}

}  // namespace

int describe(OfxImageEffectHandle descriptor) {
  Properties plugin = effect_properties(descriptor);
  plugin.set(ofx::PROP_LABEL, "SVFR").set(ofx::GROUPING, "SVFR Studio")
      .set(ofx::CONTEXTS, ofx::FILTER, 0).set(ofx::CONTEXTS, ofx::GENERAL, 1)
      .set(ofx::SUPPORTS_TILES, 0).set(ofx::MULTI_RESOLUTION, 0).set(ofx::MULTIPLE_CLIP_DEPTHS, 0)
      .set(ofx::TEMPORAL_ACCESS, 1).set(ofx::THREAD_SAFETY, ofx::INSTANCE_SAFE)
      .set(ofx::FRAME_THREADING, 0).set(ofx::FIELD_TWICE, 0);
  // Half is younger than OFX 1.1: it is named only to a host that names it.
  std::vector<std::string> known = Properties(host.ofx->host).texts(ofx::PIXEL_DEPTHS);
  int index = 0;
  for (const char* depth : {ofx::BYTE, ofx::SHORT, ofx::HALF, ofx::FLOAT}) {
    bool is_named = std::find(known.begin(), known.end(), depth) != known.end();
    if (is_named || (known.empty() && depth != ofx::HALF)) plugin.set(ofx::PIXEL_DEPTHS, depth, index++);
  }
  plugin.set(ofx::COLOUR_STYLE, ofx::COLOUR_STYLE_OCIO).set(ofx::COLOUR_CONFIGS, ofx::NATIVE_CONFIG);
  return ofx::OK;
}

int describe_in_context(OfxImageEffectHandle descriptor, Properties in) {
  define_clip(descriptor, SOURCE_CLIP, false);
  if (in.text(ofx::CONTEXT) == ofx::GENERAL) define_clip(descriptor, MASK_CLIP, true);
  define_clip(descriptor, OUTPUT_CLIP, false);
  define_parameters(descriptor);
  return ofx::OK;
}

int create_instance(OfxImageEffectHandle effect) {
  if (is_pass_through()) return ofx::OK;
  Settings settings = read_settings(effect, 0);
  // A project with restored frames will ask for one in a moment; the connection is made meanwhile.
  if (settings.job.is_there()) Conversation::with(settings.server)->prepare();
  return ofx::OK;
}

int clip_preferences(OfxImageEffectHandle effect, Properties out) {
  Clip source = find_clip(effect, SOURCE_CLIP);
  std::string alpha = source.properties.text(ofx::PREMULTIPLICATION);
  if (!alpha.empty()) out.set(ofx::PREMULTIPLICATION, alpha.c_str());
  out.set(ofx::FRAME_VARYING, 1);
  return ofx::OK;
}

int regions_of_interest(OfxImageEffectHandle effect, Properties in, Properties out) {
  Clip source = find_clip(effect, SOURCE_CLIP);
  OfxRectD all{};
  if (!source.handle || !host.effects->clipGetRegionOfDefinition ||
      host.effects->clipGetRegionOfDefinition(source.handle, in.number(ofx::PROP_TIME), &all) != ofx::OK)
    return ofx::REPLY_DEFAULT;
  const double sides[] = {all.x1, all.y1, all.x2, all.y2};
  for (int i = 0; i < 4; ++i) out.set("OfxImageClipPropRoI_Source", sides[i], i);
  return ofx::OK;
}

int output_colourspace(Properties out) {
  // Results come back in the space of the source, whatever that is.
  out.set(ofx::CLIP_COLOURSPACE, "OfxColourspace_Source");
  return ofx::OK;
}

Clip find_clip(OfxImageEffectHandle effect, const char* name) {
  Clip clip;
  OfxPropertySetHandle handle = nullptr;
  if (host.effects->clipGetHandle(effect, name, &clip.handle, &handle) != ofx::OK || !clip.handle) return Clip{};
  if (!handle && host.effects->clipGetPropertySet(clip.handle, &handle) != ofx::OK) handle = nullptr;
  clip.properties = Properties(handle);
  return clip;
}

Properties effect_properties(OfxImageEffectHandle effect) {
  OfxPropertySetHandle handle = nullptr;
  if (host.effects->getPropertySet(effect, &handle) != ofx::OK) throw ActionFailed{ofx::FAILED};
  return Properties(handle);
}

bool is_pass_through() {
  const char* value = std::getenv("SVFR_OFX_PASS_THROUGH");
  return value && *value && std::string(value) != "0";
}

std::string refusal(OfxImageEffectHandle effect, const Clip& source) {
  if (!source.handle || source.properties.integer(ofx::CLIP_CONNECTED, 1) == 0) return "The effect has no source.";
  std::string order = source.properties.text(ofx::CLIP_FIELD_ORDER, ofx::FIELD_NONE);
  if (order == ofx::FIELD_LOWER || order == ofx::FIELD_UPPER)
    return "The clip is interlaced. Deinterlace it before this effect.";
  double project = effect_properties(effect).number(ofx::FRAME_RATE);
  double own = source.properties.number(ofx::UNMAPPED_FRAME_RATE);
  if (project > 0 && own > 0 && std::fabs(project - own) > 0.001 * project) {
    char text[200];
    std::snprintf(text, sizeof text,
                  "The clip runs at %.3f frames a second, the timeline at %.3f. Frames would be mixed up: conform "
                  "the clip first.", own, project);
    return text;
  }
  return "";
}

Colour colour_of(OfxImageEffectHandle effect, const Clip& source, const Settings& settings) {
  Colour colour{settings.colourspace, settings.config, ""};
  Properties instance = effect_properties(effect);
  std::string style = instance.text(ofx::COLOUR_STYLE), named = source.properties.text(ofx::CLIP_COLOURSPACE);
  if (!colour.space.empty()) return colour;
  if (style == ofx::COLOUR_STYLE_OCIO && !named.empty()) {
    colour.space = named;
    if (colour.config.empty()) colour.config = instance.text(ofx::OCIO_CONFIG);
  } else if ((style == ofx::COLOUR_STYLE_FULL || style == ofx::COLOUR_STYLE_CORE) && !named.empty()) {
    colour.space = named;  // a name of OpenFX's own config, which the built-in studio config has as well
  } else if (style == ofx::COLOUR_STYLE_BASIC && !named.empty()) {
    colour.problem = "The host says only that the clip is \"" + named +
                     "\", which leaves its primaries open. Name its colour space in the parameter Colour space.";
  } else {
    colour.problem = "The host does not say the clip's colour space. Name it in the parameter Colour space.";
  }
  return colour;
}

}  // namespace svfr
