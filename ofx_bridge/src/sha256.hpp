// SHA-256 (FIPS 180-4), for the names of uploaded pieces.
#pragma once
#include <cstdint>
#include <string>

namespace svfr {

// Returns the digest of the bytes as 64 lower-case hexadecimal digits.
std::string sha256_hex(const void* data, size_t size);

}  // namespace svfr
