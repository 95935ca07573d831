package cart

import (
	"net/http"

	"github.com/tillroll/tillroll/pkg/problem"
)

// What the cart service refuses, beside the common kinds. Numbers are the peer's where it has one.
// A request that is well formed but not possible now is 400, as problem.InvalidOperation is.
var (
	NotCreated = &problem.Kind{Code: 401001, Status: http.StatusBadRequest, Name: "cart-not-created",
		Title: "A cart cannot be made", Hint: "Mend what the detail names, then make the cart again."}
	NotFound = &problem.Kind{Code: 401002, Status: http.StatusNotFound, Name: "cart-not-found",
		Title: "There is no such cart at this terminal", Hint: "List the open carts with GET /api/v1/carts, or make a new one."}
	CartFull = &problem.Kind{Code: 401004, Status: http.StatusBadRequest, Name: "cart-full",
		Title: "The cart takes no more", Hint: "Bill this cart and continue with a new one."}

	ItemNotFound = &problem.Kind{Code: 402001, Status: http.StatusNotFound, Name: "item-not-found",
		Title: "The catalogue has no such item", Hint: "Check the item code or the barcode."}
	ItemWithoutPrice = &problem.Kind{Code: 402006, Status: http.StatusBadRequest, Name: "item-without-price",
		Title: "The item has no price in the store's currency", Hint: "Give the unitPrice, or put the price into the catalogue."}
	LineNotFound = &problem.Kind{Code: 402007, Status: http.StatusNotFound, Name: "line-not-found",
		Title: "The cart has no such line", Hint: "Read the cart and use one of its lineNo."}
	LineCancelled = &problem.Kind{Code: 402008, Status: http.StatusBadRequest, Name: "line-cancelled",
		Title: "The line is cancelled", Hint: "Add the item again."}

	BalanceZero = &problem.Kind{Code: 403001, Status: http.StatusBadRequest, Name: "balance-zero",
		Title: "There is nothing left to pay", Hint: "Bill the cart."}
	BalanceLeft = &problem.Kind{Code: 403002, Status: http.StatusBadRequest, Name: "balance-left",
		Title: "The cart is not paid yet", Hint: "Pay the balance, then bill the cart."}
	BalanceNegative = &problem.Kind{Code: 403003, Status: http.StatusBadRequest, Name: "balance-negative",
		Title: "More would be paid than the cart costs", Hint: "Go to the subtotal and resume item entry, which releases the payments; then change the cart."}
	DepositTooLarge = &problem.Kind{Code: 403004, Status: http.StatusBadRequest, Name: "deposit-too-large",
		Title: "This payment gives no change", Hint: "Send at most the balance."}
	PaymentUnknown = &problem.Kind{Code: 403007, Status: http.StatusBadRequest, Name: "payment-unknown",
		Title: "There is no such payment method", Hint: "Use a payment code of the catalogue."}
	PaymentLimit = &problem.Kind{Code: 403008, Status: http.StatusBadRequest, Name: "payment-limit",
		Title: "The payment method does not take this amount", Hint: "Pay a part with another method."}

	TerminalNotOpened = &problem.Kind{Code: 404001, Status: http.StatusBadRequest, Name: "terminal-not-opened",
		Title: "The terminal is not open", Hint: "Open the terminal with the terminal service, then make the cart again."}
	NobodySignedIn = &problem.Kind{Code: 404002, Status: http.StatusBadRequest, Name: "nobody-signed-in",
		Title: "Nobody is signed in at the terminal", Hint: "Sign in with the terminal service, then make the cart again."}
	SessionSealed = &problem.Kind{Code: 404005, Status: http.StatusBadRequest, Name: "session-sealed",
		Title: "The terminal's session is closed and counted", Hint: "Open the terminal again and make a new cart."}
	SessionEnded = &problem.Kind{Code: 404006, Status: http.StatusBadRequest, Name: "session-ended",
		Title: "The cart belongs to a session that has ended", Hint: "Cancel this cart and enter the sale again in the present session."}
)

// Catalogue is all of them: the documentation, and what the tests walk.
var Catalogue = []*problem.Kind{
	NotCreated, NotFound, CartFull,
	ItemNotFound, ItemWithoutPrice, LineNotFound, LineCancelled,
	BalanceZero, BalanceLeft, BalanceNegative, DepositTooLarge, PaymentUnknown, PaymentLimit,
	TerminalNotOpened, NobodySignedIn, SessionSealed, SessionEnded,
}

// invalid is the problem of one field that breaks a rule.
func invalid(field, rule, message string) error {
	return problem.Invalid.New("%s: %s", field, message).WithFields(problem.Field{Name: field, Rule: rule, Message: message})
}
