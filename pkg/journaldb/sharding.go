package journaldb

import (
	"fmt"
	"strings"
)

// shardKeys are what the server is told.
var shardKeys = map[ShardKey]string{
	ByID:   `{ _id: "hashed" }`,
	ByTill: `{ shard_key: 1 }`,
}

const shardingHead = `// Spreads the collections of tenants over the shards of a cluster, for mongosh on a mongos:
//
//     TILLROLL_TENANTS=acme,zoo TILLROLL_ZONE=eu mongosh "mongodb://admin@mongos/?authSource=admin" sharding.js
//
// Made by "tillctl mongo sharding" from the table in pkg/journaldb. It may be run again at any time. Only
// tenants that outgrow one shard need it: the databases of the others lie whole on one shard each.
// With TILLROLL_ZONE everything of these tenants stays on the shards of that zone, which an operator
// names beforehand: sh.addShardToZone("shard0", "eu").
`

const shardingBody = `
const prefix = (process.env.TILLROLL_MONGODB_NAMESPACE || "") + %q;
const zone = process.env.TILLROLL_ZONE;
const tenants = (process.env.TILLROLL_TENANTS || "").split(",").filter(Boolean);
if (tenants.length === 0) throw new Error("TILLROLL_TENANTS names no tenant");

for (const tenant of tenants) {
  if (!/%s/.test(tenant)) throw new Error("no tenant: " + tenant);
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
`

// ShardingScript is the script for mongosh that spreads tenants over shards. codes is the pattern of
// tenant codes.
func ShardingScript(codes string) string {
	var b strings.Builder
	b.WriteString(shardingHead + "\nconst spread = [\n")
	for _, c := range Tenant.Collections {
		if key, ok := shardKeys[c.Shard]; ok {
			fmt.Fprintf(&b, "  { collection: %q, key: %s },\n", c.Name, key)
		}
	}
	b.WriteString("];\n")
	fmt.Fprintf(&b, shardingBody, TenantPrefix, codes)
	return b.String()
}
