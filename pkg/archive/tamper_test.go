package archive_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/shopdays"
)

// mutations of each class of tampering. The race detector, under which nothing here can go otherwise,
// would make of seconds minutes.
var mutations = func() int {
	if raceDetector && os.Getenv("SOAK") == "" {
		return 30
	}
	return 1000
}()

// crime is a segment that somebody tampers with: its file, and what stands in it, taken apart.
type crime struct {
	t      testing.TB
	r      *rand.Rand
	log    *archivetest.Log
	other  []*archivetest.Event // genuine events of the same log that do not belong here
	header archive.Header
	lines  []archivetest.Event
	rows   func(i int, m *archive.Member) // tampers with rows
	file   []byte                         // when not nil, instead of what is made of the lines
}

// write makes the file of somebody who knows the format as well as we do.
func (c *crime) write() []byte {
	if c.file != nil {
		return c.file
	}
	var out bytes.Buffer
	w, err := archive.NewForger(&out, c.header)
	require.NoError(c.t, err)
	for i := range c.lines {
		l := &c.lines[i]
		m, _ := archive.MemberOf(l.Topic, &l.Line) // as much as can be read
		if c.rows != nil {
			c.rows(i, &m)
		}
		w.Forge(append(proof.AppendLine(nil, &l.Line), '\n'), &m)
	}
	_, err = w.Close()
	require.NoError(c.t, err)
	c.file = out.Bytes()
	return c.file
}

// rehash makes the hashes of a line, and those of the chain behind it, hold again.
func (c *crime) rehash(i int) {
	for before := (*archivetest.Event)(nil); i < len(c.lines); i++ {
		l := &c.lines[i]
		if before != nil && l.Stream != before.Stream {
			continue
		}
		if before != nil && l.Seq == before.Seq+1 {
			l.Prev = before.Hash
		}
		l.ContentHash, l.EntryHash = proof.HashOf(l.Content), proof.Hash{}
		if l.Entry != nil {
			l.EntryHash = proof.HashOf(l.Entry)
		}
		l.Hash = l.Link.Hash()
		before = l
	}
}

// edit replaces something in a text of a line, which stays canonical.
func (c *crime) edit(text []byte, old, other string) []byte {
	require.Contains(c.t, string(text), old)
	out, err := canonical.JSON(bytes.Replace(text, []byte(old), []byte(other), 1))
	require.NoError(c.t, err)
	return out
}

func (c *crime) any() int { return c.r.IntN(len(c.lines)) }

// withEntry is the place of an event that has one.
func (c *crime) withEntry() int {
	for {
		if i := c.any(); c.lines[i].Entry != nil {
			return i
		}
	}
}

// alter changes one letter or digit of a text, not of its field names.
func (c *crime) alter(text []byte) []byte {
	for {
		out := slices.Clone(text)
		i := c.r.IntN(len(out))
		if out[i] < '1' || out[i] > '8' {
			continue
		}
		out[i]++
		form, err := canonical.JSON(out)
		if err == nil && !bytes.Equal(form, text) {
			return form
		}
	}
}

// class is one way to tamper. It gives the line, counted from 1, that must be named; 0: that cannot be
// said.
type class struct {
	name    string
	witness bool // only who knows the manifest finds it
	do      func(c *crime) int
}

// line is where in the file the event at place i stands.
func line(i int) int { return i + 2 }

