package conformance_test

import (
	"context"
	"testing"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/test/standin/conformance"
	"github.com/tillroll/tillroll/test/standin/finder"
)

// The cases run on the first server that is there; see package finder.
func TestConformance(t *testing.T) {
	found, err := finder.Find(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = found.Stop() }()
	t.Log("engine:", found.Engine)
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(found.URI))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.Background()) }()
	conformance.Run(t, client, found.Offers...)
}
