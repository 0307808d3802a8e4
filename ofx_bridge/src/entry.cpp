// The three functions that a host sees, and the wall that no exception passes.
#include <new>

#include "conversation.hpp"
#include "effect.hpp"
#include "results.hpp"

#ifdef _WIN32
#define SVFR_EXPORT extern "C" __declspec(dllexport)
#else
#define SVFR_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace svfr {

namespace {

// Nothing is made here: some hosts load again and again, for each frame, and never unload.
int load() { return host.fetch() ? ofx::OK : ofx::MISSING_HOST_FEATURE; }

int unload() {
  forget_results();
  Conversation::end_all();
  return ofx::OK;
}

int act(const std::string& action, const void* handle, Properties in, Properties out) {
  OfxImageEffectHandle effect = static_cast<OfxImageEffectHandle>(const_cast<void*>(handle));
  if (action == ofx::LOAD) return load();
  if (action == ofx::UNLOAD) return unload();
  if (!host.properties || !effect) return ofx::REPLY_DEFAULT;
  if (action == ofx::RENDER) return render(effect, in);
  if (action == ofx::IS_IDENTITY) return is_identity(effect, in, out);
  if (action == ofx::DESCRIBE) return describe(effect);
  if (action == ofx::DESCRIBE_IN_CONTEXT) return describe_in_context(effect, in);
  if (action == ofx::CREATE_INSTANCE) return create_instance(effect);
  if (action == ofx::DESTROY_INSTANCE) return ofx::OK;
  if (action == ofx::INSTANCE_CHANGED) return instance_changed(effect, in);
  if (action == ofx::GET_CLIP_PREFERENCES) return clip_preferences(effect, out);
  if (action == ofx::GET_REGIONS_OF_INTEREST) return regions_of_interest(effect, in, out);
  if (action == ofx::GET_OUTPUT_COLOURSPACE) return output_colourspace(out);
  return ofx::REPLY_DEFAULT;
}

OfxStatus main_entry(const char* action, const void* handle, OfxPropertySetHandle in, OfxPropertySetHandle out) {
  try {
    return act(action ? action : "", handle, Properties(in), Properties(out));
  } catch (const ActionFailed& failure) {
    return failure.status;
  } catch (const std::bad_alloc&) {
    return ofx::MEMORY;
  } catch (...) {
    return ofx::FAILED;
  }
}

void set_host(OfxHost* given) {
  if (given) host.ofx = given;
}

OfxPlugin plugin = {ofx::API, 1, "studio.svfr.restore", 1, 0, set_host, main_entry};

}  // namespace

}  // namespace svfr

SVFR_EXPORT int OfxGetNumberOfPlugins() { return 1; }
SVFR_EXPORT OfxPlugin* OfxGetPlugin(int index) { return index == 0 ? &svfr::plugin : nullptr; }
SVFR_EXPORT OfxStatus OfxSetHost(const OfxHost* given) {
  svfr::set_host(const_cast<OfxHost*>(given));
  return ofx::OK;
}
