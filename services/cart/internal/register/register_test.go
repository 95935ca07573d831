package register_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

// terminal is the terminal service's side: it moves on and leaves a view behind at every step.
type terminal struct {
	history []register.View
}

func (t *terminal) now() register.View { return t.history[len(t.history)-1] }

func (t *terminal) become(status string, s cart.Session) {
	t.history = append(t.history, register.View{
		Version: uint64(len(t.history) + 1), Status: status, Session: s, Staff: &event.Person{ID: "S001"}})
}

// step is one thing that a terminal can do in its status.
func (t *terminal) step(rt *rapid.T) {
	now := t.now()
	switch now.Status {
	case event.StatusOpened:
		t.become(rapid.SampledFrom([]string{event.StatusOpened, event.StatusClosing}).Draw(rt, "from opened"), now.Session)
	case event.StatusClosing:
		t.become(rapid.SampledFrom([]string{event.StatusOpened, event.StatusClosed}).Draw(rt, "from closing"), now.Session)
	default:
		now.Session.OpenCounter++
		t.become(event.StatusOpened, now.Session)
	}
}

// till is the selling side: carts that are open and what the sessions have sold.
type till struct {
	book  register.Book
	open  []cart.Cart
	sold  map[cart.Session]int64
	made  int
	seals map[cart.Session]uint64 // the highest version that sealed a session
}

// TestNothingIsSoldBehindASeal lets a terminal open, close, change its mind and close by force, shows
// the book any of its views in any order, as late deliveries and old tokens do, and sells meanwhile.
func TestNothingIsSoldBehindASeal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		term := &terminal{}
		term.become(event.StatusOpened, cart.Session{BusinessDate: "20260329", OpenCounter: 1})
		s := &till{sold: map[cart.Session]int64{}, seals: map[cart.Session]uint64{}}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"terminal", "deliver", "deliver", "create", "create", "bill", "bill", "cancel"}).Draw(rt, "step") {
			case "terminal":
				term.step(rt)
			case "deliver":
				s.deliver(rt, rapid.SampledFrom(term.history).Draw(rt, "view"))
			case "create":
				s.create(rt, rapid.SampledFrom(term.history).Draw(rt, "credential"))
			case "bill":
				s.end(rt, rapid.SampledFrom(term.history).Draw(rt, "credential"), true)
			case "cancel":
				s.end(rt, rapid.SampledFrom(term.history).Draw(rt, "credential"), false)
			}
			s.holds(rt)
		}
		s.deliver(rt, term.now())
		require.Equal(rt, term.now().Session, s.book.Session.Session, "the newest view counts in the end")
	})
}

func (s *till) deliver(rt *rapid.T, v register.View) {
	before := s.book.Session
	s.book.Follow(v)
	if v.Version < before.Version {
		require.Equal(rt, before, s.book.Session, "an older view changes nothing")
	}
	if s.book.Session.Sealed() {
		s.seals[s.book.Session.Session] = s.book.Session.SealedVersion
	}
}

func (s *till) create(rt *rapid.T, v register.View) {
	book := s.book
	id := fmt.Sprint(s.made)
	if err := book.Open(v, id); err != nil {
		require.NotEqual(rt, problem.Unexpected, problem.Of(err).Kind)
		return // what a refused command did is not written
	}
	require.Equal(rt, event.StatusOpened, v.Status)
	s.behindNoSeal(rt, v, v.Session)
	s.made++
	s.book, s.open = book, append(s.open, cart.Cart{ID: id, Session: v.Session})
}

func (s *till) end(rt *rapid.T, v register.View, bill bool) {
	if len(s.open) == 0 {
		return
	}
	i := rapid.IntRange(0, len(s.open)-1).Draw(rt, "cart")
	c, book := s.open[i], s.book
	if bill {
		if err := book.MayBill(v, c.Session); err != nil {
			return
		}
		s.behindNoSeal(rt, v, c.Session)
	}
	c.Numbers.TransactionNo, c.Numbers.ReceiptNo = book.NextNumbers(register.Range{First: 1, Last: 3})
	require.NoError(rt, book.Enter(c))
	s.book = book
	s.open = append(s.open[:i:i], s.open[i+1:]...)
	if c.Session == book.Session.Session {
		s.sold[c.Session]++
	}
}

// behindNoSeal expects that whatever sealed the session is older than the view that sells in it.
func (s *till) behindNoSeal(rt *rapid.T, v register.View, session cart.Session) {
	if sealedAt := s.seals[session]; sealedAt > 0 && s.book.Session.Sealed() {
		require.Greater(rt, v.Version, sealedAt)
	}
}

func (s *till) holds(rt *rapid.T) {
	b := s.book
	require.Equal(rt, len(s.open), len(b.OpenCarts))
	require.Equal(rt, s.sold[b.Session.Session], b.Session.Count)
	require.EqualValues(rt, s.made-len(s.open), b.TransactionNo, "numbers are gapless")
	if b.TransactionNo > 0 {
		require.Equal(rt, (b.TransactionNo-1)%3+1, b.ReceiptNo, "receipt numbers roll over")
	}
}

func TestACashAmountThatCouldNotBeToldIsRefused(t *testing.T) {
	book := register.Book{}
	book.Follow(register.View{Version: 1, Status: event.StatusOpened, Session: cart.Session{BusinessDate: "20260329", OpenCounter: 1}})
	c := cart.Cart{Session: book.Session.Session, Payments: []cart.Payment{{Type: cart.PaymentCash, Amount: money.FromInt(999_999_999_999)}}}
	require.NoError(t, book.Enter(c))
	assert.True(t, problem.Is(book.Enter(c), cart.CartFull))
}

func TestAChangedRangeTakesEffectAtOnce(t *testing.T) {
	for last, want := range map[int64]int64{0: 100, 5: 100, 100: 101, 199: 100, 500: 100} {
		book := register.Book{ReceiptNo: last}
		_, receipt := book.NextNumbers(register.Range{First: 100, Last: 199})
		assert.Equal(t, want, receipt)
	}
}
