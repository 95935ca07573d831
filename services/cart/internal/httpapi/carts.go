package httpapi

import (
	"context"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// Bodies of requests. What a sale may hold is the domain's to say; here are only shapes and lengths.
type (
	createRequest struct {
		TransactionType int    `json:"transactionType" validate:"omitempty,oneof=101"`
		UserID          string `json:"userId" validate:"max=40,plain"`
		UserName        string `json:"userName" validate:"max=60,plain"`
	}
	itemRequest struct {
		ItemCode  string         `json:"itemCode" validate:"required,max=64,plain"`
		Quantity  money.Decimal  `json:"quantity"`
		UnitPrice *money.Decimal `json:"unitPrice"`
	}
	quantityRequest struct {
		Quantity money.Decimal `json:"quantity"`
	}
	priceRequest struct {
		UnitPrice *money.Decimal `json:"unitPrice" validate:"required"`
	}
	paymentRequest struct {
		PaymentCode string        `json:"paymentCode" validate:"required,max=40,plain"`
		Amount      money.Decimal `json:"amount"`
		Detail      string        `json:"detail" validate:"max=100,plain"`
	}
	noRequest struct{}
)

// openCartsQuery are the query parameters of the list of carts.
type openCartsQuery struct {
	Status string `form:"status" validate:"omitempty,oneof=open"`
	page
}

var firstOpenCarts = openCartsQuery{page: firstPage}

func (a *API) createCart(c *gin.Context) (any, error) {
	body := createRequest{TransactionType: event.TypeSale}
	command, err := commandOf(c, &body)
	if err != nil {
		return nil, err
	}
	if body.UserID == "" && body.UserName != "" {
		return nil, problem.Invalid.New("userId: must be given with userName").
			WithFields(problem.Field{Name: "userId", Rule: "required", Message: "must be given with userName"})
	}
	in := app.CreateCart{Till: command.Till, TransactionType: body.TransactionType, Repeat: command.Repeat}
	if body.UserID != "" {
		in.User = &event.Person{ID: body.UserID, Name: body.UserName}
	}
	made, err := a.app.Create(c.Request.Context(), in)
	if err != nil {
		return nil, err
	}
	c.Header("Location", carts+"/"+made.ID)
	return cartOf(made), nil
}

func (a *API) getCart(c *gin.Context) (any, error) {
	return answer(a.app.Cart(c.Request.Context(), tillOf(c), c.Param("cart")))
}

// listCarts lists the terminal's open carts; there is no list of those that have ended.
func (a *API) listCarts(c *gin.Context) (any, error) {
	q := firstOpenCarts
	if err := web.Query(c, &q); err != nil {
		return nil, err
	}
	open, err := a.app.OpenCarts(c.Request.Context(), tillOf(c))
	if err != nil {
		return nil, err
	}
	bodies := make([]cartBody, len(open))
	for i, one := range open {
		bodies[i] = cartOf(one)
	}
	return listOf(bodies, q.page), nil
}

func (a *API) addItems(c *gin.Context) (any, error) {
	var body []itemRequest
	command, err := commandOf(c, &body)
	if err != nil {
		return nil, err
	}
	if err := checkEntries(len(body), cart.MaxAdditions); err != nil {
		return nil, err
	}
	entries := make([]app.ItemEntry, len(body))
	for i, b := range body {
		entries[i] = app.ItemEntry{Code: b.ItemCode, Quantity: b.Quantity, UnitPrice: b.UnitPrice}
	}
	return answer(a.app.AddItems(c.Request.Context(), command, entries))
}

func (a *API) cancelLine(c *gin.Context) (any, error) {
	command, err := commandOf(c, &noRequest{})
	if err != nil {
		return nil, err
	}
	return answer(a.app.CancelLine(c.Request.Context(), command, lineOf(c)))
}

func (a *API) changeQuantity(c *gin.Context) (any, error) {
	var body quantityRequest
	command, err := commandOf(c, &body)
	if err != nil {
		return nil, err
	}
	return answer(a.app.ChangeQuantity(c.Request.Context(), command, lineOf(c), body.Quantity))
}

func (a *API) changePrice(c *gin.Context) (any, error) {
	var body priceRequest
	command, err := commandOf(c, &body)
	if err != nil {
		return nil, err
	}
	return answer(a.app.ChangePrice(c.Request.Context(), command, lineOf(c), *body.UnitPrice))
}

func (a *API) pay(c *gin.Context) (any, error) {
	var body []paymentRequest
	command, err := commandOf(c, &body)
	if err != nil {
		return nil, err
	}
	if err := checkEntries(len(body), cart.MaxPayments); err != nil {
		return nil, err
	}
	entries := make([]app.PaymentEntry, len(body))
	for i, b := range body {
		entries[i] = app.PaymentEntry{Code: b.PaymentCode, Amount: b.Amount, Detail: b.Detail}
	}
	return answer(a.app.Pay(c.Request.Context(), command, entries))
}

// change is a route whose path says everything.
func (a *API) change(do func(ctx context.Context, in app.Command) (cart.Cart, error)) func(c *gin.Context) (any, error) {
	return func(c *gin.Context) (any, error) {
		command, err := commandOf(c, &noRequest{})
		if err != nil {
			return nil, err
		}
		return answer(do(c.Request.Context(), command))
	}
}

func answer(c cart.Cart, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return cartOf(c), nil
}

// commandOf reads a request that changes a cart: its body into v, its terminal, its cart, and its
// Idempotency-Key when there is one. The key stands for this route, this cart and this body.
func commandOf(c *gin.Context, v any) (app.Command, error) {
	command := app.Command{Till: tillOf(c), CartID: c.Param("cart")}
	raw, err := web.Body(c, v)
	if err != nil {
		return command, err
	}
	command.Repeat, err = repeatOf(c, raw)
	return command, err
}

// repeatOf is what the Idempotency-Key of a request stands for; nil when it has none.
func repeatOf(c *gin.Context, body []byte) (*idempotency.Request, error) {
	values, keyed := c.Request.Header[idempotency.Header]
	if !keyed {
		return nil, nil //nolint:nilnil // no key is no error
	}
	repeat, err := idempotency.NewRequest(values[0], c.Request.Method+" "+c.Request.URL.Path, body)
	if err != nil {
		return nil, err
	}
	return &repeat, nil
}

// lineOf is the line number of the path; 0, which no line has, when it is no number.
func lineOf(c *gin.Context) int {
	n, err := strconv.Atoi(c.Param("line"))
	if err != nil {
		return 0
	}
	return n
}

func checkEntries(n, most int) error {
	if n >= 1 && n <= most {
		return nil
	}
	return problem.Invalid.New("the body has %d entries, it must have 1 to %d", n, most).
		WithFields(problem.Field{Name: "body", Rule: "entries", Message: "must be an array of 1 to " + strconv.Itoa(most) + " entries"})
}
