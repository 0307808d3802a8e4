"""The GLSL programs that colour a head and, for 3 clips of 10, the plain wall behind it.

A later revision of the looks stands in ``#if REVISION`` blocks: for revision 1 the compiler is given the very
source that revision 1 was rendered with.

Every colour of the face is procedural, in rest coordinates, so that it sticks to the moving skin. Uniforms
are named as the fields of :class:`svfr_lab.heads.appearance.FaceAppearance`, which gives their meaning; parts
are the ``PART_*`` numbers of :mod:`svfr_lab.heads.mesh`. Output is display-coded (gamma 2.2) RGB with
alpha 1 on the head, 0 elsewhere.
"""

BROW_HEIGHT_DM = {1: 0.24, 2: 0.16}
"""How far the middle of the painted brows lies above the eyes, in each revision; their arch is added."""

HEAD_VERTEX_SHADER = """
#version 330
in vec3 position;
in vec3 normal;
in vec3 rest_position;
in vec3 region;              // lips, scalp, part

uniform mat4 view;
uniform mat3 rotation;

out vec3 world_normal;
out vec3 rest;
out vec3 mask;

void main() {
    gl_Position = view * vec4(position, 1.0);
    world_normal = rotation * normal;
    rest = rest_position;
    mask = region;
}
"""

