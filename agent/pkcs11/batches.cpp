#include "agent/pkcs11/batches.h"

#include <algorithm>
#include <new>
#include <utility>

namespace twinseal::pkcs11 {
namespace {

using std::chrono::steady_clock;

// Of one key at a time: while the HSM works on one batch, the next is on its way.
constexpr unsigned kMostRunning = 2;

std::chrono::milliseconds Left(steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
  return std::max(left, std::chrono::milliseconds(1));
}

}  // namespace

Result<Bytes> Batches::Sign(const Contract::Signing& signing, const Bytes& digest,
                            std::size_t most) {
  Order order{digest, steady_clock::now() + timeout_, {}, {}};
  if (most <= 1) return contract_.Sign(signing, digest, timeout_);
  const std::vector<Order*> together = WaitToLead(signing, order, most);
  if (!together.empty()) Deliver(signing, together, SignAll(signing, together, order.deadline));
  return *std::move(order.signature);
}

// Its time is over; unless somebody leads it by now.
void Batches::GiveUp(Line& line, Order& order) {
  if (std::erase(line.waiting, &order) == 0) return;
  order.signature =
      Error(Code::kDeadlineExceeded, "the signatures that were asked for before took too long");
  if (!line.waiting.empty()) line.waiting.front()->moved.NotifyOne();
}

std::vector<Batches::Order*> Batches::WaitToLead(const Contract::Signing& signing, Order& order,
                                                 std::size_t most) {
  const MutexLock lock(mutex_);
  Line& line = lines_[signing];
  line.waiting.push_back(&order);
  const auto leads = [&] {
    return line.running < kMostRunning && !line.waiting.empty() && line.waiting.front() == &order;
  };
  while (!order.signature && !leads()) {
    const auto place = std::ranges::find(line.waiting, &order);
    if (place == line.waiting.end()) {
      order.moved.Wait(mutex_);  // It is under way: somebody leads it.
    } else if (!order.moved.WaitUntil(mutex_, order.deadline) && !order.signature) {
      GiveUp(line, order);
    }
  }
  if (order.signature) return {};
  ++line.running;
  const std::size_t count = std::min({line.waiting.size(), most, Contract::kMaxBatch});
  const auto end = line.waiting.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<Order*> together(line.waiting.begin(), end);
  line.waiting.erase(line.waiting.begin(), end);
  if (line.running < kMostRunning && !line.waiting.empty()) line.waiting.front()->moved.NotifyOne();
  return together;
}

// The others wait for whoever leads, so nothing is thrown past them.
Result<std::vector<Bytes>> Batches::SignAll(const Contract::Signing& signing,
                                            const std::vector<Order*>& orders,
                                            Time deadline) const {
  try {
    return AskFor(signing, orders, deadline);
  } catch (const std::bad_alloc&) {
    return Error(Code::kInternal, "this process has no memory left");
  }
}

Result<std::vector<Bytes>> Batches::AskFor(const Contract::Signing& signing,
                                           const std::vector<Order*>& orders, Time deadline) const {
  if (orders.size() == 1) {
    TWINSEAL_ASSIGN_OR_RETURN(Bytes signature,
                              contract_.Sign(signing, orders.front()->digest, Left(deadline)));
    return std::vector<Bytes>{std::move(signature)};
  }
  std::vector<Bytes> digests;
  for (const Order* const order : orders) digests.push_back(order->digest);
  return contract_.SignBatch(signing, digests, Left(deadline));
}

void Batches::Deliver(const Contract::Signing& signing, const std::vector<Order*>& orders,
                      const Result<std::vector<Bytes>>& signatures) {
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    orders[i]->signature =
        signatures.ok() ? Result<Bytes>((*signatures)[i]) : Result<Bytes>(signatures.error());
    orders[i]->moved.NotifyOne();
  }
  const auto line = lines_.find(signing);
  --line->second.running;
  if (!line->second.waiting.empty()) {
    line->second.waiting.front()->moved.NotifyOne();
  } else if (line->second.running == 0) {
    lines_.erase(line);
  }
}

}  // namespace twinseal::pkcs11
