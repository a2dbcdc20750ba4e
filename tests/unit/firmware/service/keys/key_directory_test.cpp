#include "firmware/service/keys/key_directory.h"

#include <gtest/gtest.h>

namespace twinseal::service {
namespace {

TEST(KeyDirectoryTest, PagesByNameAndCounts) {
  KeyDirectory directory;
  for (int i = 0; i < 25; ++i) {
    v1::Key key;
    key.set_key_id(KeyId::Random().Hex());
    key.set_name("key-" + std::string(1, static_cast<char>('a' + i)));
    key.set_state(i % 5 == 0 ? v1::DESTROYED : v1::ENABLED);
    ASSERT_TRUE(directory.Apply(key, ledger::Revision(1)).ok());
  }
  const auto living = [](const v1::Key& key) { return key.state() != v1::DESTROYED; };
  KeyDirectory::Page page = directory.List("", 12, living);
  EXPECT_EQ(page.keys.size(), 12U);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.keys.front()->key.name(), "key-b");
  page = directory.List(page.keys.back()->key.name(), 12, living);
  EXPECT_EQ(page.keys.size(), 8U);
  EXPECT_FALSE(page.more);
  EXPECT_EQ(directory.CountByState()[v1::DESTROYED], 5U);
  EXPECT_EQ(directory.CountByState()[v1::ENABLED], 20U);
}

TEST(KeyDirectoryTest, KeepsTheNewer) {
  KeyDirectory directory;
  v1::Key key;
  key.set_key_id(KeyId::Random().Hex());
  key.set_name("k");
  key.set_state(v1::DISABLED);
  ASSERT_TRUE(directory.Apply(key, ledger::Revision(5)).ok());
  key.set_state(v1::ENABLED);
  ASSERT_TRUE(directory.Apply(key, ledger::Revision(4)).ok());
  EXPECT_EQ(directory.Find("k")->key.state(), v1::DISABLED);
  key.set_key_id("short");
  EXPECT_FALSE(directory.Apply(key, ledger::Revision(6)).ok());
}

}  // namespace
}  // namespace twinseal::service
