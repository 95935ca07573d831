package server

import (
	"os"
	"runtime"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
)

// The versions that the server claims: those of MongoDB 7.0.
const (
	version        = "7.0.0"
	maxWireVersion = 21
)

// command is what the server can do.
type command struct {
	run   func(*Server, *request) (bson.D, error)
	inTxn bool // may be part of a transaction
	// needs are the actions that a user must be granted; open commands need no user at all.
	needs []action
	open  bool
}

// commands are all commands that are not answered with CommandNotFound.
var commands map[string]command

func init() { // a literal would refer to itself
	commands = map[string]command{
		"hello":    {run: hello, open: true},
		"isMaster": {run: hello, open: true},
		"ismaster": {run: hello, open: true},
		"ping":     {run: nothing, open: true},

		"find":        {run: find, inTxn: true, needs: onCollection("find")},
		"getMore":     {run: getMore, inTxn: true},
		"killCursors": {run: killCursors, inTxn: true},
		"count":       {run: count, needs: onCollection("find")},
		"distinct":    {run: distinct, inTxn: true, needs: onCollection("find")},
		"aggregate":   {run: aggregate, inTxn: true, needs: onCollection("find")},
		"explain":     {run: explain},

		"insert":        {run: insert, inTxn: true, needs: onCollection("insert")},
		"update":        {run: change, inTxn: true, needs: onCollection("update")},
		"delete":        {run: remove, inTxn: true, needs: onCollection("remove")},
		"findAndModify": {run: findAndModify, inTxn: true, needs: onCollection("find", "update")},

		"create":          {run: create, needs: onCollection("createCollection")},
		"drop":            {run: drop, needs: onCollection("dropCollection")},
		"createIndexes":   {run: createIndexes, needs: onCollection("createIndex")},
		"dropIndexes":     {run: dropIndexes, needs: onCollection("dropIndex")},
		"listIndexes":     {run: listIndexes, needs: onCollection("listIndexes")},
		"dropDatabase":    {run: dropDatabase, needs: onDatabase("dropDatabase")},
		"listCollections": {run: listCollections, needs: onDatabase("listCollections")},
		"listDatabases":   {run: listDatabases, needs: onCluster("listDatabases")},

		"commitTransaction": {run: outsideTxn},
		"abortTransaction":  {run: outsideTxn},
		"endSessions":       {run: endSessions, open: true},

		"saslStart":        {run: saslStart, open: true},
		"saslContinue":     {run: saslContinue, open: true},
		"connectionStatus": {run: connectionStatus, open: true},
		"createUser":       {run: createUser, needs: onDatabase("createUser")},
		"updateUser":       {run: updateUser, needs: onDatabase("changePassword", "grantRole", "revokeRole")},
		"createRole":       {run: createRole, needs: onDatabase("createRole", "grantRole")},
		"updateRole":       {run: updateRole, needs: onDatabase("grantRole", "revokeRole")},
		"dropUser":         {run: dropUser, needs: onDatabase("dropUser")},
		"dropRole":         {run: dropRole, needs: onDatabase("dropRole")},
		"usersInfo":        {run: usersInfo, needs: onDatabase("viewUser")},

		"buildInfo":          {run: buildInfo, open: true},
		"buildinfo":          {run: buildInfo, open: true},
		"serverStatus":       {run: serverStatus, needs: onCluster("serverStatus")},
		"configureFailPoint": {run: configureFailPoint, needs: onCluster("configureFailPoint")},
	}
}

func nothing(*Server, *request) (bson.D, error) { return doc(), nil }

func hello(s *Server, r *request) (bson.D, error) {
	if name, ok := r.body.Lookup("client", "application", "name").StringValueOK(); ok {
		r.caller.appName = name
	}
	reply := doc(
		"helloOk", true, "ismaster", true, "isWritablePrimary", true, "secondary", false, "readOnly", false,
		"setName", ReplicaSet, "setVersion", int32(1), "hosts", bson.A{s.address}, "primary", s.address, "me", s.address,
		"maxBsonObjectSize", int32(16<<20), "maxMessageSizeBytes", int32(maxMessageSize), "maxWriteBatchSize", int32(100_000),
		"localTime", time.Now(), "logicalSessionTimeoutMinutes", int32(30), "connectionId", int32(1),
		"minWireVersion", int32(0), "maxWireVersion", int32(maxWireVersion))
	reply = s.guise.on(reply)
	if _, err := r.body.LookupErr("saslSupportedMechs"); err == nil {
		reply = append(reply, bson.E{Key: "saslSupportedMechs", Value: bson.A{mechanism}})
	}
	return reply, nil
}

// Guise is what hello says the server is, so that clients can be tested that refuse it.
type Guise string

// The guises.
const (
	Primary    Guise = ""
	Secondary  Guise = "secondary"
	Standalone Guise = "standalone"
	Old        Guise = "old" // MongoDB 4.4
)

// wire44 is the wire version of MongoDB 4.4.
const wire44 = 9

func (g Guise) on(hello bson.D) bson.D {
	said := bson.D{}
	for _, e := range hello {
		switch {
		case g == Standalone && slices.Contains([]string{"setName", "setVersion", "hosts", "primary", "me"}, e.Key):
			continue
		case g == Secondary && e.Key == "secondary":
			e.Value = true
		case g == Secondary && (e.Key == "isWritablePrimary" || e.Key == "ismaster"):
			e.Value = false
		case g == Secondary && e.Key == "primary":
			continue
		case g == Old && e.Key == "maxWireVersion":
			e.Value = int32(wire44)
		}
		said = append(said, e)
	}
	return said
}

func buildInfo(*Server, *request) (bson.D, error) {
	return doc("version", version, "versionArray", bson.A{int32(7), int32(0), int32(0), int32(0)},
		"gitVersion", "stand-in", "modules", bson.A{}, "bits", int32(64), "maxBsonObjectSize", int32(16<<20)), nil
}

func serverStatus(s *Server, _ *request) (bson.D, error) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return doc("host", s.address, "version", version, "process", "standin", "pid", int64(os.Getpid()), "uptime", time.Since(started).Seconds(),
		"mem", doc("resident", int32(memory.Sys>>20)), "connections", doc("current", int32(s.connected())),
		"repl", doc("setName", ReplicaSet, "isWritablePrimary", true, "me", s.address)), nil
}
