package standin_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/tillroll/tillroll/test/standin"
)

// patience bounds every test; a server that hangs must not hang the suite.
const patience = 20 * time.Second

func connect(t *testing.T, uri string) (context.Context, *mongo.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return ctx, client
}

func TestDriverRunsTransactions(t *testing.T) {
	ctx, client := connect(t, standin.Start(t).URI)
	counters := client.Database("shop").Collection("counters")
	var clerks sync.WaitGroup
	failures := make(chan error, 8)
	for range 8 {
		clerks.Go(func() { failures <- countTo(ctx, client, counters, 10) })
	}
	clerks.Wait()
	for range 8 {
		if err := <-failures; err != nil {
			t.Fatal(err)
		}
	}
	var counter struct{ N int }
	if err := counters.FindOne(ctx, bson.M{"_id": "sales"}).Decode(&counter); err != nil || counter.N != 80 {
		t.Fatalf("eight clerks counted to %d: %v", counter.N, err)
	}
	if n, err := counters.CountDocuments(ctx, bson.M{"sale": bson.M{"$gte": 1}}); err != nil || n != 80 {
		t.Fatalf("there are %d sales: %v", n, err)
	}
}

// countTo counts in transactions that read, write and insert.
func countTo(ctx context.Context, client *mongo.Client, counters *mongo.Collection, n int) error {
	session, err := client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(ctx)
	safe := options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority())
	for range n {
		_, err := session.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
			var counter struct{ N int }
			err := counters.FindOne(ctx, bson.M{"_id": "sales"}).Decode(&counter)
			if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
				return nil, err
			}
			_, err = counters.UpdateOne(ctx, bson.M{"_id": "sales"}, bson.M{"$set": bson.M{"n": counter.N + 1}}, options.Update().SetUpsert(true))
			if err != nil {
				return nil, err
			}
			_, err = counters.InsertOne(ctx, bson.M{"sale": counter.N + 1})
			return nil, err
		}, safe)
		if err != nil {
			return err
		}
	}
	return nil
}

func TestDriverReadsPages(t *testing.T) {
	ctx, client := connect(t, standin.Start(t).URI)
	entries := client.Database("shop").Collection("entries")
	var docs []any
	for i := range 500 {
		docs = append(docs, bson.M{"_id": i, "store": i % 3, "date": fmt.Sprintf("%03d", i)})
	}
	if _, err := entries.InsertMany(ctx, docs); err != nil {
		t.Fatal(err)
	}
	if _, err := entries.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "store", Value: 1}, {Key: "date", Value: -1}}}); err != nil {
		t.Fatal(err)
	}
	cursor, err := entries.Find(ctx, bson.M{"store": bson.M{"$in": bson.A{0, 1}}},
		options.Find().SetSort(bson.D{{Key: "date", Value: -1}, {Key: "_id", Value: -1}}).SetBatchSize(7))
	if err != nil {
		t.Fatal(err)
	}
	n, last := 0, 500
	for ; cursor.Next(ctx); n++ {
		id := int(cursor.Current.Lookup("_id").Int32())
		if id >= last || id%3 == 2 {
			t.Fatalf("%d comes after %d", id, last)
		}
		last = id
	}
	if err := cursor.Err(); err != nil || n != 334 {
		t.Fatalf("%d entries were read: %v", n, err)
	}
}

