package delivery

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Enough deliveries to know that they have no end; after them the probe takes an event, so that no broker
// spins for nothing.
const enough = Retries + 6

// hang is longer than the timeout of the policy.
const hang = 2 * time.Second

// warm is the event that proves that a subscription works; it is answered with SUCCESS.
const warm = "w"

// probe is the application behind the sidecar: it answers as the row of the route says and counts.
type probe struct {
	rows map[string]Row

	mu   sync.Mutex
	seen map[string]Seen // by setup/row/event
}

func newProbe(rows []Row) *probe {
	p := &probe{rows: map[string]Row{}, seen: map[string]Seen{}}
	for _, r := range rows {
		p.rows[r.ID] = r
	}
	return p
}

// event is what is published: data says where it belongs.
type event struct {
	Data struct{ Setup, Row, Event string } `json:"data"`
}

func key(setup, row, event string) string { return setup + "/" + row + "/" + event }

// ServeHTTP takes deliveries at /SETUP/ROW.
func (p *probe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	setup, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	row, known := p.rows[id]
	if err != nil || !known {
		w.WriteHeader(http.StatusOK)
		return
	}
	ids, most := p.count(setup, row, raw)
	_, warmUp := ids[warm]
	if warmUp || most > enough {
		answerDone(w, ids)
		return
	}
	switch row.Trouble {
	case "hangs":
		select {
		case <-r.Context().Done():
		case <-time.After(hang):
		}
		hangUp(w)
		return
	case "closes":
		hangUp(w)
		return
	case "refuses": // it came back: the listener was closed while it did
		answerDone(w, ids)
		return
	}
	body := row.Body
	for _, name := range append(row.Events(), "x") {
		entry := ids[name]
		if entry == "" {
			entry = "nobody-sent-" + name
		}
		body = strings.ReplaceAll(body, "$"+name, entry)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(row.Status)
	_, _ = io.WriteString(w, body)
}

// count notes a delivery and gives the entry ids by event, and how often the most frequent event came.
func (p *probe) count(setup string, row Row, raw []byte) (ids map[string]string, most int) {
	ids = map[string]string{}
	var single event
	var bulk struct {
		Entries []struct {
			EntryID string `json:"entryId"`
			Event   event  `json:"event"`
		} `json:"entries"`
	}
	if row.Bulk {
		_ = json.Unmarshal(raw, &bulk)
		for _, e := range bulk.Entries {
			ids[e.Event.Data.Event] = e.EntryID
		}
	} else {
		_ = json.Unmarshal(raw, &single)
		ids[single.Data.Event] = ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range ids {
		s := p.seen[key(setup, row.ID, name)]
		s.Delivered++
		most = max(most, s.Delivered)
		p.seen[key(setup, row.ID, name)] = s
	}
	return ids, most
}

func answerDone(w http.ResponseWriter, ids map[string]string) {
	type status struct {
		EntryID string `json:"entryId"`
		Status  string `json:"status"`
	}
	all := []status{}
	for _, id := range ids {
		all = append(all, status{id, "SUCCESS"})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "SUCCESS", "statuses": all})
}

// hangUp closes the connection with nothing said.
func hangUp(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
}

// published finds the event's data in a dead letter, however it is wrapped; the sidecar writes the fields
// in the order of their names.
var published = regexp.MustCompile(`"event":"(\w)","row":"(\w+)","setup":"(\w+)"`)

// undertaker is the application that takes dead letters; it is another one than the probe, which may be
// away.
func (p *probe) undertaker() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		text := strings.ReplaceAll(string(raw), `\"`, `"`)
		p.mu.Lock()
		for _, found := range published.FindAllStringSubmatch(text, -1) {
			k := key(found[3], found[2], found[1])
			s := p.seen[k]
			s.Dead = true
			p.seen[k] = s
		}
		p.mu.Unlock()
		_, _ = io.WriteString(w, `{"status":"SUCCESS"}`)
	})
}

// refused adds the attempts that nobody could count, because nobody listened: those of the policy, and
// one that came later, from the broker.
func refused(setup Setup, seen Seen) Seen {
	attempts := 1
	if setup.Retry {
		attempts += Retries
	}
	seen.Delivered += attempts
	return seen
}

// warmed tells whether every subscription has delivered.
func (p *probe) warmed(rows []Row) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, setup := range Setups {
		for _, row := range rows {
			if row.triedIn(setup) && p.seen[key(setup.ID, row.ID, warm)].Delivered == 0 {
				return false
			}
		}
	}
	return true
}

// outcomes of all rows so far, by setup/row.
func (p *probe) outcomes(rows []Row) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]string{}
	for _, setup := range Setups {
		for _, row := range rows {
			if !row.triedIn(setup) {
				all[setup.ID+"/"+row.ID] = Untried
				continue
			}
			each := map[string]string{}
			for _, name := range row.Events() {
				seen := p.seen[key(setup.ID, row.ID, name)]
				if row.Trouble == "refuses" {
					seen = refused(setup, seen)
				}
				each[name] = Outcome(setup, seen, p.seen[key(Setups[0].ID, row.ID, name)])
			}
			all[setup.ID+"/"+row.ID] = join(row, each)
		}
	}
	return all
}
