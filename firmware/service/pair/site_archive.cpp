#include "firmware/service/pair/site_archive.h"

#include <chrono>
#include <utility>

#include "twinseal/v1/site.pb.h"

namespace twinseal::service {
namespace {

// For a page of 1 MiB, over a slow link too.
constexpr std::chrono::seconds kPageTime{15};

}  // namespace

Result<std::shared_ptr<SiteArchive>> SiteArchive::Create(std::string site,
                                                         connect::ClientOptions options) {
  TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<client::Caller> caller,
                            client::Caller::Create(std::move(options)));
  return std::shared_ptr<SiteArchive>(new SiteArchive(std::move(site), std::move(caller)));
}

Result<journal::ArchivePage> SiteArchive::Read(journal::Position after) {
  v1::ReadArchiveRequest request;
  request.set_after(journal::Number(after));
  v1::ReadArchiveResponse response;
  connect::CallOptions options;
  options.timeout = kPageTime;
  TWINSEAL_RETURN_IF_ERROR(
      caller_->CallAt(0, "/twinseal.v1.SiteService/ReadArchive", request, response, options));
  journal::ArchivePage page;
  page.through = journal::Position{response.through()};
  for (v1::ArchivedEntry& entry : *response.mutable_entries()) {
    page.entries.push_back({std::move(*entry.mutable_name()), ToBytes(entry.content()),
                            journal::Position{entry.position()}});
  }
  return page;
}

}  // namespace twinseal::service
