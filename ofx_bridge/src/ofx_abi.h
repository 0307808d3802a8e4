// The binary interface between an OpenFX host and a plugin, written down from the published specification
// (OpenFX 1.5, https://openfx.readthedocs.io). Only what this plugin and its test host use. The layout is
// fixed by the static_asserts below and by tests/ofx_bridge/test_abi.py.
#pragma once
#include <cstddef>

extern "C" {

typedef int OfxStatus;
typedef double OfxTime;
typedef struct OfxPropertySetStruct* OfxPropertySetHandle;
typedef struct OfxImageEffectStruct* OfxImageEffectHandle;
typedef struct OfxImageClipStruct* OfxImageClipHandle;
typedef struct OfxParamStruct* OfxParamHandle;
typedef struct OfxParamSetStruct* OfxParamSetHandle;
typedef struct OfxImageMemoryStruct* OfxImageMemoryHandle;

struct OfxRectI { int x1, y1, x2, y2; };
struct OfxRectD { double x1, y1, x2, y2; };

struct OfxHost {
  OfxPropertySetHandle host;
  const void* (*fetchSuite)(OfxPropertySetHandle host, const char* name, int version);
};

typedef OfxStatus (*OfxMainEntry)(const char* action, const void* handle, OfxPropertySetHandle in,
                                  OfxPropertySetHandle out);

struct OfxPlugin {
  const char* pluginApi;
  int apiVersion;
  const char* pluginIdentifier;
  unsigned int versionMajor;
  unsigned int versionMinor;
  void (*setHost)(OfxHost* host);
  OfxMainEntry mainEntry;
};

struct OfxPropertySuite {
  OfxStatus (*setPointer)(OfxPropertySetHandle, const char*, int index, void* value);
  OfxStatus (*setString)(OfxPropertySetHandle, const char*, int index, const char* value);
  OfxStatus (*setDouble)(OfxPropertySetHandle, const char*, int index, double value);
  OfxStatus (*setInt)(OfxPropertySetHandle, const char*, int index, int value);
  OfxStatus (*setPointerN)(OfxPropertySetHandle, const char*, int count, void* const* value);
  OfxStatus (*setStringN)(OfxPropertySetHandle, const char*, int count, const char* const* value);
  OfxStatus (*setDoubleN)(OfxPropertySetHandle, const char*, int count, const double* value);
  OfxStatus (*setIntN)(OfxPropertySetHandle, const char*, int count, const int* value);
  OfxStatus (*getPointer)(OfxPropertySetHandle, const char*, int index, void** value);
  OfxStatus (*getString)(OfxPropertySetHandle, const char*, int index, char** value);
  OfxStatus (*getDouble)(OfxPropertySetHandle, const char*, int index, double* value);
  OfxStatus (*getInt)(OfxPropertySetHandle, const char*, int index, int* value);
  OfxStatus (*getPointerN)(OfxPropertySetHandle, const char*, int count, void** value);
  OfxStatus (*getStringN)(OfxPropertySetHandle, const char*, int count, char** value);
  OfxStatus (*getDoubleN)(OfxPropertySetHandle, const char*, int count, double* value);
  OfxStatus (*getIntN)(OfxPropertySetHandle, const char*, int count, int* value);
  OfxStatus (*reset)(OfxPropertySetHandle, const char*);
  OfxStatus (*getDimension)(OfxPropertySetHandle, const char*, int* count);
};

struct OfxImageEffectSuite {
  OfxStatus (*getPropertySet)(OfxImageEffectHandle, OfxPropertySetHandle*);
  OfxStatus (*getParamSet)(OfxImageEffectHandle, OfxParamSetHandle*);
  OfxStatus (*clipDefine)(OfxImageEffectHandle, const char* name, OfxPropertySetHandle*);
  OfxStatus (*clipGetHandle)(OfxImageEffectHandle, const char* name, OfxImageClipHandle*,
                             OfxPropertySetHandle*);
  OfxStatus (*clipGetPropertySet)(OfxImageClipHandle, OfxPropertySetHandle*);
  OfxStatus (*clipGetImage)(OfxImageClipHandle, OfxTime, const OfxRectD* region, OfxPropertySetHandle*);
  OfxStatus (*clipReleaseImage)(OfxPropertySetHandle);
  OfxStatus (*clipGetRegionOfDefinition)(OfxImageClipHandle, OfxTime, OfxRectD*);
  int (*abort)(OfxImageEffectHandle);
  OfxStatus (*imageMemoryAlloc)(OfxImageEffectHandle, size_t, OfxImageMemoryHandle*);
  OfxStatus (*imageMemoryFree)(OfxImageMemoryHandle);
  OfxStatus (*imageMemoryLock)(OfxImageMemoryHandle, void**);
  OfxStatus (*imageMemoryUnlock)(OfxImageMemoryHandle);
};

struct OfxParameterSuite {
  OfxStatus (*define)(OfxParamSetHandle, const char* type, const char* name, OfxPropertySetHandle*);
  OfxStatus (*getHandle)(OfxParamSetHandle, const char* name, OfxParamHandle*, OfxPropertySetHandle*);
  OfxStatus (*setGetPropertySet)(OfxParamSetHandle, OfxPropertySetHandle*);
  OfxStatus (*getPropertySet)(OfxParamHandle, OfxPropertySetHandle*);
  OfxStatus (*getValue)(OfxParamHandle, ...);
  OfxStatus (*getValueAtTime)(OfxParamHandle, OfxTime, ...);
  OfxStatus (*getDerivative)(OfxParamHandle, OfxTime, ...);
  OfxStatus (*getIntegral)(OfxParamHandle, OfxTime, OfxTime, ...);
  OfxStatus (*setValue)(OfxParamHandle, ...);
  OfxStatus (*setValueAtTime)(OfxParamHandle, OfxTime, ...);
  OfxStatus (*getNumKeys)(OfxParamHandle, unsigned int*);
  OfxStatus (*getKeyTime)(OfxParamHandle, unsigned int, OfxTime*);
  OfxStatus (*getKeyIndex)(OfxParamHandle, OfxTime, int direction, int*);
  OfxStatus (*deleteKey)(OfxParamHandle, OfxTime);
  OfxStatus (*deleteAllKeys)(OfxParamHandle);
  OfxStatus (*copy)(OfxParamHandle to, OfxParamHandle from, OfxTime, const void* range);
  OfxStatus (*editBegin)(OfxParamSetHandle, const char*);
  OfxStatus (*editEnd)(OfxParamSetHandle);
};

struct OfxProgressSuite {
  OfxStatus (*start)(void* effect, const char* label);
  OfxStatus (*update)(void* effect, double share);
  OfxStatus (*end)(void* effect);
};

struct OfxMessageSuite {  // version 1 ends after the first member
  OfxStatus (*message)(void* handle, const char* type, const char* id, const char* format, ...);
  OfxStatus (*setPersistent)(void* handle, const char* type, const char* id, const char* format, ...);
  OfxStatus (*clearPersistent)(void* handle);
};

}  // extern "C"