_HEAD_FRAGMENT_SHADER = """
in vec3 world_normal;
in vec3 rest;
in vec3 mask;
out vec4 colour;

uniform vec3 eye_image_left, eye_image_right, gaze;
uniform vec3 skin_rgb, lip_rgb, hair_rgb, iris_rgb;
uniform float noise_seed, specular, freckles, blush, eye_shadow, beard;
uniform float hair_style, fringe_depth, hair_length;
uniform vec3 clothes_rgb_1, clothes_rgb_2;
uniform float neckline_below_eyes, neckline_drop, neckline_narrowness, clothes_pattern;
uniform float glasses_worn, glasses_radius, glasses_rim, glasses_aspect;
uniform vec3 glasses_rgb;
uniform vec3 key_direction, fill_direction, key_rgb, fill_rgb, ambient_rgb;
#if REVISION >= 2
uniform float brow_half_height, brow_density, hairline_fray;
#endif

const float SKIN = 0.5, HAIR = 1.5, EYE = 2.5, TEETH = 3.5, TONGUE = 4.5;

float hash(vec3 p) {
    p = fract(p * 0.3183099 + 0.1 + noise_seed) * 17.0;
    return fract(p.x * p.y * p.z * (p.x + p.y + p.z));
}

float value_noise(vec3 p) {
    vec3 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    vec2 o = vec2(1.0, 0.0);
    return mix(
        mix(mix(hash(i), hash(i + o.xyy), f.x), mix(hash(i + o.yxy), hash(i + o.xxy), f.x), f.y),
        mix(mix(hash(i + o.yyx), hash(i + o.xyx), f.x), mix(hash(i + o.yxx), hash(i + o.xxx), f.x), f.y),
        f.z);
}

vec3 nearer_eye() { return rest.x > 0.0 ? eye_image_right : eye_image_left; }

vec3 bare_skin() {
    float mottle = 0.22 * (value_noise(rest * 3.0) - 0.5)
                 + 0.10 * (value_noise(rest * 14.0) - 0.5)
                 + 0.10 * (value_noise(rest * 40.0) - 0.5);
    vec3 c = skin_rgb * (1.0 + mottle);

    float eye_y = eye_image_left.y;
    float cheek = exp(-6.0 * pow(length(vec2(abs(rest.x) - 0.55, rest.y - eye_y + 0.55)), 2.0));
    c = mix(c, c * vec3(1.12, 0.85, 0.82), cheek * blush);
    c = mix(c, c * vec3(0.9, 0.55, 0.5), freckles * smoothstep(0.62, 0.75, value_noise(rest * 22.0)));

    float beyond_lid = max(0.0, length(rest - nearer_eye()) - 0.12);
    c *= mix(1.0, 0.72, eye_shadow * exp(-112.0 * beyond_lid * beyond_lid));

    float stubble = beard * smoothstep(0.0, 0.35, eye_y - 0.75 - rest.y) * smoothstep(0.2, 0.7, rest.z);
    return mix(c, hair_rgb * 0.8 + 0.05, stubble * 0.75 * (0.6 + 0.8 * value_noise(rest * 30.0)));
}

vec3 with_brows(vec3 c) {
    float across = abs(rest.x);
    float arch = 0.10 * sin(clamp((across - 0.1) / 0.6, 0.0, 1.0) * 3.0) - 0.06 * across;
#if REVISION >= 2
    float height = eye_image_left.y + BROW_HEIGHT + arch;
    float thin = mix(1.0, 0.45, smoothstep(0.3, 0.62, across));      // a brow runs out towards the temple
    float brow = smoothstep(0.08, 0.16, across) * (1.0 - smoothstep(0.5, 0.66, across))
               * (1.0 - smoothstep(0.5, 1.0, abs(rest.y - height) / (brow_half_height * thin)))
               * step(0.4, rest.z);
    float strands = 0.75 + 0.5 * value_noise(vec3(rest.x * 34.0, rest.y * 12.0, 2.0));
    return mix(c, hair_rgb * 0.6, clamp(brow * brow_density * strands, 0.0, 1.0));
#else
    float height = eye_image_left.y + 0.24 + arch;
    float brow = smoothstep(0.08, 0.16, across) * (1.0 - smoothstep(0.5, 0.66, across))
               * (1.0 - smoothstep(0.03, 0.09, abs(rest.y - height))) * step(0.4, rest.z);
    float strands = 0.5 + 0.7 * value_noise(vec3(rest.x * 34.0, rest.y * 12.0, 2.0));
    return mix(c, hair_rgb * 0.7, brow * 0.85 * strands);
#endif
}

vec3 clothes() {
    float kind = clothes_pattern, pattern = 1.0;      // plain, rings, stripes, blotches
    if (kind >= 0.8) pattern = step(0.5, value_noise(rest * 6.0));
    else if (kind >= 0.6) pattern = step(0.5, fract(rest.x * kind * 6.0));
    else if (kind >= 0.4) pattern = step(0.5, fract(rest.y * kind * 9.0));
    return mix(clothes_rgb_1, clothes_rgb_2, pattern) * (0.8 + 0.35 * value_noise(rest * 9.0));
}

bool on_glasses() {
    vec3 eye = nearer_eye();
    float ring = length((rest.xy - eye.xy) * vec2(1.0, glasses_aspect));
    bool at_bar_height = abs(rest.y - eye.y - 0.06) < glasses_rim;
    bool on_bridge = at_bar_height && ring > glasses_radius && abs(rest.x) < abs(eye.x);
    bool on_temple = at_bar_height && abs(rest.x) > abs(eye.x) + glasses_radius;
    return abs(ring - glasses_radius) < glasses_rim || on_bridge || on_temple;
}

vec3 skin_part(inout float gloss) {
    vec3 c = with_brows(mix(bare_skin(), lip_rgb, mask.x * 0.85));
    if (hair_style > 0.12) {                          // the rest are bald
#if REVISION >= 2
        float fray = value_noise(vec3(rest.x * 16.0, rest.y * 3.0, rest.z * 9.0)) - 0.5;
        float hair = smoothstep(0.35, 0.65, mask.y + hairline_fray * fray);
#else
        float hair = smoothstep(0.35, 0.6, mask.y + 0.25 * (value_noise(rest * 5.0) - 0.5));
#endif
        float strands = 0.6 + 0.9 * value_noise(vec3(rest.x * 38.0, rest.y * 6.0, rest.z * 9.0));
        c = mix(c, hair_rgb * strands, hair);
        gloss *= 1.0 - 0.6 * hair;
    }
    float drop = neckline_drop * exp(-rest.x * rest.x * neckline_narrowness);
    float neckline = eye_image_left.y - neckline_below_eyes - drop;
    if (rest.y < neckline) {
        c = clothes();
        gloss *= 0.2;
    } else if (glasses_worn > 0.5 && rest.z > 0.35 && on_glasses()) {
        c = glasses_rgb;
    }
    return c;
}

vec3 hair_part(inout float gloss) {
    float eye_y = eye_image_left.y;
    bool long_hair = hair_style > 0.62;
    bool over_face = rest.z > 0.05 + 0.5 * fringe_depth && rest.y < eye_y + 0.9;
    if (!long_hair || over_face || rest.y < eye_y - hair_length) discard;
    gloss *= 0.7;
    return hair_rgb * (0.5 + value_noise(vec3(rest.x * 34.0, rest.y * 5.0, rest.z * 12.0)));
}

vec3 eye_part() {
    vec3 direction = normalize(rest - nearer_eye());
    float angle = acos(clamp(dot(direction, normalize(gaze)), -1.0, 1.0));
    vec3 iris = iris_rgb * (0.7 + 0.6 * value_noise(direction * 22.0));
    vec3 c = mix(vec3(0.93, 0.90, 0.88), iris, 1.0 - smoothstep(0.40, 0.45, angle));
    return mix(vec3(0.03), c, smoothstep(0.17, 0.21, angle));
}

void main() {
    float gloss = specular;
    vec3 c;
    if (mask.z < SKIN) c = skin_part(gloss);
    else if (mask.z < HAIR) c = hair_part(gloss);
    else if (mask.z < EYE) { c = eye_part(); gloss = 1.2; }
    else if (mask.z < TEETH) c = vec3(0.88, 0.85, 0.78);
    else if (mask.z < TONGUE) c = vec3(0.6, 0.25, 0.25);
    else c = hair_rgb * 0.35;

    vec3 n = normalize(world_normal);
    vec3 halfway = normalize(key_direction + vec3(0.0, 0.0, 1.0));
    float wrapped_key = max(0.0, dot(n, key_direction) * 0.85 + 0.15);
    vec3 light = ambient_rgb * (0.7 + 0.3 * n.y) + key_rgb * wrapped_key
               + fill_rgb * max(0.0, dot(n, fill_direction));
    vec3 lit = c * light + gloss * 0.18 * key_rgb * pow(max(0.0, dot(n, halfway)), 26.0);
    lit += c * vec3(0.12, 0.03, 0.02) * pow(1.0 - max(0.0, n.z), 2.0);   // light through the skin's rim
    colour = vec4(pow(clamp(lit, 0.0, 1.0), vec3(0.4545)), 1.0);
}
"""


