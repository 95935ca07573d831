package mongoadmin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// helloWait is how long a server may take to be found when one only looks.
const helloWait = 3 * time.Second

// Server is what a MongoDB server says of itself. ReplicaSet is empty for a server that stands alone,
// which has no transactions; Sharded servers have them.
type Server struct {
	Version    string
	ReplicaSet string
	Sharded    bool
}

// Hello asks the server at uri what it is.
func Hello(ctx context.Context, uri string) (Server, error) {
	told := options.Client().SetAppName("tillctl").SetServerSelectionTimeout(helloWait).ApplyURI(uri)
	server, err := ask(ctx, told)
	if err == nil || told.Validate() != nil || told.ReplicaSet == nil || len(told.Hosts) == 0 {
		return server, err
	}
	// Who names a replica set is kept by the driver from every server that is none of its members, even
	// from learning what that server is.
	set := *told.ReplicaSet
	told.ReplicaSet, told.Hosts = nil, told.Hosts[:1]
	alone, failure := ask(ctx, told.SetDirect(true))
	switch {
	case failure != nil || alone.ReplicaSet == set:
		return server, err
	case alone.ReplicaSet != "":
		return server, fmt.Errorf("it belongs to the replica set %s, not to %s", alone.ReplicaSet, set)
	}
	return alone, nil
}

func ask(ctx context.Context, told *options.ClientOptions) (Server, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*helloWait)
	defer cancel()
	client, err := mongo.Connect(ctx, told)
	if err != nil { // the driver's words could quote a password
		return Server{}, errors.New("the connection string cannot be read: look at its scheme, at the escaping of user and password, and at its options")
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	var hello struct {
		SetName string `bson:"setName"`
		Msg     string `bson:"msg"`
	}
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return Server{}, err
	}
	var build struct {
		Version string `bson:"version"`
	}
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build)
	return Server{Version: build.Version, ReplicaSet: hello.SetName, Sharded: hello.Msg == "isdbgrid"}, err
}
