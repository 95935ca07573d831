// Package mongoadmin makes roles and users in the journal's MongoDB, with an administrator's
// credential. It knows the commands; what a role allows is package journaldb's to say.
package mongoadmin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/tillroll/tillroll/pkg/journaldb"
)

// connectWait is how long a server may take to be found, and commandWait how long everything may take.
const (
	connectWait = 10 * time.Second
	commandWait = time.Minute
)

// Apply makes all roles or puts them right, and then the users whose passwords are given, by user
// name. It calls done with every command that was carried out. All of it may be repeated.
func Apply(ctx context.Context, uri string, scope journaldb.Scope, passwords map[string]string, done func(command, name string)) error {
	ctx, cancel := context.WithTimeout(ctx, commandWait)
	defer cancel()
	client, err := mongo.Connect(ctx, options.Client().SetAppName("tillctl").SetServerSelectionTimeout(connectWait).
		ApplyURI(uri).SetWriteConcern(writeconcern.Majority()))
	if err != nil { // the driver's words could quote a password
		return errors.New("the MongoDB connection string cannot be read: look at its scheme, at the escaping of user and password, and at its options")
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	admin := client.Database("admin")
	for _, role := range journaldb.Roles(scope) {
		err := put(ctx, admin, "Role", role.Name, bson.D{{Key: "privileges", Value: role.Privileges}, {Key: "roles", Value: bson.A{}}}, done)
		if err != nil {
			return err
		}
	}
	for _, u := range journaldb.Users {
		password, ok := passwords[u.Name]
		if !ok {
			continue
		}
		roles := bson.A{bson.D{{Key: "role", Value: u.Role}, {Key: "db", Value: "admin"}}}
		if err := put(ctx, admin, "User", u.Name, bson.D{{Key: "pwd", Value: password}, {Key: "roles", Value: roles}}, done); err != nil {
			return err
		}
	}
	return nil
}

// Codes with which the server says that a user or a role is there already.
const (
	codeRoleExists = 51002
	codeUserExists = 51003
)

// put makes a role or a user, or updates the one that is there.
func put(ctx context.Context, admin *mongo.Database, kind, name string, with bson.D, done func(command, name string)) error {
	command := "create" + kind
	err := admin.RunCommand(ctx, append(bson.D{{Key: command, Value: name}}, with...)).Err()
	var refused mongo.ServerError
	if errors.As(err, &refused) && (refused.HasErrorCode(codeRoleExists) || refused.HasErrorCode(codeUserExists)) {
		command = "update" + kind
		err = admin.RunCommand(ctx, append(bson.D{{Key: command, Value: name}}, with...)).Err()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", command, name, err)
	}
	done(command, name)
	return nil
}
