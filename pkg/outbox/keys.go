package outbox

import (
	"fmt"
	"hash/fnv"
	"strconv"
)

// The key layout is part of the contract (events.md, Outbox): another version of the service, or a
// tool, finds the same things under the same keys.

// Shards is the number of index documents; 64 keeps one read of all of them cheap and two
// terminals rarely in each other's way.
const Shards = 64

// HeadKey of a stream.
func HeadKey(stream string) string { return "head/" + stream }

// TailKey of a stream.
func TailKey(stream string) string { return "tail/" + stream }

// EventKey of one event.
func EventKey(stream string, sequence uint64) string {
	return "outbox/" + stream + "/" + strconv.FormatUint(sequence, 10)
}

// IndexKey of the shard that lists stream while it has unconfirmed events.
func IndexKey(stream string) string { return shardKey("outbox-index", stream) }

// KnownKey of the shard that lists stream from its first event on, for ever.
func KnownKey(stream string) string { return shardKey("outbox-known", stream) }

func shardKey(prefix, stream string) string {
	h := fnv.New32a()
	h.Write([]byte(stream))
	return fmt.Sprintf("%s/%02x", prefix, h.Sum32()%Shards)
}

func shardKeys(prefix string) []string {
	keys := make([]string, Shards)
	for i := range keys {
		keys[i] = fmt.Sprintf("%s/%02x", prefix, i)
	}
	return keys
}
