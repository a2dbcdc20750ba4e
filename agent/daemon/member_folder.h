// Where the member of the ledger keeps its data, and what may be done with what is there.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/result.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::agent {

struct MemberFolder {
  std::filesystem::path path;
  bool has_data = false;
  // The member's data are gone although it has taken part: it has forgotten what it promised, and
  // may come back as a new member only.
  bool lost = false;
  // It joins a cluster that runs, rather than making one with the others.
  bool existing = false;
  // The revision that the state has noted is this cluster's.
  bool seen = false;
};

// Each cluster has a folder of its own below data_dir/etcd, so that data of one that is no more are
// never taken for another's. data_loss when the state names no cluster.
Result<MemberFolder> ChooseMemberFolder(const std::filesystem::path& data_dir,
                                        const v1::WitnessState& state);

// Removes the folders of other clusters. What cannot be removed stays.
void RemoveOtherFolders(const MemberFolder& kept);

}  // namespace twinseal::agent
