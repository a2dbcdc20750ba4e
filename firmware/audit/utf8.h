// UTF-8 (RFC 3629), which protobuf demands of text: a record that breaks it could be written but
// not read again.
#pragma once

#include <string>

namespace twinseal::audit {

// Replaces each byte that is not part of a well-formed character with '?'.
void MakeUtf8(std::string& text);

}  // namespace twinseal::audit
