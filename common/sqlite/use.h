// A prepared statement in use.
#pragma once

#include <SQLiteCpp/Statement.h>

namespace twinseal::sqlite {

// However the block is left, the statement is reset and ready for its next use: one that is not
// holds its read transaction open.
class Use {
 public:
  explicit Use(SQLite::Statement& statement) : statement_(statement) {}
  ~Use() { statement_.tryReset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  SQLite::Statement* operator->() { return &statement_; }
  SQLite::Statement& operator*() { return statement_; }

 private:
  SQLite::Statement& statement_;
};

}  // namespace twinseal::sqlite
