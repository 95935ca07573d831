// Roles and users of the journal's MongoDB, for mongosh:
//
//     TILLROLL_JOURNAL_PASSWORD=... mongosh "mongodb://admin@host/?authSource=admin" roles.js
//
// Made by "tillctl mongo roles" from the table in pkg/journaldb. It may be run again at any time: roles
// are made, or put right when they are there. A user is made, or given role and password, when the
// variable with the password is set:
//
//     TILLROLL_JOURNAL_PASSWORD    tillroll_journal   tillroll_journal_service
//     TILLROLL_ARCHIVER_PASSWORD   tillroll_archiver  tillroll_journal_archiver
//     TILLROLL_KEEPER_PASSWORD     tillroll_keeper    tillroll_journal_keeper

const roles = [
  { // The journal service: adds to journal and logs, and never changes or removes what stands there.
    role: "tillroll_journal_service",
    privileges: [
      {"resource":{"db":"","collection":"ids"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"log_tran"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"log_cash_in_out"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"log_open_close"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"log_event"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"log_snapshot"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"log_direct"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"journal"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"chain_heads"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"copies"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"merkle_leaves"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"merkle_tiles"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"merkle_log"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"merkle_streams"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"checkpoints"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"examinations"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"discrepancies"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"log_access"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"journal_terms"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"journal_term_counts"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_segment"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_parts"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_removed"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_hold"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_purge"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_erased"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_run"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_lease"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_blob"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"archive_chunk"},"actions":["find","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"","collection":"schema_version"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"tillroll_journal","collection":"tenants"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"tillroll_journal","collection":"terminals"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"tillroll_journal","collection":"ping"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"tillroll_journal","collection":"quarantine"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"tillroll_journal","collection":"retention"},"actions":["find","insert","listIndexes","createCollection","createIndex"]},
      {"resource":{"db":"tillroll_journal","collection":"schema_version"},"actions":["find","insert","update","listIndexes","createCollection","createIndex"]},
    ],
    roles: [],
  },
  { // The archiver: reads everything, adds segments to the archive, removes from journal and logs what a segment has.
    role: "tillroll_journal_archiver",
    privileges: [
      {"resource":{"db":"","collection":"ids"},"actions":["find"]},
      {"resource":{"db":"","collection":"log_tran"},"actions":["find","remove"]},
      {"resource":{"db":"","collection":"log_cash_in_out"},"actions":["find","remove"]},
      {"resource":{"db":"","collection":"log_open_close"},"actions":["find","remove"]},
      {"resource":{"db":"","collection":"log_event"},"actions":["find","remove"]},
      {"resource":{"db":"","collection":"log_snapshot"},"actions":["find"]},
      {"resource":{"db":"","collection":"log_direct"},"actions":["find","remove"]},
      {"resource":{"db":"","collection":"journal"},"actions":["find","remove"]},
      {"resource":{"db":"","collection":"chain_heads"},"actions":["find"]},
      {"resource":{"db":"","collection":"copies"},"actions":["find"]},
      {"resource":{"db":"","collection":"merkle_leaves"},"actions":["find"]},
      {"resource":{"db":"","collection":"merkle_tiles"},"actions":["find"]},
      {"resource":{"db":"","collection":"merkle_log"},"actions":["find"]},
      {"resource":{"db":"","collection":"merkle_streams"},"actions":["find"]},
      {"resource":{"db":"","collection":"checkpoints"},"actions":["find"]},
      {"resource":{"db":"","collection":"examinations"},"actions":["find"]},
      {"resource":{"db":"","collection":"discrepancies"},"actions":["find"]},
      {"resource":{"db":"","collection":"log_access"},"actions":["find"]},
      {"resource":{"db":"","collection":"journal_terms"},"actions":["find","remove"]},
      {"resource":{"db":"","collection":"journal_term_counts"},"actions":["find"]},
      {"resource":{"db":"","collection":"archive_segment"},"actions":["find","insert"]},
      {"resource":{"db":"","collection":"archive_parts"},"actions":["find","insert"]},
      {"resource":{"db":"","collection":"archive_removed"},"actions":["find","insert"]},
      {"resource":{"db":"","collection":"archive_hold"},"actions":["find"]},
      {"resource":{"db":"","collection":"archive_purge"},"actions":["find","insert"]},
      {"resource":{"db":"","collection":"archive_erased"},"actions":["find","insert"]},
      {"resource":{"db":"","collection":"archive_run"},"actions":["find","insert"]},
      {"resource":{"db":"","collection":"archive_lease"},"actions":["find","insert","update"]},
      {"resource":{"db":"","collection":"archive_blob"},"actions":["find","insert","remove"]},
      {"resource":{"db":"","collection":"archive_chunk"},"actions":["find","insert","remove"]},
      {"resource":{"db":"","collection":"schema_version"},"actions":["find"]},
      {"resource":{"db":"tillroll_journal","collection":"tenants"},"actions":["find"]},
      {"resource":{"db":"tillroll_journal","collection":"terminals"},"actions":["find"]},
      {"resource":{"db":"tillroll_journal","collection":"ping"},"actions":["find"]},
      {"resource":{"db":"tillroll_journal","collection":"quarantine"},"actions":["find"]},
      {"resource":{"db":"tillroll_journal","collection":"retention"},"actions":["find"]},
      {"resource":{"db":"tillroll_journal","collection":"schema_version"},"actions":["find"]},
    ],
    roles: [],
  },
  { // Keeping indexes: drops one that is not as it should be, so that it is made anew. Reads no document.
    role: "tillroll_journal_keeper",
    privileges: [
      {"resource":{"db":"","collection":"ids"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"log_tran"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"log_cash_in_out"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"log_open_close"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"log_event"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"log_snapshot"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"log_direct"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"journal"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"chain_heads"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"copies"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"merkle_leaves"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"merkle_tiles"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"merkle_log"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"merkle_streams"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"checkpoints"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"examinations"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"discrepancies"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"log_access"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"journal_terms"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"journal_term_counts"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_segment"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_parts"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_removed"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_hold"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_purge"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_erased"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_run"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_lease"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_blob"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"archive_chunk"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"","collection":"schema_version"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"tillroll_journal","collection":"tenants"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"tillroll_journal","collection":"terminals"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"tillroll_journal","collection":"ping"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"tillroll_journal","collection":"quarantine"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"tillroll_journal","collection":"retention"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
      {"resource":{"db":"tillroll_journal","collection":"schema_version"},"actions":["listIndexes","createCollection","createIndex","dropIndex","collStats","indexStats"]},
    ],
    roles: [],
  },
];

const users = [
  { user: "tillroll_journal", role: "tillroll_journal_service", password: "TILLROLL_JOURNAL_PASSWORD" },
  { user: "tillroll_archiver", role: "tillroll_journal_archiver", password: "TILLROLL_ARCHIVER_PASSWORD" },
  { user: "tillroll_keeper", role: "tillroll_journal_keeper", password: "TILLROLL_KEEPER_PASSWORD" },
];

const admin = db.getSiblingDB("admin");

for (const role of roles) {
  const verb = admin.getRole(role.role) ? "updateRole" : "createRole";
  admin[verb](...(verb === "createRole" ? [role] : [role.role, { privileges: role.privileges, roles: role.roles }]));
  print(verb, role.role);
}
for (const { user, role, password } of users) {
  const pwd = process.env[password];
  if (!pwd) continue;
  const granted = [{ role, db: "admin" }];
  if (admin.getUser(user)) {
    admin.updateUser(user, { pwd, roles: granted });
    print("updateUser", user);
  } else {
    admin.createUser({ user, pwd, roles: granted });
    print("createUser", user);
  }
}
