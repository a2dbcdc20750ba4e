// Programs that are called instead of etcd. For tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"

namespace twinseal::test {

// A shell script that says that version, and does `then` when it is started as a member.
inline std::string FakeEtcd(const TempFolder& folder, const std::string& version,
                            const std::string& then) {
  const std::filesystem::path path = folder / ("etcd-" + version);
  std::ofstream(path) << "#!/bin/sh\n"
                      << "if [ \"$1\" = --version ]; then echo \"etcd Version: " << version
                      << "\"; echo 'Git SHA: none'; exit; fi\n"
                      << then << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path.string();
}

}  // namespace twinseal::test
