// Matchers for Status and Result.
#pragma once

#include <string>

#include <gmock/gmock.h>

#include "common/base/error.h"

namespace twinseal::test {

// The Status or Result is ok; shows the error when not.
MATCHER(Succeeds, "is ok") {
  if (arg.ok()) return true;
  *result_listener << arg.error().Describe();
  return false;
}

// It failed with this code, and its message contains `text`.
MATCHER_P2(FailsWith, code, text,
           "fails with " + std::string(CodeName(code)) + ": ..." + std::string(text)) {
  if (arg.ok()) return false;
  *result_listener << arg.error().Describe();
  return arg.error().code() == code && arg.error().message().find(text) != std::string::npos;
}

}  // namespace twinseal::test
