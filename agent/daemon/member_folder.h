// Where the member of the ledger keeps its data, and what may be done with what is there.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/result.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::agent {

struct MemberFolder {
  std::filesystem::path path;
  bool existing = false;  // It joins a cluster that runs, rather than making one with the others.
  bool fresh = false;  // Nothing of this cluster was seen before: there is nothing to look back to.
};

// Each cluster has a folder of its own below data_dir/etcd, so that data of one that is no more are
// never taken for another's. data_loss when the member's data are gone although it has taken part:
// it has forgotten what it promised and may not vote as the one that it was.
Result<MemberFolder> ChooseMemberFolder(const std::filesystem::path& data_dir,
                                        const v1::WitnessState& state);

// Removes the folders of other clusters. What cannot be removed stays.
void RemoveOtherFolders(const MemberFolder& kept);

}  // namespace twinseal::agent