var classes = []class{
	{"a bit of the file is flipped", true, func(c *crime) int {
		c.file = slices.Clone(c.write())
		c.file[c.r.IntN(len(c.file))] ^= 1 << c.r.IntN(8)
		return 0
	}},
	{"the file is cut", false, func(c *crime) int {
		file := c.write()
		c.file = slices.Clone(file[:c.r.IntN(len(file))])
		return 0
	}},
	{"something is appended", false, func(c *crime) int {
		c.file = append(slices.Clone(c.write()), make([]byte, 1+c.r.IntN(100))...)
		return 0
	}},
	{"two parts of the file change places", true, func(c *crime) int {
		file := c.write()
		a := c.r.IntN(len(file) - 40)
		b := a + 1 + c.r.IntN(len(file)-a-20)
		n := 1 + c.r.IntN(min(b-a, len(file)-b))
		c.file = slices.Clone(file)
		copy(c.file[a:], file[b:b+n])
		copy(c.file[b:], file[a:a+n])
		if bytes.Equal(c.file, file) {
			c.file[a] ^= 1
		}
		return 0
	}},
	{"an event is edited", false, func(c *crime) int {
		i := c.any()
		c.lines[i].Content = c.alter(c.lines[i].Content)
		return line(i)
	}},
	{"an event is edited and hashed anew, with the chain behind it", false, func(c *crime) int {
		i := c.any()
		c.lines[i].Content = c.alter(c.lines[i].Content)
		c.rehash(i)
		return line(i)
	}},
	{"an entry is edited", false, func(c *crime) int {
		i := c.withEntry()
		c.lines[i].Entry = c.alter(c.lines[i].Entry)
		return line(i)
	}},
	{"an entry is edited and hashed anew", false, func(c *crime) int {
		i := c.withEntry()
		c.lines[i].Entry = c.alter(c.lines[i].Entry)
		c.rehash(i)
		return line(i)
	}},
	{"an entry is taken away", false, func(c *crime) int {
		i := c.withEntry()
		c.lines[i].Entry = nil
		if c.r.IntN(2) == 0 {
			c.rehash(i)
		}
		return line(i)
	}},
	{"an event is removed", true, func(c *crime) int {
		i := c.any()
		c.lines = slices.Delete(c.lines, i, i+1)
		return 0
	}},
	{"the last events are removed", true, func(c *crime) int {
		c.lines = c.lines[:1+c.r.IntN(len(c.lines)-1)]
		return 0
	}},
	{"an event is invented", false, func(c *crime) int {
		i := c.any()
		l := c.lines[i]
		l.EventID = fmt.Sprintf("01890a5d-ac96-774b-bcce-%012x", c.r.Uint64N(1<<48))
		l.Index += uint64(c.r.IntN(3))
		l.Hash = l.Link.Hash()
		c.lines = slices.Insert(c.lines, i+1, l)
		return line(i + 1)
	}},
	{"an event stands there twice", false, func(c *crime) int {
		i := c.any()
		c.lines = slices.Insert(c.lines, i+1, c.lines[i])
		return line(i + 1)
	}},
	{"an event stands there again later", false, func(c *crime) int {
		i := c.r.IntN(len(c.lines) - 1)
		at := i + 2 + c.r.IntN(len(c.lines)-i-1)
		c.lines = slices.Insert(c.lines, at, c.lines[i])
		return line(at)
	}},
	{"two events change places", false, func(c *crime) int {
		i := c.r.IntN(len(c.lines) - 1)
		j := i + 1 + c.r.IntN(len(c.lines)-i-1)
		c.lines[i], c.lines[j] = c.lines[j], c.lines[i]
		return line(i + 1) // what stands first is a genuine event; the next one stands behind a later one
	}},
	{"two events change places and places in the log", false, func(c *crime) int {
		i := c.r.IntN(len(c.lines) - 1)
		j := i + 1 + c.r.IntN(len(c.lines)-i-1)
		c.lines[i], c.lines[j] = c.lines[j], c.lines[i]
		c.lines[i].Index, c.lines[j].Index = c.lines[j].Index, c.lines[i].Index
		return line(i)
	}},
	{"an event gets another place in the log", false, func(c *crime) int {
		i := c.any()
		low, high := uint64(0), c.log.Checkpoint.Size
		if i > 0 {
			low = c.lines[i-1].Index + 1
		}
		if i+1 < len(c.lines) {
			high = c.lines[i+1].Index
		}
		if high-low < 2 {
			c.lines[i].Index++
			if i+1 < len(c.lines) {
				c.lines[i+1].Index += 2
			}
			return line(i)
		}
		for was := c.lines[i].Index; c.lines[i].Index == was; {
			c.lines[i].Index = low + c.r.Uint64N(high-low)
		}
		return line(i)
	}},
	{"an event is back-dated", false, func(c *crime) int {
		i := c.withEntry()
		l := &c.lines[i]
		l.Content = c.edit(l.Content, `"business_date":"`+c.header.BusinessDate, `"business_date":"20200101`)
		l.Entry = c.edit(l.Entry, `"business_date":"`+c.header.BusinessDate, `"business_date":"20200101`)
		c.rehash(i)
		return line(i)
	}},
	{"a genuine event of another day or store is put in", false, func(c *crime) int {
		e := *c.other[c.r.IntN(len(c.other))]
		at, _ := slices.BinarySearchFunc(c.lines, e.Index, func(l archivetest.Event, index uint64) int { return int(l.Index) - int(index) })
		c.lines = slices.Insert(c.lines, at, e)
		return line(at)
	}},
	{"the events are another tenant's", false, func(c *crime) int {
		c.header.TenantID = "bcme"
		c.header.Checkpoint = strings.Replace(c.header.Checkpoint, "/acme\n", "/bcme\n", 1)
		for i := range c.lines {
			c.lines[i].Stream = strings.Replace(c.lines[i].Stream, "acme-", "bcme-", 1)
		}
		return 1
	}},
	{"an event is moved to another till", false, func(c *crime) int {
		i := c.any()
		c.lines[i].Stream = c.header.TenantID + "-" + c.header.StoreCode + fmt.Sprintf("-%d", 50+c.r.IntN(50))
		c.lines[i].Seq = 1
		if c.r.IntN(2) == 0 {
			c.lines[i].Hash = c.lines[i].Link.Hash()
		}
		return line(i)
	}},
	{"a proof is changed", false, func(c *crime) int {
		i := c.any()
		path := slices.Clone(c.lines[i].Inclusion)
		switch n := c.r.IntN(len(path)); c.r.IntN(3) {
		case 0:
			path[n][c.r.IntN(32)] ^= 1 << c.r.IntN(8)
		case 1:
			path = slices.Delete(path, n, n+1)
		default:
			path = slices.Insert(path, n, proof.Hash{1})
		}
		c.lines[i].Inclusion = path
		return line(i)
	}},
	{"a row says otherwise than its line", false, func(c *crime) int {
		at := c.withEntry()
		change := c.r.IntN(11)
		c.rows = func(i int, m *archive.Member) {
			if i != at {
				return
			}
			seven := int64(7777)
			switch change {
			case 0:
				m.Amount += "1"
			case 1:
				m.TerminalNo++
			case 2:
				m.TransactionNo += "1"
			case 3:
				m.GeneratedAt += 1 + c.r.Int64N(1e12)
			case 4:
				m.StaffID += "x"
			case 5:
				m.TransactionType++
			case 6:
				m.ReceiptNo = &seven
			case 7:
				m.OrderID += "x"
			case 8:
				m.Topic = "topic-events"
			case 9:
				m.EventID = "01890a5d-ac96-774b-bcce-b302099a8057"
			default:
				m.OpenCounter = &seven
			}
		}
		return line(at)
	}},
	{"the file's own manifest says otherwise", false, func(c *crime) int {
		file := c.write()
		s, err := archive.Open(c.t.Context(), archive.Bytes(file))
		require.NoError(c.t, err)
		c.file = archive.Redirect(s, file, func(m *archive.Manifest) {
			m.Streams, m.Terminals = slices.Clone(m.Streams), slices.Clone(m.Terminals)
			till := &m.Terminals[c.r.IntN(len(m.Terminals))]
			switch c.r.IntN(6) {
			case 0:
				m.Entries--
			case 1:
				m.Streams[c.r.IntN(len(m.Streams))].First++
			case 2:
				till.LastTransaction++
			case 3:
				till.FirstAt = till.FirstAt.Add(-1e9)
			case 4:
				till.Entries++
			default:
				m.Terminals = m.Terminals[1:]
			}
		})
		return 0
	}},
	{"the header says otherwise than the manifest", false, func(c *crime) int {
		file := c.write()
		s, err := archive.Open(c.t.Context(), archive.Bytes(file))
		require.NoError(c.t, err)
		c.file = archive.Redirect(s, file, func(m *archive.Manifest) {
			switch c.r.IntN(3) {
			case 0:
				m.BusinessDate = "20200101"
			case 1:
				m.Part += 1 + c.r.IntN(9)
			default:
				m.WrittenAt = m.WrittenAt.Add(-1e9)
			}
		})
		return 1
	}},
	{"another part or time is claimed everywhere", true, func(c *crime) int {
		if c.r.IntN(2) == 0 {
			c.header.Part += 1 + c.r.IntN(9)
		} else {
			c.header.WrittenAt = c.header.WrittenAt.Add(-1e9)
		}
		return 0
	}},
	{"another business date is claimed everywhere", false, func(c *crime) int {
		c.header.BusinessDate = fmt.Sprintf("2020%02d%02d", 1+c.r.IntN(12), 1+c.r.IntN(28))
		return 0 // the first line that has an entry
	}},
	{"everything is made anew with a key of one's own", false, func(c *crime) int {
		i := c.any()
		c.lines[i].Content = c.alter(c.lines[i].Content)
		c.rehash(i)
		private, _, err := proof.NewKey(nil)
		require.NoError(c.t, err)
		signer, _, err := proof.NewSigner(private)
		require.NoError(c.t, err)
		var edge proof.Edge
		edge.Append(proof.LeafHash(c.lines[i].Hash), nil)
		k, err := signer.Sign(proof.Checkpoint{Tenant: c.header.TenantID, Size: c.log.Checkpoint.Size, Root: edge.Root(), Time: archivetest.SignedAt})
		require.NoError(c.t, err)
		c.header.Checkpoint = k.Note
		return 1
	}},
}

