// Spreads the collections of tenants over the shards of a cluster, for mongosh on a mongos:
//
//     TILLROLL_TENANTS=acme,zoo TILLROLL_ZONE=eu mongosh "mongodb://admin@mongos/?authSource=admin" sharding.js
//
// Made by "tillctl mongo sharding" from the table in pkg/journaldb. It may be run again at any time. Only
// tenants that outgrow one shard need it: the databases of the others lie whole on one shard each.
// With TILLROLL_ZONE everything of these tenants stays on the shards of that zone, which an operator
// names beforehand: sh.addShardToZone("shard0", "eu").

const spread = [
  { collection: "ids", key: { _id: "hashed" } },
  { collection: "log_tran", key: { shard_key: 1 } },
  { collection: "log_cash_in_out", key: { shard_key: 1 } },
  { collection: "log_open_close", key: { shard_key: 1 } },
  { collection: "log_event", key: { shard_key: 1 } },
  { collection: "log_snapshot", key: { shard_key: 1 } },
  { collection: "log_direct", key: { shard_key: 1 } },
  { collection: "journal", key: { shard_key: 1 } },
  { collection: "chain_heads", key: { _id: "hashed" } },
  { collection: "merkle_leaves", key: { _id: "hashed" } },
  { collection: "journal_terms", key: { _id: "hashed" } },
];

const prefix = (process.env.TILLROLL_MONGODB_NAMESPACE || "") + "db_journal_";
const zone = process.env.TILLROLL_ZONE;
const tenants = (process.env.TILLROLL_TENANTS || "").split(",").filter(Boolean);
if (tenants.length === 0) throw new Error("TILLROLL_TENANTS names no tenant");

for (const tenant of tenants) {
  if (!/^[a-z0-9][a-z0-9_]{0,31}$/.test(tenant)) throw new Error("no tenant: " + tenant);
  const database = prefix + tenant;
  sh.enableSharding(database);
  for (const { collection, key } of spread) {
    const namespace = database + "." + collection;
    // By shard_key there is an index already.
    if (key._id) db.getSiblingDB(database).getCollection(collection).createIndex(key);
    sh.shardCollection(namespace, key);
    if (zone) {
      const field = Object.keys(key)[0];
      sh.updateZoneKeyRange(namespace, { [field]: MinKey() }, { [field]: MaxKey() }, zone);
    }
    print(namespace, JSON.stringify(key));
  }
}
