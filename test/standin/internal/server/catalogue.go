package server

import (
	"math"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/filter"
)

func createIndexes(s *Server, r *request) (bson.D, error) {
	if r.txn != nil {
		return nil, fault.New(fault.NotSupportedInTransaction, "Cannot run 'createIndexes' in a multi-document transaction.")
	}
	existed := s.store.Collection(r.namespace()) != nil
	before, after, err := s.store.CreateIndexes(r.namespace(), r.documents("indexes"))
	if err != nil {
		return nil, err
	}
	if !existed {
		before = 1
	}
	reply := doc("numIndexesBefore", int32(before), "numIndexesAfter", int32(after), "createdCollectionAutomatically", !existed)
	if before == after {
		reply = append(reply, bson.E{Key: "note", Value: "all indexes already exist"})
	}
	return reply, nil
}

func dropIndexes(s *Server, r *request) (bson.D, error) {
	name, ok := r.body.Lookup("index").StringValueOK()
	if !ok {
		return nil, fault.New(fault.TypeMismatch, "indexes are dropped by name")
	}
	before, err := s.store.DropIndex(r.namespace(), name)
	return doc("nIndexesWas", int32(before)), err
}

func listIndexes(s *Server, r *request) (bson.D, error) {
	c := s.store.Collection(r.namespace())
	if c == nil {
		return nil, fault.New(fault.NamespaceNotFound, "ns does not exist: %s", r.namespace())
	}
	var specs []bson.Raw
	for _, ix := range c.Indexes {
		specs = append(specs, ix.Spec)
	}
	return s.cursors.open(r.namespace(), specs, batchSize(sub(r.body, "cursor"), math.MaxInt)), nil
}

func create(s *Server, r *request) (bson.D, error) {
	return doc(), s.store.Create(r.namespace())
}

func drop(s *Server, r *request) (bson.D, error) {
	return doc("ns", r.namespace()), s.store.Drop(r.namespace())
}

func dropDatabase(s *Server, r *request) (bson.D, error) {
	for _, namespace := range s.store.Namespaces(r.database + ".") {
		if err := s.store.Drop(namespace); err != nil {
			return nil, err
		}
	}
	return doc("dropped", r.database), nil
}

func listCollections(s *Server, r *request) (bson.D, error) {
	wanted, err := filter.Compile(sub(r.body, "filter"))
	if err != nil {
		return nil, err
	}
	var found []bson.Raw
	for _, namespace := range s.store.Namespaces(r.database + ".") {
		entry := doc("name", strings.TrimPrefix(namespace, r.database+"."), "type", "collection")
		if !truth(r.body, "nameOnly", false) {
			entry = append(entry, doc("options", doc(), "info", doc("readOnly", false))...)
		}
		if raw := encode(entry); wanted.Match(raw) {
			found = append(found, raw)
		}
	}
	return s.cursors.open(r.database+".$cmd.listCollections", found, batchSize(sub(r.body, "cursor"), math.MaxInt)), nil
}

func listDatabases(s *Server, r *request) (bson.D, error) {
	wanted, err := filter.Compile(sub(r.body, "filter"))
	if err != nil {
		return nil, err
	}
	found, last := bson.A{}, ""
	for _, namespace := range s.store.Namespaces("") {
		name, _, _ := strings.Cut(namespace, ".")
		if name == last {
			continue
		}
		last = name
		entry := doc("name", name)
		if !truth(r.body, "nameOnly", false) {
			entry = append(entry, doc("sizeOnDisk", int64(0), "empty", false)...)
		}
		if raw := encode(entry); wanted.Match(raw) {
			found = append(found, raw)
		}
	}
	return doc("databases", found, "totalSize", int64(0)), nil
}
