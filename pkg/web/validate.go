package web

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/plain"
	"github.com/tillroll/tillroll/pkg/problem"
)

var validate = newValidator()

// newValidator knows our own rules beside the library's: code (tenant and store codes), currency,
// and the bounds of decimals, which it sees as float64 only to compare them with whole bounds.
func newValidator() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		for _, tag := range []string{"json", "form"} {
			if name, _, _ := strings.Cut(f.Tag.Get(tag), ","); name != "" && name != "-" {
				return name
			}
		}
		if f.Anonymous {
			return embedded
		}
		return f.Name
	})
	register(v, "code", func(fl validator.FieldLevel) bool { return identity.ValidCode(fl.Field().String()) })
	register(v, "currency", func(fl validator.FieldLevel) bool { return money.Currency(fl.Field().String()).Valid() })
	register(v, "plain", func(fl validator.FieldLevel) bool {
		return !strings.ContainsFunc(fl.Field().String(), plain.Unprintable)
	})
	compare := func(ok func(cmp int) bool) validator.Func {
		return func(fl validator.FieldLevel) bool {
			d, isDecimal := fl.Field().Interface().(money.Decimal)
			bound, err := money.Parse(fl.Param())
			return isDecimal && err == nil && ok(d.Cmp(bound))
		}
	}
	register(v, "dmin", compare(func(cmp int) bool { return cmp >= 0 }))
	register(v, "dmax", compare(func(cmp int) bool { return cmp <= 0 }))
	register(v, "dabove", compare(func(cmp int) bool { return cmp > 0 }))
	return v
}

// embedded stands in the validator's paths for a struct whose fields the client sees as the outer one's.
const embedded = "<embedded>"

func register(v *validator.Validate, tag string, fn validator.Func) {
	if err := v.RegisterValidation(tag, fn); err != nil {
		panic(err) // a programming error, found by the first test
	}
}

// Validate checks v (a pointer to a struct or slice) against its validate tags.
func Validate(v any) error {
	var err error
	if reflect.Indirect(reflect.ValueOf(v)).Kind() == reflect.Slice {
		err = validate.Var(v, "dive")
	} else {
		err = validate.Struct(v)
	}
	if rules, ok := err.(validator.ValidationErrors); ok { //nolint:errorlint // the library's documented form
		return broken(rules)
	}
	return err
}

func broken(rules validator.ValidationErrors) error {
	fields := make([]problem.Field, len(rules))
	for i, r := range rules {
		_, name, found := strings.Cut(r.Namespace(), ".")
		if !found {
			name = r.Field()
		}
		name = strings.ReplaceAll(name, embedded+".", "")
		fields[i] = problem.Field{Name: name, Rule: r.Tag(), Message: explain(r)}
	}
	return problem.Invalid.New("%s: %s", fields[0].Name, fields[0].Message).WithFields(fields...)
}

// explanations say what would be right; %s is the rule's parameter.
var explanations = map[string]string{
	"required": "must be given",
	"code":     "must match " + identity.CodePattern,
	"currency": "must be an ISO 4217 code that is supported, such as JPY or EUR",
	"plain":    "must not contain control characters or marks of direction",
	"min":      "must be at least %s (in characters, entries or as a number)",
	"max":      "must be at most %s (in characters, entries or as a number)",
	"dmin":     "must be at least %s",
	"dmax":     "must be at most %s",
	"dabove":   "must be more than %s",
	"oneof":    "must be one of: %s",
	"timezone": "must be an IANA time zone such as Asia/Tokyo",
	"datetime": "must be a date in the form of %s",
	"numeric":  "must be a number",
	"uuid":     "must be a UUID",
}

func explain(r validator.FieldError) string {
	text, ok := explanations[r.Tag()]
	if !ok {
		return "breaks the rule " + r.Tag()
	}
	if strings.Contains(text, "%s") {
		return fmt.Sprintf(text, r.Param())
	}
	return text
}
