// What went wrong, in words, for whoever runs the application.
#pragma once

#include <string>
#include <string_view>

namespace twinseal::pkcs11 {

// Appends a line to a file, which it opens for that moment alone: nothing stays open in the
// application. Without a path, or where it cannot be written, nothing happens. Thread-safe.
class Log {
 public:
  explicit Log(std::string path) : path_(std::move(path)) {}

  void Write(std::string_view words) const;

 private:
  std::string path_;
};

}  // namespace twinseal::pkcs11