static_assert(sizeof(void*) == 8, "OpenFX hosts are 64 bit programs");
static_assert(sizeof(OfxHost) == 16 && offsetof(OfxHost, fetchSuite) == 8, "OfxHost");
static_assert(sizeof(OfxPlugin) == 48 && offsetof(OfxPlugin, setHost) == 32 &&
                  offsetof(OfxPlugin, mainEntry) == 40,
              "OfxPlugin");
static_assert(sizeof(OfxPropertySuite) == 144 && offsetof(OfxPropertySuite, getInt) == 88 &&
                  offsetof(OfxPropertySuite, getDimension) == 136,
              "OfxPropertySuite");
static_assert(sizeof(OfxImageEffectSuite) == 104 && offsetof(OfxImageEffectSuite, clipGetImage) == 40 &&
                  offsetof(OfxImageEffectSuite, abort) == 64,
              "OfxImageEffectSuite");
static_assert(sizeof(OfxParameterSuite) == 144 && offsetof(OfxParameterSuite, getValueAtTime) == 40 &&
                  offsetof(OfxParameterSuite, setValue) == 64,
              "OfxParameterSuite");
static_assert(sizeof(OfxProgressSuite) == 24 && sizeof(OfxMessageSuite) == 24, "small suites");
static_assert(sizeof(OfxRectI) == 16 && sizeof(OfxRectD) == 32, "rectangles");

