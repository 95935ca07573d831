package conformance_test

import (
	"context"
	"os"
	"testing"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/test/standin"
	"github.com/tillroll/tillroll/test/standin/conformance"
)

// MONGODB_URI runs the same cases on a real server.
func TestConformance(t *testing.T) {
	uri, offered := os.Getenv("MONGODB_URI"), []string{}
	if uri == "" {
		uri, offered = standin.Start(t).URI, []string{"failpoints", "standin"}
		t.Log("engine: the stand-in")
	}
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.Background()) }()
	conformance.Run(t, client, offered...)
}
