package terminal

import (
	"time"

	"github.com/tillroll/tillroll/pkg/event"
)

// SignIn puts a staff member, whose PIN was right, at the till. It fails with AlreadySignedIn when
// there is one, whoever that is.
func (t *Terminal) SignIn(staff Staff, now time.Time) ([]event.Event, error) {
	if err := t.CanSignIn(); err != nil {
		return nil, err
	}
	t.Staff = &event.Person{ID: staff.StaffID, Name: staff.Name}
	told, err := event.NewBusiness(staff.StaffID, "", event.SignedIn{TerminalID: t.ID(), StaffID: staff.StaffID, StaffName: staff.Name})
	if err != nil {
		return nil, err
	}
	return []event.Event{told, t.changed(now)}, nil
}

// CanSignIn is SignIn's condition, to be asked before a PIN is tried.
func (t *Terminal) CanSignIn() error {
	if t.Staff != nil {
		return AlreadySignedIn.New("%s is signed in", t.Staff.ID)
	}
	return nil
}

// SignOut takes whoever is signed in off the till; by names the user who did it from elsewhere. No
// events mean that nobody was.
func (t *Terminal) SignOut(by string, now time.Time) ([]event.Event, error) {
	if t.Staff == nil {
		return nil, nil
	}
	told, err := event.NewBusiness(actor(by, t.Staff), "", event.SignedOut{TerminalID: t.ID(), StaffID: t.Staff.ID})
	if err != nil {
		return nil, err
	}
	t.Staff = nil
	return []event.Event{told, t.changed(now)}, nil
}

// actor is the user of a business event: who acted from elsewhere, or else who is at the till.
func actor(by string, staff *event.Person) string {
	if by != "" {
		return by
	}
	return idOf(staff)
}