func TestTamperingIsFound(t *testing.T) {
	log := archivetest.NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 3, Entries: 60, Stores: 2, Tills: 2})
	store, date := log.Events[0].Store, ""
	for i := range log.Events {
		if e := &log.Events[i]; e.Entry != nil && e.Store == store {
			date = e.Date
			break
		}
	}
	all := log.Of(store, date)
	require.Greater(t, len(all), 12)
	var other []*archivetest.Event
	for _, e := range log.Of("", "") {
		if e.Entry != nil && (e.Store != store || e.Date != date) {
			other = append(other, e)
		}
	}
	require.NotEmpty(t, other)
	const some = 10
	scene := func(t testing.TB, r *rand.Rand, from int) *crime {
		c := &crime{t: t, r: r, log: log, other: other, header: log.Header(store, date)}
		for _, e := range all[from : from+some] {
			c.lines = append(c.lines, *e)
		}
		return c
	}
	check := func(c *crime, want *archive.Manifest) error {
		s, err := archive.Open(t.Context(), archive.Bytes(c.write()))
		if err != nil {
			return err
		}
		return s.Verify(t.Context(), log.Keys, want)
	}
	manifests := make([]archive.Manifest, len(all)-some)
	for from := range manifests {
		file := scene(t, nil, from).write()
		s, err := archive.Open(t.Context(), archive.Bytes(file))
		require.NoError(t, err)
		require.NoError(t, s.Verify(t.Context(), log.Keys, nil))
		manifests[from] = s.Manifest()
		manifests[from].SHA256 = sha256.Sum256(file)
		require.NoError(t, s.Verify(t.Context(), log.Keys, &manifests[from]), "nothing is found where nothing is")
	}
	for n, class := range classes {
		t.Run(class.name, func(t *testing.T) {
			t.Parallel()
			for i := range mutations {
				r := rand.New(rand.NewPCG(uint64(n), uint64(i)))
				from := r.IntN(len(manifests))
				c := scene(t, r, from)
				at := class.do(c)
				err := check(c, &manifests[from])
				require.ErrorIs(t, err, archive.ErrDamaged, "mutation %d", i)
				if !class.witness {
					require.ErrorIs(t, check(c, nil), archive.ErrDamaged, "mutation %d, found without the manifest", i)
				}
				if at == 0 {
					continue
				}
				var fault *archive.Fault
				require.ErrorAs(t, err, &fault, "mutation %d", i)
				require.Equal(t, at, fault.Line, "mutation %d: %v", i, err)
			}
		})
	}
}

// What was left out is named by its place in its chain.
func TestWhatIsMissingIsNamed(t *testing.T) {
	log := archivetest.NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 3, Entries: 60, Stores: 1, Tills: 2})
	store, date := log.Events[0].Store, log.Events[0].Date
	all := log.Of(store, date)
	_, want := archivetest.Write(t, log.Header(store, date), all)
	for i, gone := range all {
		if raceDetector && i%9 != 0 {
			continue
		}
		file, _ := archivetest.Write(t, log.Header(store, date), slices.Delete(slices.Clone(all), i, i+1))
		s, err := archive.Open(t.Context(), archive.Bytes(file))
		require.NoError(t, err)
		require.NoError(t, s.Verify(t.Context(), log.Keys, nil), "what is there is right")
		var fault *archive.Fault
		require.ErrorAs(t, s.Verify(t.Context(), log.Keys, &want), &fault)
		require.Equal(t, gone.Stream, fault.Stream)
		require.Equal(t, gone.Seq, fault.Seq, fault.Error())
	}
}