def head_fragment_shader(revision: int) -> str:
    """Return the source of the head's fragment shader for a revision of the looks."""
    defines = f"#define REVISION {revision}\n#define BROW_HEIGHT {BROW_HEIGHT_DM[revision]:.3f}\n"
    return "#version 330\n" + defines + _HEAD_FRAGMENT_SHADER


WALL_VERTEX_SHADER = """
#version 330
in vec2 corner;
out vec2 place;

void main() {
    place = corner;
    gl_Position = vec4(corner, 0.9999, 1.0);
}
"""

WALL_FRAGMENT_SHADER = """
#version 330
in vec2 place;
out vec4 colour;

uniform vec3 wall_rgb[5];
uniform vec4 wall_shapes[4];       // centre and half extent; two glows, two boxes
uniform float wall_ripple;

void main() {
    vec3 c = mix(wall_rgb[0], wall_rgb[1], place.y * 0.5 + 0.5);
    for (int i = 0; i < 4; i++) {
        vec2 d = (place - wall_shapes[i].xy) / wall_shapes[i].zw;
        float cover = i < 2 ? exp(-dot(d, d)) : step(max(abs(d.x), abs(d.y)), 1.0);
        c = mix(c, wall_rgb[(i + 2) % 5], cover * 0.8);
    }
    c *= 1.0 + 0.15 * sin(place.x * wall_ripple + place.y * wall_ripple * 0.6);
    colour = vec4(c, 0.0);
}
"""