namespace ofx {

enum Status : int {
  OK = 0, FAILED = 1, FATAL = 2, UNKNOWN = 3, MISSING_HOST_FEATURE = 4, UNSUPPORTED = 5, EXISTS = 6,
  BAD_FORMAT = 7, MEMORY = 8, BAD_HANDLE = 9, BAD_INDEX = 10, BAD_VALUE = 11, REPLY_YES = 12, REPLY_NO = 13,
  REPLY_DEFAULT = 14, IMAGE_FORMAT = 1000,
};

#define SVFR_OFX_NAME(name, text) constexpr const char* name = text
SVFR_OFX_NAME(API, "OfxImageEffectPluginAPI");
SVFR_OFX_NAME(LOAD, "OfxActionLoad");
SVFR_OFX_NAME(UNLOAD, "OfxActionUnload");
SVFR_OFX_NAME(DESCRIBE, "OfxActionDescribe");
SVFR_OFX_NAME(DESCRIBE_IN_CONTEXT, "OfxImageEffectActionDescribeInContext");
SVFR_OFX_NAME(CREATE_INSTANCE, "OfxActionCreateInstance");
SVFR_OFX_NAME(DESTROY_INSTANCE, "OfxActionDestroyInstance");
SVFR_OFX_NAME(INSTANCE_CHANGED, "OfxActionInstanceChanged");
SVFR_OFX_NAME(RENDER, "OfxImageEffectActionRender");
SVFR_OFX_NAME(IS_IDENTITY, "OfxImageEffectActionIsIdentity");
SVFR_OFX_NAME(GET_CLIP_PREFERENCES, "OfxImageEffectActionGetClipPreferences");
SVFR_OFX_NAME(GET_REGIONS_OF_INTEREST, "OfxImageEffectActionGetRegionsOfInterest");
SVFR_OFX_NAME(GET_OUTPUT_COLOURSPACE, "OfxImageEffectActionGetOutputColourspace");
SVFR_OFX_NAME(PROP_TYPE, "OfxPropType");
SVFR_OFX_NAME(PROP_NAME, "OfxPropName");
SVFR_OFX_NAME(PROP_LABEL, "OfxPropLabel");
SVFR_OFX_NAME(PROP_TIME, "OfxPropTime");
SVFR_OFX_NAME(PROP_CHANGE_REASON, "OfxPropChangeReason");
SVFR_OFX_NAME(USER_EDITED, "OfxChangeUserEdited");
SVFR_OFX_NAME(PROP_INSTANCE_DATA, "OfxPropInstanceData");
SVFR_OFX_NAME(GROUPING, "OfxImageEffectPluginPropGrouping");
SVFR_OFX_NAME(CONTEXT, "OfxImageEffectPropContext");
SVFR_OFX_NAME(CONTEXTS, "OfxImageEffectPropSupportedContexts");
SVFR_OFX_NAME(FILTER, "OfxImageEffectContextFilter");
SVFR_OFX_NAME(GENERAL, "OfxImageEffectContextGeneral");
SVFR_OFX_NAME(PIXEL_DEPTHS, "OfxImageEffectPropSupportedPixelDepths");
SVFR_OFX_NAME(PIXEL_DEPTH, "OfxImageEffectPropPixelDepth");
SVFR_OFX_NAME(BYTE, "OfxBitDepthByte");
SVFR_OFX_NAME(SHORT, "OfxBitDepthShort");
SVFR_OFX_NAME(HALF, "OfxBitDepthHalf");
SVFR_OFX_NAME(FLOAT, "OfxBitDepthFloat");
SVFR_OFX_NAME(COMPONENTS, "OfxImageEffectPropComponents");
SVFR_OFX_NAME(SUPPORTED_COMPONENTS, "OfxImageEffectPropSupportedComponents");
SVFR_OFX_NAME(RGBA, "OfxImageComponentRGBA");
SVFR_OFX_NAME(RGB, "OfxImageComponentRGB");
SVFR_OFX_NAME(ALPHA, "OfxImageComponentAlpha");
SVFR_OFX_NAME(SUPPORTS_TILES, "OfxImageEffectPropSupportsTiles");
SVFR_OFX_NAME(MULTI_RESOLUTION, "OfxImageEffectPropSupportsMultiResolution");
SVFR_OFX_NAME(MULTIPLE_CLIP_DEPTHS, "OfxImageEffectPropMultipleClipDepths");
SVFR_OFX_NAME(TEMPORAL_ACCESS, "OfxImageEffectPropTemporalClipAccess");
SVFR_OFX_NAME(THREAD_SAFETY, "OfxImageEffectPluginRenderThreadSafety");
SVFR_OFX_NAME(INSTANCE_SAFE, "OfxImageEffectRenderInstanceSafe");
SVFR_OFX_NAME(FRAME_THREADING, "OfxImageEffectPluginPropHostFrameThreading");
SVFR_OFX_NAME(FIELD_TWICE, "OfxImageEffectPluginPropFieldRenderTwiceAlways");
SVFR_OFX_NAME(CLIP_OPTIONAL, "OfxImageClipPropOptional");
SVFR_OFX_NAME(CLIP_IS_MASK, "OfxImageClipPropIsMask");
SVFR_OFX_NAME(CLIP_CONNECTED, "OfxImageClipPropConnected");
SVFR_OFX_NAME(CLIP_FIELD_EXTRACTION, "OfxImageClipPropFieldExtraction");
SVFR_OFX_NAME(CLIP_FIELD_ORDER, "OfxImageClipPropFieldOrder");
SVFR_OFX_NAME(FIELD_TO_RENDER, "OfxImageEffectPropFieldToRender");
SVFR_OFX_NAME(FIELD_NONE, "OfxFieldNone");
SVFR_OFX_NAME(FIELD_BOTH, "OfxFieldBoth");
SVFR_OFX_NAME(FIELD_LOWER, "OfxFieldLower");
SVFR_OFX_NAME(FIELD_UPPER, "OfxFieldUpper");
SVFR_OFX_NAME(FRAME_RATE, "OfxImageEffectPropFrameRate");
SVFR_OFX_NAME(UNMAPPED_FRAME_RATE, "OfxImageEffectPropUnmappedFrameRate");
SVFR_OFX_NAME(FRAME_RANGE, "OfxImageEffectPropFrameRange");
SVFR_OFX_NAME(PREMULTIPLICATION, "OfxImageEffectPropPreMultiplication");
SVFR_OFX_NAME(IMAGE_DATA, "OfxImagePropData");
SVFR_OFX_NAME(IMAGE_BOUNDS, "OfxImagePropBounds");
SVFR_OFX_NAME(IMAGE_ROW_BYTES, "OfxImagePropRowBytes");
SVFR_OFX_NAME(RENDER_SCALE, "OfxImageEffectPropRenderScale");
SVFR_OFX_NAME(RENDER_WINDOW, "OfxImageEffectPropRenderWindow");
SVFR_OFX_NAME(REGION_OF_INTEREST, "OfxImageEffectPropRegionOfInterest");
SVFR_OFX_NAME(FRAME_VARYING, "OfxImageEffectFrameVarying");
SVFR_OFX_NAME(HOST_IS_BACKGROUND, "OfxImageEffectHostPropIsBackground");
SVFR_OFX_NAME(THUMBNAIL, "OfxImageEffectPropThumbnailRender");
SVFR_OFX_NAME(COLOUR_STYLE, "OfxImageEffectPropColourManagementStyle");
SVFR_OFX_NAME(COLOUR_CONFIGS, "OfxImageEffectPropColourManagementAvailableConfigs");
SVFR_OFX_NAME(COLOUR_STYLE_OCIO, "OfxImageEffectColourManagementOCIO");
SVFR_OFX_NAME(COLOUR_STYLE_FULL, "OfxImageEffectColourManagementFull");
SVFR_OFX_NAME(COLOUR_STYLE_CORE, "OfxImageEffectColourManagementCore");
SVFR_OFX_NAME(COLOUR_STYLE_BASIC, "OfxImageEffectColourManagementBasic");
SVFR_OFX_NAME(NATIVE_CONFIG, "ofx-native-v1.5_aces-v1.3_ocio-v2.3");
SVFR_OFX_NAME(OCIO_CONFIG, "OfxImageEffectPropOCIOConfig");
SVFR_OFX_NAME(CLIP_COLOURSPACE, "OfxImageClipPropColourspace");
SVFR_OFX_NAME(PARAM_INTEGER, "OfxParamTypeInteger");
SVFR_OFX_NAME(PARAM_DOUBLE, "OfxParamTypeDouble");
SVFR_OFX_NAME(PARAM_BOOLEAN, "OfxParamTypeBoolean");
SVFR_OFX_NAME(PARAM_CHOICE, "OfxParamTypeChoice");
SVFR_OFX_NAME(PARAM_STRING, "OfxParamTypeString");
SVFR_OFX_NAME(PARAM_BUTTON, "OfxParamTypePushButton");
SVFR_OFX_NAME(DEFAULT, "OfxParamPropDefault");
SVFR_OFX_NAME(MIN, "OfxParamPropMin");
SVFR_OFX_NAME(MAX, "OfxParamPropMax");
SVFR_OFX_NAME(DISPLAY_MIN, "OfxParamPropDisplayMin");
SVFR_OFX_NAME(DISPLAY_MAX, "OfxParamPropDisplayMax");
SVFR_OFX_NAME(CHOICE_OPTION, "OfxParamPropChoiceOption");
SVFR_OFX_NAME(SECRET, "OfxParamPropSecret");
SVFR_OFX_NAME(ENABLED, "OfxParamPropEnabled");
SVFR_OFX_NAME(ANIMATES, "OfxParamPropAnimates");
SVFR_OFX_NAME(PERSISTENT, "OfxParamPropPersistant");
SVFR_OFX_NAME(EVALUATE_ON_CHANGE, "OfxParamPropEvaluateOnChange");
SVFR_OFX_NAME(CACHE_INVALIDATION, "OfxParamPropCacheInvalidation");
SVFR_OFX_NAME(INVALIDATE_ALL, "OfxParamInvalidateAll");
SVFR_OFX_NAME(STRING_MODE, "OfxParamPropStringMode");
SVFR_OFX_NAME(STRING_FILE_PATH, "OfxParamStringIsFilePath");
SVFR_OFX_NAME(HINT, "OfxParamPropHint");
SVFR_OFX_NAME(MESSAGE_ERROR, "OfxMessageError");
SVFR_OFX_NAME(MESSAGE_WARNING, "OfxMessageWarning");
#undef SVFR_OFX_NAME

}  // namespace ofx
