package server

import (
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// The fail points. failCommand is MongoDB's. loseReply is the stand-in's own:
// the command runs and takes effect, then the connection closes without a
// reply, as when the network breaks right after a commit.
const (
	failCommand = "failCommand"
	loseReply   = "loseReply"
)

// failPoint is one fail point that is on.
type failPoint struct {
	closes     bool
	losesReply bool
	err        *fault.Error
	concern    bson.RawValue
	labels     []string

	commands []string
	appName  string
	block    time.Duration
	skip     int
	times    int // -1: always
}

type failPoints struct {
	mu   sync.Mutex
	on   map[string]*failPoint
	hits map[string]int
}

// hit gives the fail point that strikes a command, after the delay that it asks for.
func (f *failPoints) hit(r *request) *failPoint {
	f.mu.Lock()
	var struck *failPoint
	for _, name := range []string{failCommand, loseReply} {
		if p := f.on[name]; p != nil && p.concerns(r) && p.due() {
			f.hits[name]++
			struck = p
			break
		}
	}
	f.mu.Unlock()
	if struck != nil {
		time.Sleep(struck.block)
	}
	return struck
}

func (p *failPoint) concerns(r *request) bool {
	return slices.Contains(p.commands, r.name) && (p.appName == "" || p.appName == r.caller.appName)
}

func (p *failPoint) due() bool {
	if p.skip > 0 {
		p.skip--
		return false
	}
	if p.times == 0 {
		return false
	}
	if p.times > 0 {
		p.times--
	}
	return true
}

// concernError is the write concern error to add to a reply, nil when there is none.
func (p *failPoint) concernError() any {
	if p == nil || len(p.concern.Value) == 0 {
		return nil
	}
	return p.concern
}

func configureFailPoint(s *Server, r *request) (bson.D, error) {
	name := r.collection()
	if name != failCommand && name != loseReply {
		return nil, fault.New(fault.BadValue, "%s is no fail point", name)
	}
	p, err := newFailPoint(name, r.body)
	if err != nil {
		return nil, err
	}
	f := &s.failPoints
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on == nil {
		f.on, f.hits = map[string]*failPoint{}, map[string]int{}
	}
	if p == nil {
		delete(f.on, name)
	} else {
		f.on[name] = p
	}
	return doc("count", int32(f.hits[name])), nil
}

// newFailPoint reads mode and data; nil means off.
func newFailPoint(name string, body bson.Raw) (*failPoint, error) {
	p := &failPoint{times: -1, losesReply: name == loseReply}
	mode := body.Lookup("mode")
	word, _ := mode.StringValueOK()
	limits, isLimits := mode.DocumentOK()
	switch {
	case word == "off":
		return nil, nil
	case word == "alwaysOn":
	case isLimits:
		p.times, p.skip = number(limits, "times", -1), number(limits, "skip", 0)
	default:
		return nil, fault.New(fault.BadValue, "the mode must be \"off\", \"alwaysOn\", {times: n} or {skip: n}")
	}
	data := sub(body, "data")
	for _, v := range value.Items(data.Lookup("failCommands")) {
		command, _ := v.StringValueOK()
		p.commands = append(p.commands, command)
	}
	p.appName, _ = data.Lookup("appName").StringValueOK()
	p.closes = truth(data, "closeConnection", false)
	if truth(data, "blockConnection", false) {
		p.block = time.Duration(number(data, "blockTimeMS", 0)) * time.Millisecond
	}
	p.readErrors(data)
	return p, nil
}

func (p *failPoint) readErrors(data bson.Raw) {
	if v, err := data.LookupErr("errorLabels"); err == nil {
		p.labels = []string{}
		for _, item := range value.Items(v) {
			name, _ := item.StringValueOK()
			p.labels = append(p.labels, name)
		}
	}
	if code := number(data, "errorCode", 0); code != 0 {
		p.err = fault.New(fault.Code(code), "Failing command via 'failCommand' failpoint")
		p.err.Labels = p.labels
	}
	p.concern = data.Lookup("writeConcernError")
}
