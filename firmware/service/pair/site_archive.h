// Another site's archive, asked of that site.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/client/caller.h"
#include "firmware/journal/copier.h"

namespace twinseal::service {

// Thread-safe.
class SiteArchive final : public journal::OtherArchive {
 public:
  // `options` name the site's one endpoint.
  static Result<std::shared_ptr<SiteArchive>> Create(std::string site,
                                                     connect::ClientOptions options);

  std::string site() const override { return site_; }
  Result<journal::ArchivePage> Read(journal::Position after) override;
  // Ends what is being read.
  void Stop() { caller_->Stop(); }

 private:
  SiteArchive(std::string site, std::unique_ptr<client::Caller> caller)
      : site_(std::move(site)), caller_(std::move(caller)) {}

  const std::string site_;
  const std::unique_ptr<client::Caller> caller_;
};

}  // namespace twinseal::service