func TestLostCommitReplyIsRepeatedSafely(t *testing.T) {
	ctx, client := connect(t, standin.Start(t).URI)
	entries := client.Database("shop").Collection("entries")
	point := bson.D{
		{Key: "configureFailPoint", Value: "loseReply"},
		{Key: "mode", Value: bson.M{"times": 1}},
		{Key: "data", Value: bson.M{"failCommands": bson.A{"commitTransaction"}}},
	}
	if err := client.Database("admin").RunCommand(ctx, point).Err(); err != nil {
		t.Fatal(err)
	}
	err := client.UseSession(ctx, func(ctx mongo.SessionContext) error {
		_, err := ctx.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
			return entries.InsertOne(ctx, bson.M{"_id": "sale"})
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := entries.CountDocuments(ctx, bson.M{}); err != nil || n != 1 {
		t.Fatalf("%d entries are there: %v", n, err)
	}
}

func TestLostWriteReplyIsRepeatedSafely(t *testing.T) {
	ctx, client := connect(t, standin.Start(t).URI)
	entries := client.Database("shop").Collection("entries")
	run(ctx, t, client.Database("admin"), bson.D{
		{Key: "configureFailPoint", Value: "loseReply"}, {Key: "mode", Value: bson.M{"times": 1}},
		{Key: "data", Value: bson.M{"failCommands": bson.A{"update"}}},
	})
	result, err := entries.UpdateOne(ctx, bson.M{"_id": 1}, bson.M{"$inc": bson.M{"n": 1}}, options.Update().SetUpsert(true))
	if err != nil || result.UpsertedCount != 1 {
		t.Fatalf("%+v: %v", result, err)
	}
	if n, err := entries.CountDocuments(ctx, bson.M{"n": 1}); err != nil || n != 1 {
		t.Fatalf("the update ran more than once: %v", err)
	}
}

func TestFailPointDelays(t *testing.T) {
	const delay = 80 * time.Millisecond
	ctx, client := connect(t, standin.Start(t).URI)
	run(ctx, t, client.Database("admin"), bson.D{
		{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: bson.M{"times": 1}},
		{Key: "data", Value: bson.M{"failCommands": bson.A{"ping"}, "blockConnection": true, "blockTimeMS": delay.Milliseconds()}},
	})
	before := time.Now()
	run(ctx, t, client.Database("shop"), bson.D{{Key: "ping", Value: 1}})
	if took := time.Since(before); took < delay {
		t.Fatalf("the command took only %v", took)
	}
}

func TestServerEndsInTheMidstOfATransaction(t *testing.T) {
	server := standin.Start(t)
	ctx, client := connect(t, server.URI+"&serverSelectionTimeoutMS=300") // nobody answers its farewell
	session, err := client.StartSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.EndSession(ctx)
	if err := session.StartTransaction(); err != nil { // an open transaction must not hold it up
		t.Fatal(err)
	}
	held := mongo.NewSessionContext(ctx, session)
	if _, err := client.Database("shop").Collection("entries").InsertOne(held, bson.M{"_id": 1}); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(before); took > 2*time.Second {
		t.Fatalf("the server took %v to end", took)
	}
}

func TestRolesAreObeyed(t *testing.T) {
	server := standin.Start(t, "-auth")
	ctx, nobody := connect(t, server.URI)
	if _, err := nobody.Database("shop").Collection("journal").InsertOne(ctx, bson.M{}); !hasCode(err, 13) {
		t.Fatalf("nobody may write: %v", err)
	}
	admin := nobody.Database("admin")
	run(ctx, t, admin, bson.D{{Key: "createUser", Value: "root"}, {Key: "pwd", Value: "secret"}, {Key: "roles", Value: bson.A{"root"}}})
	ctx, root := connect(t, withUser(t, server.URI, "root", "secret"))
	run(ctx, t, root.Database("admin"), bson.D{
		{Key: "createRole", Value: "ledger"}, {Key: "roles", Value: bson.A{}},
		{Key: "privileges", Value: bson.A{bson.M{
			"resource": bson.M{"db": "shop", "collection": "journal"}, "actions": bson.A{"find", "insert"},
		}}},
	})
	run(ctx, t, root.Database("admin"), bson.D{
		{Key: "createUser", Value: "clerk"}, {Key: "pwd", Value: "till, 1=1"},
		{Key: "roles", Value: bson.A{bson.M{"role": "ledger", "db": "admin"}}},
	})
	ctx, clerk := connect(t, withUser(t, server.URI, "clerk", "till, 1=1"))
	journal := clerk.Database("shop").Collection("journal")
	if _, err := journal.InsertOne(ctx, bson.M{"_id": 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.UpdateOne(ctx, bson.M{"_id": 1}, bson.M{"$set": bson.M{"n": 1}}); !hasCode(err, 13) {
		t.Fatalf("the clerk changed the journal: %v", err)
	}
	if _, err := journal.DeleteOne(ctx, bson.M{"_id": 1}); !hasCode(err, 13) {
		t.Fatalf("the clerk removed from the journal: %v", err)
	}
	ctx, liar := connect(t, withUser(t, server.URI, "clerk", "guess"))
	if err := liar.Ping(ctx, nil); err == nil {
		t.Fatal("a wrong password was taken")
	}
}

func TestServerEndsWithItsParent(t *testing.T) {
	program, err := standin.Build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
}

func hasCode(err error, code int) bool {
	var refused mongo.ServerError
	return errors.As(err, &refused) && refused.HasErrorCode(code)
}

func run(ctx context.Context, t *testing.T, db *mongo.Database, command bson.D) {
	t.Helper()
	if err := db.RunCommand(ctx, command).Err(); err != nil {
		t.Fatal(err)
	}
}

func withUser(t *testing.T, uri, name, password string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, password)
	return u.String()
}

// With a file the server is what it was when its process is killed: documents, indexes, users, roles,
// and nothing of a transaction that was open.
func TestAServerWithAFileSurvivesAKill(t *testing.T) {
	ctx := t.Context()
	program, err := standin.Build()
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"-auth", "-data", filepath.Join(t.TempDir(), "data")}
	connect := func(server *standin.Server, credential string) *mongo.Client {
		client, err := mongo.Connect(ctx, options.Client().ApplyURI(strings.Replace(server.URI, "mongodb://", "mongodb://"+credential, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	for life := range 3 {
		server, err := standin.Run(program, flags...)
		if err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			run(ctx, t, connect(server, "").Database("admin"), bson.D{{Key: "createUser", Value: "root"}, {Key: "pwd", Value: "secret"}, {Key: "roles", Value: bson.A{"root"}}})
		}
		client := connect(server, "root:secret@")
		c := client.Database("shop").Collection("entries")
		if n, err := c.CountDocuments(ctx, bson.D{{Key: "$text", Value: bson.D{{Key: "$search", Value: "tea"}}}}); life > 0 && (err != nil || n != int64(2*life)) {
			t.Fatalf("life %d: %d documents, %v", life, n, err)
		}
		if life == 0 {
			for _, index := range []mongo.IndexModel{
				{Keys: bson.D{{Key: "text", Value: "text"}}, Options: options.Index().SetDefaultLanguage("none")},
				{Keys: bson.D{{Key: "n", Value: 1}}, Options: options.Index().SetUnique(true)}, {Keys: bson.D{{Key: "gone", Value: 1}}},
			} {
				if _, err := c.Indexes().CreateOne(ctx, index); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Indexes().DropOne(ctx, "gone_1"); err != nil {
				t.Fatal(err)
			}
		}
		specs, err := c.Indexes().ListSpecifications(ctx)
		if err != nil || len(specs) != 3 {
			t.Fatalf("life %d: %d indexes, %v", life, len(specs), err)
		}
		for n := 2 * life; n < 2*life+2; n++ {
			if _, err := c.InsertOne(ctx, bson.D{{Key: "n", Value: n}, {Key: "text", Value: "green tea"}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.InsertOne(ctx, bson.D{{Key: "n", Value: 0}}); !mongo.IsDuplicateKeyError(err) {
			t.Fatalf("life %d: %v", life, err)
		}
		session, err := client.StartSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.StartTransaction(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.InsertOne(mongo.NewSessionContext(ctx, session), bson.D{{Key: "n", Value: 1000 + life}, {Key: "text", Value: "tea"}}); err != nil {
			t.Fatal(err)
		}
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = client.Disconnect(ctx)
	}
}
